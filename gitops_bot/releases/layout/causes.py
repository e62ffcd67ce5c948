"""Why pins outside of all environments may need none: nothing deploys them, or every user overrides them.

Kustomizations are judged by those that use them. If one refers to something outside the repository, its pins are
assumed to matter.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot import targets
from gitops_bot.errors import EditError
from gitops_bot.releases.layout.inference import is_below, is_fixture, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gitops_bot.targets.pin_file import PinFile

#: `dead`: matches no image. `overridden`: every user pins the image again. `unreferenced`: nothing deployed is built
#: from it. `fixture`: tests and examples read it. `vendored`: others released it. `encrypted`: no edit is possible
#: without the key. `archived`: nobody deploys it any more. `template`: a placeholder stands where the tag will be.
Cause = Literal["dead", "overridden", "unreferenced", "fixture", "vendored", "encrypted", "archived", "template"]

#: What they mean, for people.
DESCRIBED: Final[dict[Cause, str]] = {
    "dead": "they match no image",
    "overridden": "every user pins them again",
    "unreferenced": "nothing deploys them",
    "fixture": "they are for tests or examples",
    "vendored": "others released the files",
    "encrypted": "SOPS would refuse the file after an edit without the key",
    "archived": "they are archived",
    "template": "a placeholder stands in the place of the tag",
}

#: More kustomizations than these, a millisecond each, are not followed: nobody wants to wait for causes in `plan`.
_MOST_KUSTOMIZATIONS: Final = 2000

#: Directories that nobody deploys, those of one person's machine, and those that others build upon.
_ARCHIVES: Final = frozenset({".archive", ".trash", "archive", "archived", "trash"})
_VENDORS: Final = frozenset({"node_modules", "third-party", "third_party", "vendor", "vendored"})
#: What Flux writes for itself.
_VENDORED_FILES: Final = frozenset({"gotk-components.yaml"})
_LOCAL: Final = frozenset({"docker-desktop", "k3d", "kind", "local", "localhost", "minikube"})
_SHARED: Final = frozenset({"base", "bases", "component", "components"})


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """A file with pins that no environment claims, the environments built from it, and the causes of its entries."""

    pin_file: PinFile
    environments: tuple[str, ...]
    causes: tuple[Cause | None, ...]
    #: The environments that are built from it, where it may be without an effect in some of them.
    built: tuple[str, ...] = ()
    pinned_again_by: str = ""

    @property
    def directory(self) -> str:
        """Where it stands; `.` is the top."""
        return posixpath.dirname(self.pin_file.file) or "."


@dataclass(frozen=True, slots=True)
class Roots:
    """What is deployed: the directories of each environment's overlays, and what a manifest in the repository says.

    That is whether it deploys a directory, and whether it leaves it out.
    """

    overlays: Mapping[str, Collection[str]]
    is_deployed: Callable[[str], bool]
    is_left_out: Callable[[str], bool] = lambda _: False


def is_shared(directory: str) -> bool:
    """Whether a directory is one that others build upon, by its name."""
    return posixpath.basename(directory).casefold() in _SHARED


def _is_part(directory: str, parts: Collection[str]) -> bool:
    """Whether nobody deploys a directory itself: others build upon it, or it is for the machine of one person."""
    return is_shared(directory) or directory in parts or not _LOCAL.isdisjoint(directory.casefold().split("/"))


@dataclass(frozen=True)
class Judge:
    """What tells the causes of files that no environment claims, worked out as far as it is asked for.

    `files` are the contents of the kustomizations of a `tree` (path -> git mode), and more. Without `roots`, or if an
    environment is built from more than 20,000 files, nothing is `unreferenced`. `read` may leave files out.
    """

    files: Mapping[str, bytes]
    tree: Mapping[str, str]
    read: Callable[[Collection[str]], Mapping[str, bytes]]
    roots: Roots | None = None
    _overridden: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def overrides(self) -> targets.Overrides:
        """What kustomizations decide for what they are built from."""
        return targets.Overrides.of(self.files)

    @property
    def is_small(self) -> bool:
        """Whether there are few enough kustomizations to be followed."""
        return len(self.overrides.files) <= _MOST_KUSTOMIZATIONS

    @cached_property
    def _scenarios(self) -> frozenset[str]:
        return scenarios(self.tree)

    @cached_property
    def _parts(self) -> Collection[str]:
        return self.overrides.parts  # which reads them all

    @cached_property
    def _reached(self) -> tuple[Mapping[str, frozenset[str]], frozenset[str]] | None:
        if self.roots is None or not self.is_small:
            return None
        return _reached(self.roots, self.overrides, self._parts, self.tree, self.read)

    def environments(self, path: str) -> tuple[str, ...]:
        """The environments that are built from a file."""
        return tuple(name for name, paths in self._reached[0].items() if path in paths) if self._reached else ()

    def cause(self, path: str) -> Cause | None:
        """Why all pins of a file need no updates, by its place and by what uses it."""
        directory = posixpath.dirname(path) or "."
        cause = _by_place(path, self.tree) or ("fixture" if is_below(directory, self._scenarios) else None)
        if self.roots is None or self._reached is None:
            return cause
        if self.environments(path) or self.roots.is_deployed(directory):
            return None if cause == "fixture" else cause
        is_part = path not in self._reached[1] and _is_part(directory, self._parts)
        if cause is None and (is_part or self.roots.is_left_out(directory)):
            return "unreferenced"
        return cause

    def overrides_image(self, path: str, name: str) -> bool:
        """Whether every user of a manifest pins this image again."""
        if self.is_small:
            self.overrides.read_all()
        if path not in self._overridden:
            decided = self.overrides.by_users(path) | self.overrides.beside(path) if self.is_small else {}
            self._overridden[path] = frozenset(decided)
        return name in self._overridden[path]


def _by_place(path: str, tree: Mapping[str, str]) -> Cause | None:
    """What the names of a file and of its directories say."""
    *parts, name = path.casefold().split("/")
    if not _ARCHIVES.isdisjoint(parts):
        return "archived"
    if name in _VENDORED_FILES or not _VENDORS.isdisjoint(parts) or _is_dependency(path, tree):
        return "vendored"
    return "fixture" if is_fixture("/".join(parts)) else None


def _is_dependency(path: str, tree: Mapping[str, str]) -> bool:
    """Whether a file is of a chart that another chart has in its `charts/`."""
    before, found, _ = f"/{path}".partition("/charts/")
    return bool(found) and f"{before}/Chart.yaml"[1:] in tree


def find(judge: Judge, others: Iterable[str], reads: int = 1) -> tuple[OutsideFile, ...]:
    """The readable files with pins among `others`, in their order; `reads` is that of the configuration."""
    files = judge.files
    known = ((path, targets.target_of(path, reads)) for path in others if path in files)
    with_pins = [path for path, target in known if target is not None and target.count(files[path])]
    found = []
    for pin_file in targets.read_all(with_pins, files, reads)[0]:
        cause = judge.cause(pin_file.file)
        asked = cause is None and judge.is_small
        idle = targets.idle_entries(pin_file, judge.overrides, judge.tree, judge.read) if asked else ()
        environments = judge.environments(pin_file.file)
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
