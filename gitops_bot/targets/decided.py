"""What kustomizations decide for files that they are built from: an image that they pin changes by them alone."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from gitops_bot.targets.kustomization import KustomizationTarget
from gitops_bot.targets.kustomization.decides import Deciding, pinned
from gitops_bot.targets.kustomization.reach import REGULAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets import Target

#: Kustomizations that are read for it.
_MOST: Final = 20_000


@runtime_checkable
class Decided(Protocol):
    """A target whose files kustomizations may be built from."""

    def decided(self, by: Mapping[str, str]) -> Target:
        """The target with the images that kustomizations pin for a file, each with the path of the kustomization."""
        ...


def kustomizations(targets: Mapping[str, Target], tree: Mapping[str, str]) -> list[str]:
    """The files of a tree that may decide for these: none unless one is in the directory of a file, or above."""
    found = [path for path, mode in tree.items() if _is_one(path) and mode in REGULAR]
    directories = {posixpath.dirname(path) for path in found}
    below = (path for path, target in targets.items() if isinstance(target, Decided))
    return found[:_MOST] if directories and any(not directories.isdisjoint(_above(path)) for path in below) else []


def decided(targets: Mapping[str, Target], files: Mapping[str, bytes]) -> Mapping[str, Target]:
    """The targets of files, by their paths, with what those kustomizations say that were read.

    One that stands beside a file decides for it whether it names the file or not.
    """
    deciding = Deciding({path: data for path, data in files.items() if _is_one(path)})
    beside = {posixpath.dirname(path): path for path in sorted(files) if _is_one(path)}

    def completed(path: str, target: Target) -> Target:
        if not isinstance(target, Decided) or not beside:
            return target
        near = beside.get(posixpath.dirname(path))
        return target.decided({**deciding(path), **(pinned(files[near], near) if near is not None else {})})

    return {path: completed(path, target) for path, target in targets.items()}


def _is_one(path: str) -> bool:
    return KustomizationTarget().known_by(posixpath.basename(path)) is not None


def _above(path: str) -> set[str]:
    """The directory of a file and all above."""
    parts = path.split("/")[:-1]
    return {"/".join(parts[:end]) for end in range(len(parts) + 1)}
