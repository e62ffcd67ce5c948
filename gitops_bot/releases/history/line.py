"""The base branch's first-parent line, as git tells it: what each commit made of the files that were asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.images.reason import rfc3339
from gitops_bot.releases.layout.owners import above
from gitops_bot.targets import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.targets import FileTargets


@dataclass(frozen=True, slots=True)
class Step:
    """One commit, compared with its first parent.

    `at` is the committer's time in UTC, `author` as git has it (`Name <address>`). `changed` are the paths that it
    changed, `files` the bytes before and after of those with pins; None where there was no such file. `targets` read
    them.
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
        """What a reason tells scripts of it."""
        return {"commit": self.commit, "author": self.who, "at": rfc3339(self.at)}

    @property
    def who(self) -> str:
        """The author's name, without the address."""
        name = self.author.partition(" <")[0].strip()
        if not name.isprintable():
            name = "".join(char if char.isprintable() else " " for char in name)
        return " ".join(name.split())[:100] or "nobody"


@dataclass(frozen=True, slots=True)
class Line:
    """The commits that touched the files asked for, the newest first; `complete` when nothing older was cut away."""

    steps: tuple[Step, ...]
    complete: bool
    _touching: dict[str, tuple[Step, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_touching", {})

    def touching(self, overlay: str) -> tuple[Step, ...]:
        """The commits that changed a file of an overlay (`.` is the top) or below it, the newest first."""
        if not self._touching:  # many commands never ask
            self._touching.update(_by_directory(self.steps))
        return self._touching.get(overlay, ())


def _by_directory(steps: Sequence[Step]) -> dict[str, tuple[Step, ...]]:
    """The commits that changed a file in each directory, or below it."""
    touching: defaultdict[str, dict[str, Step]] = defaultdict(dict)
    for step in steps:
        for directory in {name for path in (*step.changed, *step.files) for name in above(path)}:
            touching[directory][step.commit] = step
    return {name: tuple(steps.values()) for name, steps in touching.items()}
