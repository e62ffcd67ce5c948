"""The kustomizations that pin an image of a manifest, and so decide in its place."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin
from gitops_bot.targets import kustomization
from gitops_bot.targets.kustomization.reach import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMPONENT: Final = re.compile(rb"^kind:[ \t]*[\"']?Component", re.MULTILINE)


def pinned(data: bytes, file: str) -> Mapping[str, str]:
    """The images that a kustomization has a tag or a digest for, each with its path; none where it cannot be read."""
    try:
        entries = kustomization.read(data, file).entries
    except EditError:
        return {}  # it is reported where it is read
    return {entry.name: file for entry in entries if entry.pin != Pin()}


class Deciding:
    """What the kustomizations of a repository, by their paths, decide for the files that they are built from."""

    def __init__(self, kustomizations: Mapping[str, bytes]) -> None:
        self._files = kustomizations
        self._known: dict[str, Mapping[str, str]] = {}

    def __call__(self, path: str) -> Mapping[str, str]:
        """The images that are pinned wherever a file, or the kustomization of a directory, is used.

        Each with the kustomization that pins it. Where one of several users pins an image and another one does not,
        what the file says decides for that one.
        """
        every = [self._by(user) for user in self._users(path)]
        common = set[str].intersection(*map(set, every)) if every else set[str]()
        return {name: every[0][name] for name in sorted(common)}

    def _by(self, user: str) -> Mapping[str, str]:
        """What a kustomization and those that use it pin."""
        if user not in self._known:
            self._known[user] = {}  # where they go round in a circle, which kustomize refuses
            self._known[user] = {**self(posixpath.dirname(user)), **self._own(user, set())}
        return self._known[user]

    def _own(self, user: str, seen: set[str]) -> Mapping[str, str]:
        """The images that a kustomization pins itself or by a component."""
        seen.add(user)
        components = [path for path in self._used(user) if path not in seen and _COMPONENT.search(self._files[path])]
        by_components = {name: file for path in components for name, file in self._own(path, seen).items()}
        return {**by_components, **pinned(self._files[user], user)}

    def _used(self, user: str) -> Iterator[str]:
        for path in _paths(user, self._files[user]):
            for name in kustomization.FILE_NAMES:
                if (file := posixpath.join(path, name)) in self._files:
                    yield file

    def _users(self, path: str) -> list[str]:
        name = posixpath.basename(path).encode()
        # A kustomization cannot use one that is above it, so each names the directory that it uses.
        near = (file for file, data in self._files.items() if name and name in data)
        return sorted(file for file in near if path in _paths(file, self._files[file]))


def _paths(file: str, data: bytes) -> frozenset[str]:
    """What a kustomization refers to, as paths of the repository; the empty text is its top."""
    found = references(data)
    if isinstance(found, Problem):
        return frozenset()
    base = posixpath.dirname(file)
    paths = (posixpath.normpath(posixpath.join(base, reference.text)) for reference in found)
    return frozenset("" if path == "." else path for path in paths)
