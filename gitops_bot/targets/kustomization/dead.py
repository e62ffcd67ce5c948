"""Overlay entries that match nothing any more, because a base gave the image another name.

kustomize transforms a base completely before the overlay sees it, so an overlay's `name` must be the base's `newName`.
A component transforms what stands before it in the list; bases beside one another know nothing of each other.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.targets.kustomization import FILE_NAMES, Kustomization
from gitops_bot.targets.pin_file import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.targets.pin_file import FileEntry, PinFile

_REGULAR = ("100644", "100755")
#: How deep bases are followed; nobody stacks so many.
_DEPTH = 50


def dead(
    files: Sequence[PinFile], tree: Mapping[str, str], read: Callable[[Collection[str]], Iterable[PinFile]]
) -> Iterator[Problem]:
    """The dead entries of these files, judged by the kustomizations that they build upon; see `Target`.

    A name is only taken for gone where no base still uses it; what a base does not mention cannot be known.
    """
    own = [file for file in files if isinstance(file, Kustomization)]
    by_directory = _with_bases(own, tree, read)
    for file in own:
        names, directory = _Names(), posixpath.dirname(file.file)
        # What builds upon itself is kustomize's to refuse: here such a place leaves nothing.
        _Reading(by_directory, {directory: _Names()}).below(directory, names, {directory})
        for entry, base_file, new_name in names.pass_through(file):
            message = f"the entry {entry.name!r} has no effect: {base_file} renames this image to {new_name}"
            yield problem(file, entry, message, f"write `name: {new_name}`, the name that the overlay sees")


def bases_of(file: Kustomization) -> list[str]:
    """The directories inside the repository that a kustomization may build upon."""
    found = []
    for item in file.resources:
        if "://" in item or item.startswith("/"):
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file.file), item))
        if path != ".." and not path.startswith("../"):
            found.append("" if path == "." else path)
    return found


def _with_bases(
    files: Sequence[Kustomization], tree: Mapping[str, str], read: Callable[[Collection[str]], Iterable[PinFile]]
) -> Mapping[str, Kustomization]:
    """These files and what they build upon, and so on, by directory. A base that cannot be read is left out."""
    known = {posixpath.dirname(file.file): file for file in files}
    seen = set(known)
    while wanted := {directory for file in files for directory in bases_of(file)} - seen:
        seen |= wanted
        there = [_present(directory, tree) for directory in sorted(wanted)]
        further = read([paths[0] for paths in there if len(paths) == 1])
        files = [file for file in further if isinstance(file, Kustomization)]
        known |= {posixpath.dirname(file.file): file for file in files}
    return known


def _present(directory: str, tree: Mapping[str, str]) -> list[str]:
    paths = [posixpath.join(directory, name) for name in FILE_NAMES]
    return [path for path in paths if tree.get(path) in _REGULAR]


class _Dead(NamedTuple):
    """An entry; the file that left it without a match, and what the image is called by now."""

    entry: FileEntry
    base_file: str
    new_name: str


@dataclass(slots=True)
class _Names:
    """What became of the names that images had: None where one is in use, else the file and the name that followed."""

    fates: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def pass_through(self, kustomization: Kustomization) -> Iterator[_Dead]:
        """Let the entries of one file do their work, one after the other; those that match nothing come back."""
        for entry in kustomization.images:
            if self.fates.get(entry.name) is not None:
                yield _Dead(entry, *self.last(entry.name))
                continue
            self.fates[entry.name] = None
            if entry.new_name and entry.new_name != entry.name:
                self.fates[entry.name] = (kustomization.file, entry.new_name)
                self.fates[entry.new_name] = None

    def last(self, name: str) -> tuple[str, str]:
        """The file that gave the image its present name, and that name."""
        # Ends: each name was in use when the one before it was given up for it.
        file = ""
        while (fate := self.fates.get(name)) is not None:
            file, name = fate
        return file, name

    def join(self, other: _Names) -> None:
        """Put what another base leaves beside it: a name that one of them still uses is in use."""
        for name, fate in other.fates.items():
            if fate is None or name not in self.fates:
                self.fates[name] = fate


@dataclass(frozen=True, slots=True)
class _Reading:
    by_directory: Mapping[str, Kustomization]
    #: What each base leaves, worked out once.
    known: dict[str, _Names]

    def below(self, directory: str, names: _Names, components: set[str], depth: int = _DEPTH) -> None:
        """Bring together what a kustomization builds upon; each component does its work once."""
        if depth == 0:
            return
        for base in bases_of(self.by_directory[directory]):
            found = self.by_directory.get(base)
            if found is None:
                continue
            if found.kind != "Component":
                names.join(self.base(base, depth - 1))
            elif base not in components:
                components.add(base)
                self.below(base, names, components, depth - 1)
                tuple(names.pass_through(found))

    def base(self, directory: str, depth: int) -> _Names:
        """What a whole base leaves."""
        if directory not in self.known:
            names = self.known[directory] = _Names()
            self.below(directory, names, set(), depth)
            tuple(names.pass_through(self.by_directory[directory]))
        return self.known[directory]
