"""Overlay entries that match nothing any more, because a base gave the image another name.

kustomize transforms a base completely before the overlay sees it, so an overlay's `name` must be the base's `newName`.
A component transforms what stands before it in the list; bases beside one another know nothing of each other.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.targets.kustomization import FILE_NAMES, Kustomization
from gitops_bot.targets.kustomization.references import REGULAR, inside
from gitops_bot.targets.pin_file import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.targets.pin_file import FileEntry, PinFile

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
        for entry, base_file, new_name in names.apply(file):
            message = f"the entry {entry.name!r} has no effect: {base_file} renames this image to {new_name}"
            yield problem(file, entry, message, f"write `name: {new_name}`, the name that the overlay sees")


def bases_of(file: Kustomization) -> list[str]:
    """The directories inside the repository that a kustomization may build upon."""
    paths = (inside(posixpath.dirname(file.file), item) for item in file.resources if "://" not in item)
    return [path for path in paths if path is not None]


def _with_bases(
    files: Sequence[Kustomization], tree: Mapping[str, str], read: Callable[[Collection[str]], Iterable[PinFile]]
) -> Mapping[str, Kustomization]:
    """These files and what they build upon, and so on, by directory. A base that cannot be read is left out."""
    known = {posixpath.dirname(file.file): file for file in files}
    seen = set(known)
    while wanted := {directory for file in files for directory in bases_of(file)} - seen:
        seen |= wanted
        present = [
            [path for name in FILE_NAMES if tree.get(path := posixpath.join(directory, name)) in REGULAR]
            for directory in sorted(wanted)
        ]
        further = read([paths[0] for paths in present if len(paths) == 1])
        files = [file for file in further if isinstance(file, Kustomization)]
        known |= {posixpath.dirname(file.file): file for file in files}
    return known


@dataclass(slots=True)
class _Names:
    """What became of the names that images had: None where one is in use, else the file and the name that followed."""

    fates: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def apply(self, kustomization: Kustomization) -> list[tuple[FileEntry, str, str]]:
        """Let the entries of one file do their work, one after the other; those that match nothing come back.

        Each with the file that gave the image its present name, and that name.
        """
        dead: list[tuple[FileEntry, str, str]] = []
        for entry in kustomization.images:
            file, name = "", entry.name
            # Ends: each name was in use when the one before it was given up for it.
            while (fate := self.fates.get(name)) is not None:
                file, name = fate
            if file:
                dead.append((entry, file, name))
                continue
            self.fates[entry.name] = None
            if entry.new_name and entry.new_name != entry.name:
                self.fates[entry.name] = (kustomization.file, entry.new_name)
                self.fates[entry.new_name] = None
        return dead


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
            kustomization = self.by_directory.get(base)
            if kustomization is None:
                continue
            if kustomization.kind != "Component":
                for name, fate in self.base(base, depth - 1).fates.items():
                    if fate is None or name not in names.fates:  # a name that one of several bases uses is in use
                        names.fates[name] = fate
            elif base not in components:
                components.add(base)
                self.below(base, names, components, depth - 1)
                names.apply(kustomization)

    def base(self, directory: str, depth: int) -> _Names:
        """What a whole base leaves."""
        if directory not in self.known:
            names = self.known[directory] = _Names()
            self.below(directory, names, set(), depth)
            names.apply(self.by_directory[directory])
        return self.known[directory]
