"""The base branch's first-parent line, as git tells it: what each commit made of the files that were asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from gitops_bot.images.reason import counted, rfc3339
from gitops_bot.releases.layout.owners import above
from gitops_bot.targets import BY_NAME, same_file, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.images.reference import Pin
    from gitops_bot.targets import FileTargets, Target
    from gitops_bot.targets.versions import State


@dataclass(frozen=True, slots=True)
class Step:
    """One commit, compared with its first parent.

    `at` is the committer's time in UTC, `author` as git has it (`Name <address>`). `changed` are all changed paths,
    `files` the bytes before and after of those with pins, None if there was no such file. `targets` read them.
    """

    commit: str
    parents: tuple[str, ...]
    at: datetime
    author: str
    message: str
    changed: tuple[str, ...]
    files: Mapping[str, tuple[bytes | None, bytes | None]]
    targets: FileTargets = BY_NAME
    #: The messages of the commits that a merge brought in, the newest first: a few of each branch.
    merged: tuple[str, ...] = ()

    @property
    def data(self) -> dict[str, str | int | None]:
        """The data of a reason that names it."""
        return {"commit": self.commit, "author": self.who, "at": rfc3339(self.at)}

    @property
    def who(self) -> str:
        """The author's name, without the address."""
        name = "".join(char if char.isprintable() else " " for char in self.author.partition(" <")[0])
        return " ".join(name.split())[:100] or "nobody"

    @property
    def occasion(self) -> str:
        """Where, when and by whom something was done, as a sentence names it."""
        return f"in {self.commit[:10]} on {self.at:%Y-%m-%d} by {self.who}"

    def sides(self, file: str) -> Mapping[str, tuple[bytes | None, bytes | None]]:
        """A file with pins before and after, by the names that it may have; empty if it did not change."""
        return {path: self.files[path] for path in same_file(file) if path in self.files}

    def may_hold(self, file: str, texts: Sequence[str]) -> bool:
        """Whether a file may have held one of these scalars, without parsing it; a backslash may spell any."""
        needles = [text.encode() for text in texts]
        versions_before = [data for data, _ in self.sides(file).values() if data is not None]
        return any(b"\\" in data or any(needle in data for needle in needles) for data in versions_before)

    def before(self, file: str) -> State:
        """The entries of a file before the commit."""
        return self._state(file, 0)

    def after(self, file: str) -> State:
        """The entries of a file after the commit."""
        return self._state(file, 1)

    def _state(self, file: str, side: Literal[0, 1]) -> State:
        present = [(path, data) for path, sides in self.sides(file).items() if (data := sides[side]) is not None]
        if len(present) != 1:
            return None if present else {}
        ((path, data),) = present
        return _read(self.targets[path], data)


@dataclass(frozen=True, slots=True)
class Line:
    """The commits that touched the wanted files, the newest first; `complete` if there is no older history.

    `commits` are the ids of all commits that were read, the newest first; `too_large` is the one after which it ends
    because that changes more than is read, if it is so; `limited` if there are older ones that were not asked for.
    """

    steps: tuple[Step, ...]
    complete: bool
    commits: tuple[str, ...] = ()
    too_large: str = ""
    limited: bool = False
    _places: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)
    _touching: dict[str, tuple[Step, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def more(self) -> str:
        """How to know more of it, or why nobody can; empty if there is no more."""
        if self.complete:
            return ""
        if self.too_large:
            return f"nothing before commit {self.too_large[:10]}, which changes too many files, can be read"
        if self.limited:
            return f"nothing older than the newest {counted(len(self.commits), 'commit')} is read"
        return "fetch the full history (`fetch-depth: 0`)"

    def touching(self, overlay: str) -> tuple[Step, ...]:
        """The commits that changed a file of an overlay (`.` is the top) or below it, the newest first."""
        if not self._touching:  # many commands never ask
            by_directory: defaultdict[str, dict[str, Step]] = defaultdict(dict)
            for step in self.steps:
                for directory in {name for path in (*step.changed, *step.files) for name in above(path)}:
                    by_directory[directory][step.commit] = step
            self._touching.update({name: tuple(steps.values()) for name, steps in by_directory.items()})
        return self._touching.get(overlay, ())

    def between(self, first: str, end: str | None) -> tuple[str, ...]:
        """The commits from `first` up to the one before `end` (or to the newest), the newest first; else nothing."""
        if not self._places:
            self._places.update((commit, at) for at, commit in enumerate(self.commits))
        start = self._places.get(end, -1) + 1 if end is not None else 0
        return self.commits[start : self._places.get(first, -1) + 1]


@lru_cache(maxsize=256)  # what one commit leaves is what the next one finds, and every entry asks again
def _read(target: Target | None, data: bytes) -> State:
    return versions.state(target, data) if target is not None else None


def agree(pin: Pin, other: Pin) -> bool:
    """Whether two pins agree in what both have: `v1` and `v1@sha256:...` do, `v1` and a digest do not."""
    tags = None not in (pin.tag, other.tag)
    digests = None not in (pin.digest, other.digest)
    if (tags and pin.tag != other.tag) or (digests and pin.digest != other.digest):
        return False
    return tags or digests
