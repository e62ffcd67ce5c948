"""What an overlay consists of: its files, and for a kustomization all that this builds upon."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets.kustomization import FILE_NAMES
from gitops_bot.targets.kustomization.references import REGULAR, inside, references

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gitops_bot.targets.kustomization.references import Kind, Reference

#: Files that are followed; the largest of the repositories that people publish have some hundred for an environment.
FILE_LIMIT: Final = 20_000
#: git's modes of symbolic links and submodules.
_FOREIGN: Final = ("120000", "160000")
#: `https://...`, `git::...`, `git@host:...`, `github.com/...`.
_REMOTE: Final = re.compile(r"git@|[a-z0-9+.-]{1,253}(?:://|::|\.[a-z]{2,20}[:/])", re.IGNORECASE)
#: Why a reference is not followed: it leads to another server, out of the repository, to nothing that is there, or to
#: a symbolic link or submodule; or the file is none that can be read, so that what it refers to is not known.
Why = Literal["remote", "outside", "absent", "link", "unreadable"]


class Unfollowed(NamedTuple):
    """A reference that is not followed: where it stands, what it says, and why."""

    file: str
    line: int
    reference: str
    why: Why


class Reached(NamedTuple):
    """The paths of files, and what could not be followed."""

    files: frozenset[str]
    unfollowed: tuple[Unfollowed, ...]


def reached(
    directories: Collection[str],
    tree: Mapping[str, str],
    read: Callable[[Collection[str]], Mapping[str, bytes]],
    is_foreign: Callable[[str], bool],
) -> Reached:
    """The files of overlays in these directories (`.` is the top).

    A kustomization reaches what it refers to. Of any other directory these are all files below it that are not
    foreign. `tree` are the paths that there are, with git's modes; `read` gives the bytes of files.

    Raises:
        EditError: they are more than 20,000.
    """
    walk = _Walk(tree, sorted(tree))
    others = [directory for directory in directories if not walk.enter("" if directory == "." else directory)]
    while walk.waiting:
        batch, walk.waiting = walk.waiting, []
        data = read([file for file, _, _ in batch])
        for file, base, kind in batch:
            walk.follow(file, base, data.get(file, b""), kind)
    links: set[Unfollowed] = set()
    for path in {path for directory in others for path in walk.below(directory) if not is_foreign(path)}:
        if tree[path] in REGULAR:
            walk.add(path)
        else:
            links.add(Unfollowed(path, 1, path, "link"))
    return Reached(frozenset(walk.files), (*sorted(set(walk.unfollowed)), *sorted(links)))


@dataclass(slots=True)
class _Walk:
    tree: Mapping[str, str]
    paths: Sequence[str]
    files: set[str] = field(default_factory=set)
    unfollowed: list[Unfollowed] = field(default_factory=list)
    #: Files to read next: each with the directory that its paths are relative to.
    waiting: list[tuple[str, str, Kind]] = field(default_factory=list)
    _entered: set[tuple[str, str]] = field(default_factory=set)

    def enter(self, directory: str) -> bool:
        """Follow the kustomization of a directory; whether there is one."""
        names = [posixpath.join(directory, name) for name in FILE_NAMES]
        present = [path for path in names if self.tree.get(path) in REGULAR]
        for path in present:
            self._wait(path, directory, "resource")
        return bool(present)

    def follow(self, file: str, base: str, data: bytes, kind: Kind) -> None:
        """What a kustomization, or the configuration of a plug-in, refers to."""
        match references(data, plugin=kind == "plugin"):
            case Problem() as problem:
                self.unfollowed.append(Unfollowed(file, problem.line or 1, problem.message, "unreadable"))
            case named:
                for reference in named:
                    if (why := self._take(base, reference)) is not None:
                        text = reference.instead or reference.text
                        why = "remote" if _REMOTE.match(text) else why
                        self.unfollowed.append(Unfollowed(file, reference.line, text[:500], why))

    def _take(self, base: str, reference: Reference) -> Why | None:
        """Why a reference cannot be followed, None where it can."""
        path = inside(base, reference.text)
        if path is None:
            return "outside"
        if self.tree.get(path) in REGULAR:
            self.add(path)
            if reference.kind == "plugin":
                self._wait(path, base, "plugin")
            return None
        if reference.kind == "chart" and (chart := [file for file in self.below(path) if self.tree[file] in REGULAR]):
            self.add(*chart)
            return None
        if reference.kind in ("resource", "plugin") and self.enter(path):
            return None
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return "link" if any(self.tree.get(directory) in _FOREIGN for directory in above) else "absent"

    def _wait(self, file: str, base: str, kind: Kind) -> None:
        if (file, base) not in self._entered:
            self._entered.add((file, base))
            self.add(file)
            self.waiting.append((file, base, kind))

    def add(self, *paths: str) -> None:
        """Count these files in."""
        self.files.update(paths)
        if len(self.files) > FILE_LIMIT:
            message = f"the environment builds upon more than {FILE_LIMIT:,} files"
            raise EditError(Problem("failed.edit", message, "name fewer overlays in one environment"))

    def below(self, directory: str) -> Sequence[str]:
        """The paths below a directory (empty or `.` is the top)."""
        if directory in ("", "."):
            return self.paths
        return self.paths[bisect_left(self.paths, f"{directory}/") : bisect_left(self.paths, f"{directory}0")]
