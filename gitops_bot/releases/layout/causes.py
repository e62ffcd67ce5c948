"""Why pins outside of all environments may need none: nothing deploys them, or every user overrides them.

Kustomizations are judged by those that use them. If one refers to something outside the repository, its pins are
assumed to matter.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot import targets
from gitops_bot.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gitops_bot.targets.pin_file import PinFile

#: `dead`: matches no image. `overridden`: every user pins the image again. `unreferenced`: nothing deployed is built
#: from it. `fixture`: tests and examples read it.
Cause = Literal["dead", "overridden", "unreferenced", "fixture"]

#: What they mean, for people.
DESCRIBED: Final[dict[Cause, str]] = {
    "dead": "they match no image",
    "overridden": "every user pins them again",
    "unreferenced": "nothing deploys them",
    "fixture": "they are for tests or examples",
}

#: More kustomizations than these, a millisecond each, are not followed: nobody wants to wait for causes in `plan`.
_MOST_KUSTOMIZATIONS: Final = 2000

#: Directories that nobody deploys, those of one person's machine, and those that others build upon.
_FIXTURES: Final = frozenset(
    {"e2e", "example", "examples", "fixture", "fixtures", "sample", "samples", "testdata", "tests"}
)
_LOCAL: Final = frozenset({"docker-desktop", "k3d", "kind", "local", "localhost", "minikube"})
_SHARED: Final = frozenset({"base", "bases", "component", "components"})


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """A file with pins that no environment claims, the environments built from it, and the causes of its entries."""

    pin_file: PinFile
    environments: tuple[str, ...]
    causes: tuple[Cause | None, ...]

    @property
    def directory(self) -> str:
        """Where it stands; `.` is the top."""
        return posixpath.dirname(self.pin_file.file) or "."


@dataclass(frozen=True, slots=True)
class Roots:
    """What is deployed: the directories of each environment's overlays, and what a manifest in the repository says."""

    overlays: Mapping[str, Collection[str]]
    is_deployed: Callable[[str], bool]


def is_fixture(directory: str) -> bool:
    """Whether the files of a directory are for tests or examples, by its name."""
    return not _FIXTURES.isdisjoint(directory.casefold().split("/"))


def is_shared(directory: str) -> bool:
    """Whether a directory is one that others build upon, by its name."""
    return posixpath.basename(directory).casefold() in _SHARED


def _is_part(directory: str, parts: Collection[str]) -> bool:
    """Whether nobody deploys a directory itself: others build upon it, or it is for the machine of one person."""
    return is_shared(directory) or directory in parts or not _LOCAL.isdisjoint(directory.casefold().split("/"))


def find(
    files: Mapping[str, bytes],
    others: Iterable[str],
    tree: Mapping[str, str],
    read: Callable[[Collection[str]], Mapping[str, bytes]],
    roots: Roots | None = None,
) -> tuple[OutsideFile, ...]:
    """The readable files with pins among `others`, in their order.

    `files` are the contents of those, and of the kustomizations of the environments. Without `roots`, or if an
    environment is built from more than 20,000 files, nothing is `unreferenced`. `read` may leave files out.
    """
    known = ((path, targets.target_of(path)) for path in others if path in files)
    with_pins = [path for path, target in known if target is not None and target.count(files[path])]
    overrides = targets.Overrides.of(files)
    few = len(overrides.files) <= _MOST_KUSTOMIZATIONS
    parts: Collection[str] = ()
    reached = None
    if roots is not None and with_pins and few:
        parts = overrides.parts  # which reads them all
        reached = _reached(roots, overrides, parts, tree, read)
    found = []
    for pin_file in targets.read_all(with_pins, files)[0]:
        directory = posixpath.dirname(pin_file.file) or "."
        environments: tuple[str, ...] = ()
        cause: Cause | None = "fixture" if is_fixture(directory) else None
        if roots is not None and reached is not None:
            by_name, by_others = reached
            environments = tuple(name for name, paths in by_name.items() if pin_file.file in paths)
            if environments or roots.is_deployed(directory):
                cause = None
            elif cause is None and pin_file.file not in by_others and _is_part(directory, parts):
                cause = "unreferenced"
        idle = targets.idle_entries(pin_file, overrides, tree, read) if cause is None and few else ()
        found.append(OutsideFile(pin_file, environments, idle or (cause,) * len(pin_file.entries)))
    return tuple(found)


def _reached(
    roots: Roots,
    overrides: targets.Overrides,
    parts: Collection[str],
    tree: Mapping[str, str],
    read: Callable[[Collection[str]], Mapping[str, bytes]],
) -> tuple[Mapping[str, frozenset[str]], frozenset[str]] | None:
    """The files that each environment is built from, and everything else; None if there are too many to follow."""

    def reach(directories: Collection[str]) -> frozenset[str]:
        return targets.reach(directories, tree, read, lambda _: False).files

    directories = {posixpath.dirname(file) or "." for file in overrides.files}
    tops = {path for path in directories if not _is_part(path, parts) or roots.is_deployed(path)}
    try:
        return {name: reach(own) for name, own in roots.overlays.items()}, reach(tops)
    except EditError:
        return None
