"""What kustomizations decide for files that they are built from: an image that they pin changes by them alone."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final, Protocol, TypeGuard

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin
from gitops_bot.targets import kustomization
from gitops_bot.targets.kustomization.references import REGULAR, inside, references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.targets import Target

#: Kustomizations that are read for it.
_MOST: Final = 20_000
_COMPONENT: Final = re.compile(rb"^kind:[ \t]*[\"']?Component", re.MULTILINE)


class Decided(Protocol):
    """A target whose files kustomizations may be built from."""

    def decided(self, by: Mapping[str, str]) -> Target:
        """The target with the images that kustomizations pin for a file, each with the path of the kustomization."""
        ...


def kustomizations(targets: Mapping[str, Target], tree: Mapping[str, str]) -> list[str]:
    """The files of a tree that may decide for these: none unless one is in the directory of a file, or above."""
    present = [path for path in _of_kustomize(tree) if tree[path] in REGULAR]
    directories = {posixpath.dirname(path) for path in present}
    for path in (path for path, target in targets.items() if directories and _is_decided(target)):
        parts = path.split("/")[:-1]
        if any("/".join(parts[:end]) in directories for end in range(len(parts) + 1)):
            return present[:_MOST]
    return []


def decided(targets: Mapping[str, Target], files: Mapping[str, bytes]) -> Mapping[str, Target]:
    """The targets of files, by their paths, with what those kustomizations say that were read.

    One that stands beside a file decides for it whether it names the file or not.
    """
    deciding = _Deciding({path: files[path] for path in sorted(_of_kustomize(files))})
    return {
        path: target.decided(deciding.by_users(path) | deciding.beside(path)) if _is_decided(target) else target
        for path, target in targets.items()
    }


def _is_decided(target: Target) -> TypeGuard[Decided]:
    return hasattr(target, "decided")


def _of_kustomize(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if posixpath.basename(path) in kustomization.FILE_NAMES]


class _Deciding:
    """What the kustomizations of a repository, by their paths, decide for the files that they are built from."""

    def __init__(self, kustomizations: Mapping[str, bytes]) -> None:
        self._files = kustomizations
        self._beside = {posixpath.dirname(path): path for path in kustomizations}
        self._known: dict[str, dict[str, str]] = {}

    def by_users(self, path: str) -> dict[str, str]:
        """The images that are pinned wherever a file, or the kustomization of a directory, is used.

        Each with the kustomization that pins it. Where one of several users pins an image and another one does not,
        what the file says decides for that one.
        """
        name = posixpath.basename(path).encode()
        # A kustomization cannot use one that is above it, so each names the directory that it uses.
        near = sorted(file for file, data in self._files.items() if name and name in data)
        every = [self._by(user) for user in near if path in self._paths(user)]
        common = set[str].intersection(*map(set, every)) if every else set[str]()
        return {name: every[0][name] for name in sorted(common)}

    def beside(self, path: str) -> dict[str, str]:
        """The images that the kustomization in the directory of a file pins itself."""
        file = self._beside.get(posixpath.dirname(path))
        return self._pinned(file) if file is not None else {}

    def _by(self, user: str) -> dict[str, str]:
        """What a kustomization and those that use it pin."""
        if user not in self._known:
            self._known[user] = {}  # where they go round in a circle, which kustomize refuses
            self._known[user] = self.by_users(posixpath.dirname(user)) | self._own(user, set())
        return self._known[user]

    def _own(self, user: str, seen: set[str]) -> dict[str, str]:
        """The images that a kustomization pins itself or by a component."""
        seen.add(user)
        used = (posixpath.join(path, name) for path in self._paths(user) for name in kustomization.FILE_NAMES)
        components = [file for file in used if file in self._files and file not in seen]
        by_components = [self._own(file, seen) for file in components if _COMPONENT.search(self._files[file])]
        return {name: file for by in by_components for name, file in by.items()} | self._pinned(user)

    def _pinned(self, file: str) -> dict[str, str]:
        """The images that a kustomization has a tag or a digest for, each with its path."""
        try:
            entries = kustomization.read(self._files[file], file).entries
        except EditError:
            return {}  # it is reported where it is read
        return {entry.name: file for entry in entries if entry.pin != Pin()}

    def _paths(self, file: str) -> frozenset[str]:
        """What a kustomization refers to, as paths of the repository; the empty text is its top."""
        listed = references(self._files[file])
        if isinstance(listed, Problem):
            return frozenset()
        paths = (inside(posixpath.dirname(file), reference.text) for reference in listed)
        return frozenset(path for path in paths if path is not None)
