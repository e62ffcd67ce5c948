"""Which files hold pins along a line of commits, including files that were removed or hold none any more.

How such a file was read up to then, its newest version with pins tells: by a setting, else by its content, unless a
kustomization in its directory or above uses it.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.releases.layout.overlays import REGULAR, SUBMODULE
from gitops_bot.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.targets import FileClaim, FileTargets, Target

_KUSTOMIZATIONS = tuple(name for target in TARGETS if target.ALONE for name in target.FILE_NAMES)
ABSENT = "000000"


class TreeChange(NamedTuple):
    """A file before and after; bytes of its path that are not UTF-8 are lone surrogates."""

    path: str
    modes: tuple[str, str]
    ids: tuple[str, str]

    @property
    def name(self) -> str:
        """The path for people: bytes that are not UTF-8 are escaped."""
        return self.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    @property
    def is_utf8(self) -> bool:
        """Whether `name` is the path itself."""
        return self.path.isascii() or self.name == self.path

    def objects(self) -> Iterator[str]:
        """The ids of both sides that are blobs of this repository."""
        return (oid for mode, oid in zip(self.modes, self.ids, strict=True) if mode not in (ABSENT, SUBMODULE))


class ChangedTrees(NamedTuple):
    """What a commit changed, and the trees before and after it."""

    changes: Sequence[TreeChange]
    before: str
    after: str


class DoubtfulFile(NamedTuple):
    """A file whose name does not tell how it was read: its content does, or files beside it."""

    path: str
    claim: FileClaim
    by_content: bool
    reads_beside: bool


class FileVersion(NamedTuple):
    """A version of a file, the index of the commit that added or removed it, and a tree that has it."""

    place: int
    file: DoubtfulFile
    blob: str
    tree: str

    @property
    def directory(self) -> str:
        """Its directory, as git calls it."""
        return f"{self.tree}:{posixpath.dirname(self.file.path)}"


@dataclass(slots=True)
class _Kustomizations:
    """Which directories have a kustomization, going back commit by commit."""

    newest: Collection[str]
    _changed: dict[str, bool] = field(default_factory=dict)
    _above: dict[str, bool] = field(default_factory=dict)

    def undo(self, changes: Iterable[TreeChange]) -> None:
        """Go back to before a commit with these changes."""
        before: defaultdict[str, bool] = defaultdict(bool)
        for change in changes:
            if ABSENT in change.modes:
                directory, name = posixpath.split(change.path)
                if name in _KUSTOMIZATIONS:
                    before[directory] |= change.modes[0] != ABSENT
        if before:
            self._changed |= before
            self._above.clear()

    def above(self, directory: str) -> bool:
        """Whether there is one in a directory or above."""
        if directory not in self._above:
            here = self._changed.get(directory)
            if here is None:
                here = any(posixpath.join(directory, name) in self.newest for name in _KUSTOMIZATIONS)
            self._above[directory] = here or (bool(directory) and self.above(posixpath.dirname(directory)))
        return self._above[directory]


class PinFiles:
    """The files with pins of a line that is read in parts, the newest first; `targets` read them.

    `tree` lists all paths of a commit. `read` gives each version and the files beside it, by name; it may leave out
    some if there are too many.
    """

    def __init__(
        self,
        targets: FileTargets,
        tree: Callable[[str], Collection[str]],
        read: Callable[[Sequence[FileVersion]], Mapping[FileVersion, Mapping[str, bytes]]],
    ) -> None:
        self._tree, self._read, self._present = tree, read, targets
        #: Including files that no longer hold pins.
        self.targets = targets
        self._former: set[str] = set()
        self._files: dict[str, DoubtfulFile | None] = {}
        self._kustomizations: _Kustomizations | None = None

    def changes(self, newest: str, commits: Sequence[ChangedTrees], *, older: bool) -> list[list[TreeChange]]:
        """What each of these commits, the newest first, changed in files that held pins then.

        The commits are of the line of `newest`, and `older` than all before, or newer.
        """
        since = dict.fromkeys(self._former, 0 if older else len(commits))
        if self.targets.claim is not None:
            present = self._tree(newest)
            kustomizations = self._kustomizations if older else None
            kustomizations = kustomizations or _Kustomizations(present)
            self._kustomizations = self._kustomizations or kustomizations
            versions = list(self._candidates(commits, present, kustomizations))
            # The files that held pins once, each with the index of the newest commit at which it did.
            following = {
                version.file.path: version.file.claim.following for version in versions if version.file.claim.following
            }
            since |= dict.fromkeys(following, 0)
            by_path: dict[str, Target] = {}
            read = self._read([version for version in versions if version.file.path not in following])
            for version, files in read.items():
                path = version.file.path
                target = version.file.claim.target_of_version(path, files)
                if target is not None and path not in by_path:
                    by_path[path] = target
                    since[path] = version.place
            if by_path or following:
                self._former |= by_path.keys() | following.keys()
                self._files |= dict.fromkeys(self._former)
                self.targets = self.targets.plus(by_path, following)
        return [
            [
                change
                for change in commit.changes
                # A path that is not UTF-8 belongs to no overlay.
                if change.is_utf8
                and (self._present.holds_pins(change.path) or since.get(change.path, len(commits)) <= place)
            ]
            for place, commit in enumerate(commits)
        ]

    def _candidates(
        self, commits: Sequence[ChangedTrees], present: Collection[str], kustomizations: _Kustomizations
    ) -> Iterator[FileVersion]:
        """The versions that may have held pins, each file's newest first."""
        seen: set[tuple[str, str, str]] = set()
        for place, (changes, before, after) in enumerate(commits):
            for change in changes:
                if change.path not in self._files:
                    self._files[change.path] = self._doubtful(change, present)
            doubtful = [(change, file) for change in changes if (file := self._files[change.path]) is not None]
            for side, tree in ((1, after), (0, before)):
                if side == 0:
                    kustomizations.undo(changes)
                for change, file in doubtful:
                    if change.modes[side] not in REGULAR or (
                        file.by_content
                        and not file.claim.named
                        and kustomizations.above(posixpath.dirname(change.path))
                    ):
                        continue
                    version = change.path, change.ids[side], tree if file.reads_beside else ""
                    if version not in seen:
                        seen.add(version)
                        yield FileVersion(place, file, change.ids[side], tree)

    def _doubtful(self, change: TreeChange, present: Collection[str]) -> DoubtfulFile | None:
        """The file of a change, if neither its name nor the present file tells how to read it."""
        path = change.path
        is_present = path in present
        if not change.is_utf8 or self.targets.claim is None or (is_present and self._present.holds_pins(path)):
            return None
        claim = self.targets.claim(path)
        if claim is None or (is_present and claim.target is not None):
            return None
        file = DoubtfulFile(path, claim, claim.by_content(path), claim.reads_beside(path))
        return file if claim.following or claim.target or file.by_content or file.reads_beside else None
