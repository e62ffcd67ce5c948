"""What kustomizations change in what they are built from: names that a base gave up, and images that they pin.

kustomize transforms a base completely before the overlay sees it, so an overlay's `name` must be the base's `newName`:
an overlay entry that matches nothing any more is dead. A component transforms what stands before it in the list; bases
beside one another know nothing of each other. An image of a manifest that a kustomization pins changes by it alone.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin, split
from gitops_bot.targets.kustomization import FILE_NAMES, Kustomization, read
from gitops_bot.targets.kustomization.references import REGULAR, inside, reach, references
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.targets.pin_file import FileEntry, PinFile, Target

#: Why an entry has no effect: it matches no image, or every user pins the image again.
Idle = Literal["dead", "overridden"]

#: How deep bases are followed; nobody stacks so many.
_DEPTH = 50
#: Kustomizations that are read for it.
_MOST: Final = 20_000
_COMPONENT: Final = re.compile(rb"^kind:[ \t]*[\"']?Component", re.MULTILINE)
#: What has the name of an image in a manifest, and in a kustomization that renames one.
_IMAGE: Final = re.compile(rb"(?:image|newName)[\"']?[ \t]*:[ \t]*[\"']?([^\s\"'#,}]+)", re.IGNORECASE)
#: The same in a patch, which may stand in the kustomization itself; the value may be anything else, too.
_PATCHED: Final = re.compile(rb"\b(?:image|value)[\"']?[ \t]*:[ \t]*[\"']?([^\s\"'#,}]+)")
#: What makes resources that stand in no file.
_GENERATORS: Final = re.compile(rb"^[\"']?(?:helmCharts|helmChartInflationGenerator|generators)\b", re.MULTILINE)


def dead_entries(
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
        without_effect: list[tuple[FileEntry, str, str]] = []
        for entry in kustomization.images:
            file, name = "", entry.name
            # Ends: each name was in use when the one before it was given up for it.
            while (fate := self.fates.get(name)) is not None:
                file, name = fate
            if file:
                without_effect.append((entry, file, name))
                continue
            self.fates[entry.name] = None
            if entry.new_name and entry.new_name != entry.name:
                self.fates[entry.name] = (kustomization.file, entry.new_name)
                self.fates[entry.new_name] = None
        return without_effect


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


def overriding_files(targets: Mapping[str, Target], tree: Mapping[str, str]) -> list[str]:
    """The files of a tree that may decide for these: none unless one is in the directory of a file, or above."""
    present = [path for path, mode in tree.items() if posixpath.basename(path) in FILE_NAMES and mode in REGULAR]
    directories = {posixpath.dirname(path) for path in present}
    for path in (path for path, target in targets.items() if directories and isinstance(target, ManifestsTarget)):
        parts = path.split("/")[:-1]
        if any("/".join(parts[:end]) in directories for end in range(len(parts) + 1)):
            return present[:_MOST]
    return []


def with_overrides(targets: Mapping[str, Target], files: Mapping[str, bytes]) -> Mapping[str, Target]:
    """The targets of files, by their paths, with what those kustomizations say that were read.

    One that stands beside a file decides for it whether it names the file or not.
    """
    overrides = Overrides.of(files)
    return {
        path: replace(target, above=tuple((overrides.by_users(path) | overrides.beside(path)).items()))
        if isinstance(target, ManifestsTarget)
        else target
        for path, target in targets.items()
    }


def idle_entries(
    file: PinFile, overrides: Overrides, tree: Mapping[str, str], read: Callable[[Collection[str]], Mapping[str, bytes]]
) -> tuple[Idle | None, ...]:
    """For each entry of a file that is built upon: whether it has an effect (None), and why not.

    An image of a resource that nobody can read, such as one of a chart or of another repository, may have any name.
    """
    if not isinstance(file, Kustomization) or file.kind == "Component":
        return (None,) * len(file.entries)  # a component is applied to what its user is built from
    directory = posixpath.dirname(file.file)
    again, names = overrides.by_users(directory), _image_names(file, directory, tree, read)

    def judge(entry: FileEntry) -> Idle | None:
        if (entry.new_name or entry.name) in again:
            return "overridden"
        return "dead" if names is not None and entry.name not in names else None

    def judge_other(entry: FileEntry) -> Idle | None:
        return "overridden" if file.target.reads >= 2 and entry.repository in again else None

    return (*map(judge, file.images), *map(judge_other, file.entries[file.listed :]))


def _image_names(
    file: Kustomization, directory: str, tree: Mapping[str, str], read: Callable[[Collection[str]], Mapping[str, bytes]]
) -> set[str] | None:
    """The names of all images that a kustomization is built from; None where nobody can know them."""
    try:
        reached = reach([directory or "."], tree, read, lambda _: False)
    except EditError:  # too many to follow
        return None
    files = read(sorted(reached.files))
    unknown = reached.unfollowed or len(files) < len(reached.files)
    if unknown or any(map(_GENERATORS.search, files.values())):
        return None
    below = (data for path, data in files.items() if path != file.file)
    names = {split(match[1].decode("utf-8", "replace"))[0] for data in below for match in _IMAGE.finditer(data)}
    names |= {split(match[1].decode("utf-8", "replace"))[0] for match in _PATCHED.finditer(b"\n".join(files.values()))}
    if not names:
        return None  # whatever this is, it is no set of manifests that its entries could match
    return names | {entry.new_name for entry in file.images if entry.new_name and entry.new_name != entry.name}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the kustomizations of a repository, by their paths, decide for the files that they are built from."""

    files: Mapping[str, bytes]
    #: What each kustomization and those that use it pin, and what each refers to, worked out once.
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    referred: dict[str, frozenset[str]] = field(default_factory=dict)
    #: Those that refer to a path, where they were all read: for many questions.
    users: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Overrides:
        """By the kustomizations among these files."""
        return cls({path: data for path, data in files.items() if posixpath.basename(path) in FILE_NAMES})

    def read_all(self) -> None:
        """Read them all once: then each further question is answered without a search."""
        for file in sorted(self.files) if not self.users else ():
            for path in self.paths(file):
                self.users.setdefault(path, []).append(file)

    @property
    def parts(self) -> frozenset[str]:
        """The directories that some kustomization is built from, and those of components."""
        components = {posixpath.dirname(file) for file, data in self.files.items() if _COMPONENT.search(data)}
        return frozenset(components.union(*map(self.paths, self.files)))

    def by_users(self, path: str) -> dict[str, str]:
        """The images that are pinned wherever a file, or the kustomization of a directory, is used.

        Each with the kustomization that pins it. Where one of several users pins an image and another one does not,
        what the file says decides for that one.
        """
        every = [self._by(user) for user in self._users(path)]
        common = set[str].intersection(*map(set, every)) if every else set[str]()
        return {name: every[0][name] for name in sorted(common)}

    def _users(self, path: str) -> list[str]:
        name = posixpath.basename(path).encode()
        # A kustomization cannot use one that is above it, so each names the directory that it uses.
        if self.users:
            return self.users.get(path, []) if name else []
        near = sorted(file for file, data in self.files.items() if name and name in data)
        return [user for user in near if path in self.paths(user)]

    def lets_through(self, path: str, image: str, directories: Collection[str]) -> bool:
        """Whether one of these directories gets an image as a file that it is built from pins it."""
        if image in self.beside(path):
            return False
        waiting, seen = [path], set[str]()
        while waiting:
            for user in self._users(waiting.pop()):
                directory = posixpath.dirname(user)
                if user in seen or image in self._own(user, set()):
                    continue
                if (directory or ".") in directories:
                    return True
                seen.add(user)
                waiting.append(directory)
        above = [directory for directory in directories if directory == "." or path.startswith(f"{directory}/")]
        with_own = {posixpath.dirname(file) or "." for file in self.files}
        return not with_own.issuperset(above)

    def beside(self, path: str) -> dict[str, str]:
        """The images that the kustomization in the directory of a file pins itself."""
        beside = [posixpath.join(posixpath.dirname(path), name) for name in FILE_NAMES]
        file = max((file for file in beside if file in self.files), default=None)
        return self._pins_of(file) if file is not None else {}

    def _by(self, user: str) -> dict[str, str]:
        if user not in self.known:
            self.known[user] = {}  # where they go round in a circle, which kustomize refuses
            self.known[user] = self.by_users(posixpath.dirname(user)) | self._own(user, set())
        return self.known[user]

    def _own(self, user: str, seen: set[str]) -> dict[str, str]:
        seen.add(user)
        used = (posixpath.join(path, name) for path in self.paths(user) for name in FILE_NAMES)
        components = [file for file in used if file in self.files and file not in seen]
        by_components = [self._own(file, seen) for file in components if _COMPONENT.search(self.files[file])]
        return {name: file for by in by_components for name, file in by.items()} | self._pins_of(user)

    def _pins_of(self, file: str) -> dict[str, str]:
        """The images that a kustomization has a tag or a digest for, each with its path."""
        try:
            entries = read(self.files[file], file).entries
        except EditError:
            return {}  # it is reported where it is read
        return {entry.name: file for entry in entries if entry.pin != Pin()}

    def paths(self, file: str) -> frozenset[str]:
        """What a kustomization refers to, as paths of the repository; the empty text is its top."""
        if file not in self.referred:
            listed = references(self.files[file])
            readable = () if isinstance(listed, Problem) else listed
            paths = (inside(posixpath.dirname(file), reference.text) for reference in readable)
            self.referred[file] = frozenset(path for path in paths if path is not None)
        return self.referred[file]
