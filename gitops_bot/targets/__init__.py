"""The kinds of files that hold pins. A new one is a folder here, a line in `TARGETS`, and its settings in `config/`."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from gitops_bot.errors import EditError, bugs_as, noted
from gitops_bot.targets.compose import ComposeTarget
from gitops_bot.targets.document import sealed_by
from gitops_bot.targets.env import EnvTarget
from gitops_bot.targets.helm import CHART, Default, HelmTarget, repositories
from gitops_bot.targets.helm.kustomize import may_be_source
from gitops_bot.targets.kustomization import KustomizationTarget
from gitops_bot.targets.kustomization.bases import (
    Overrides,
    dead_entries,
    idle_entries,
    overriding_files,
    with_overrides,
)
from gitops_bot.targets.kustomization.references import Reach, Unfollowed, WhyUnfollowed, reach
from gitops_bot.targets.manifests import ManifestsTarget, is_resource, may_be_resource
from gitops_bot.targets.pin_file import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gitops_bot.errors import Problem
    from gitops_bot.targets.pin_file import PinFile

__all__ = [
    "BY_NAME", "TARGETS", "FileClaim", "FileRule", "FileTargets", "Overrides", "Reach", "Target", "Unfollowed",
    "WhyUnfollowed", "by_content", "by_directory", "chart_of", "dead_entries", "file_names", "files_below",
    "idle_entries", "in_directory", "is_file", "known", "may_hold_pins", "of_resources", "overriding_files",
    "pins_nothing", "reach", "read", "read_all", "same_file", "sealed_by", "target_of", "tells_of_others", "variant",
    "with_overrides", "with_values_below",
]  # fmt: skip


#: Of two that know the name of a file, the first reads it.
TARGETS: tuple[Target, ...] = (
    KustomizationTarget(),
    ComposeTarget(),
    HelmTarget(),
    ManifestsTarget(),
    EnvTarget(),
)


@lru_cache(maxsize=4)
def known(reads: int = 1) -> tuple[Target, ...]:
    """The targets, each of which reads what `reads` of the configuration says: see `Target`."""
    return tuple(replace(target, reads=reads) for target in TARGETS)


@lru_cache(maxsize=1024)  # thousands of commits change files of the same few names
def _of_name(name: str, reads: int = 1) -> tuple[Target | None, tuple[Target, ...]]:
    """The target that the name of a file implies, and all that may read the file, that one included."""
    by_name = [target for target in known(reads) if target.NAMES is not None and target.NAMES.fullmatch(name)]
    possible = tuple(target for target in known(reads) if target in by_name or target.may_read(name))
    return by_name[0] if by_name else None, possible


def target_of(path: str, reads: int = 1) -> Target | None:
    """The target that the name of a file implies."""
    return _of_name(path.rpartition("/")[2], reads)[0]


@dataclass(frozen=True, slots=True)
class FileRule:
    """A setting: files of these names (`*` and `?` are wildcards) are read by `target`, in overlays of these globs.

    Without globs, in every overlay of the environment.
    """

    names: tuple[str, ...]
    target: Target
    overlays: tuple[str, ...] = ()

    def at(self, reads: int) -> FileRule:
        """With a target that reads as a configuration with these `reads`."""
        return replace(self, target=replace(self.target, reads=reads))


_SLASH, _WORDS = re.compile("/"), re.compile("[-_.]")
#: Endings of files that no target knows by name, but that settings may name.
_ONLY_BY_SETTINGS: Final = (".json",)


def by_content(name: str, data: bytes, beside: Mapping[str, bytes], reads: int = 1) -> Target | None:
    """The target that the content of a file implies, of those that may read a file of that name."""
    possible = _of_name(name, reads)[1]
    return next((target for target in possible if _fits(target, data, beside)), None)


def of_resources(path: str, data: bytes, reads: int) -> Target | None:
    """The target of a file with resources of Kubernetes, or for Argo CD, that only its content tells."""
    if target_of(path, reads) is not None or not (may_be_resource(data, reads) or may_be_source(data)):
        return None
    target = by_content(path.rpartition("/")[2], data, {}, reads)
    return target if isinstance(target, (HelmTarget, ManifestsTarget)) else None


def files_below(targets: Mapping[str, Target], present: Collection[str], files: Mapping[str, bytes]) -> set[str]:
    """The files of values that have the repositories of images of which these files give the tag alone."""
    known = _values_below(targets, present, files)
    return {path for sources in known.values() for paths in sources.values() for path in paths}


def with_values_below(targets: Mapping[str, Target], files: Mapping[str, bytes]) -> Mapping[str, Target]:
    """The targets of files, by their paths, with what the values below these say."""
    found = dict(targets)
    for path, sources in _values_below(targets, files, files).items():
        defaults: dict[tuple[str, tuple[str, ...]], Default] = {}
        for source, paths in sources.items():
            for values in paths:
                with suppress(EditError):  # who claims that file is told
                    for keys, names in repositories(files[values], values).items():
                        defaults[source, keys] = Default(source, keys, *names)
        if defaults and isinstance(target := found[path], HelmTarget):
            found[path] = replace(target, defaults=tuple(defaults.values()))
    return found


def _values_below(
    targets: Mapping[str, Target], present: Collection[str], files: Mapping[str, bytes]
) -> dict[str, dict[str, list[str]]]:
    known = {}
    for path, target in targets.items():
        if isinstance(target, HelmTarget) and target.reads >= 2 and not target.images and path in files:
            from gitops_bot.targets.helm import chart_values  # most repositories have no values

            data = files[path]
            known[path] = chart_values.files_below(path, data, present, is_values=not is_resource(data))
    return {path: sources for path, sources in known.items() if sources}


def pins_nothing(path: str, data: bytes, reads: int) -> bool:
    """Whether a file whose name implies no target has no content of one either."""
    return by_content(path.rpartition("/")[2], data, {}, reads) is None


def _fits(target: Target, data: bytes, beside: Mapping[str, bytes]) -> bool:
    """Whether a file has entries as that target; where a bug hides them, it has some: reading it tells the bug."""
    try:
        with bugs_as(EditError):
            return target.count(data) > 0 or target.beside(beside).count(data) > 0
    except EditError:
        return True


def read(data: bytes, file: str, beside: Mapping[str, bytes] | None = None, reads: int = 1) -> PinFile:
    """Read a file that holds pins. If its name implies no target, its content does: only a person can give such a file.

    `beside` are other files of its directory, by their names.

    Raises:
        EditError: the file as a whole cannot be edited.
    """
    name = file.rpartition("/")[2]
    target, possible = _of_name(name, reads)
    every = known(reads)
    targets = {other: other.beside({**beside, name: data}) if beside else other for other in every}
    if target is None:
        with_entries = (other for other in targets.values() if other.count(data))
        told_by_others = (targets[other] for other in possible if targets[other] != other)
        return next(chain(with_entries, told_by_others), every[0]).read(data, file)
    return targets[target].read(data, file)


def read_all(paths: Iterable[str], data: Mapping[str, bytes], reads: int = 1) -> tuple[list[PinFile], list[Problem]]:
    """These files, and what is wrong with those that cannot be read. One that is missing is empty."""
    files: list[PinFile] = []
    refused: list[Problem] = []
    for path in paths:
        with noted(refused, path):
            files.append(read(data.get(path, b""), path, reads=reads))
    return files, refused


def tells_of_others(name: str) -> bool:
    """Whether a target reads a file of that name to understand other files of its directory."""
    return any(target.READS is not None and target.READS.fullmatch(name) for target in TARGETS)


def file_names() -> tuple[str, ...]:
    """The names of files that hold pins, as far as a target knows them by name."""
    return tuple(name for target in TARGETS for name in target.FILE_NAMES)


def variant(name: str, beside: Collection[str]) -> str | None:
    """What the name of a file says besides its kind: `production` of `values-production.yaml`; None if it has no kind.

    `beside` are the names of the files in its directory. In a chart, any YAML file may hold values: `production.yaml`.
    """
    words = _words(name)
    possible = _of_name(name)[1]
    usual = (_words(file_name) for target in possible if not target.ALONE for file_name in target.FILE_NAMES)
    known = max((set(kind) for kind in usual if set(kind) <= set(words)), key=len, default=None)
    if known is not None:
        return "-".join(word for word in words if word not in known)
    return name.rpartition(".")[0] if CHART in beside and HelmTarget() in possible else None


def chart_of(path: str, tree: Collection[str]) -> str | None:
    """The directory of the chart that a file is a template of: `apps/web/`, empty at the top; None for other files."""
    directory, folder, _ = f"/{path}".rpartition("/templates/")
    chart = f"{directory[1:]}/" if directory else ""
    return chart if folder and chart + CHART in tree else None


def _words(name: str) -> list[str]:
    """The parts of a file's name: `values`, `production` and `yaml`."""
    return [word for word in _WORDS.split(name.lower().replace(".yml", ".yaml")) if word]


@lru_cache(maxsize=1024)
def same_file(path: str) -> tuple[str, ...]:
    """The paths that mean the same file at different times: `kustomization.yml` may become `kustomization.yaml`."""
    target = target_of(path)
    if target is None or not target.ALONE:
        return (path,)
    directory, slash, _ = path.rpartition("/")
    return tuple(directory + slash + name for name in target.FILE_NAMES)


def may_hold_pins(path: str, reads: int = 1) -> bool:
    """Whether a file is one of a target by its name, or may be one by its content."""
    return bool(_of_name(path.rpartition("/")[2], reads)[1])


def is_file(name: str) -> bool:
    """Whether a name, which may have wildcards, is that of files that hold pins; no directory has such a name."""
    return bool(_of_name(name)[1]) or name.endswith(_ONLY_BY_SETTINGS)


def by_directory(paths: Iterable[str], *, by_content: bool = False, reads: int = 1) -> dict[str, list[str]]:
    """The files whose names imply a target, by directory: `apps/web/`, and the empty string for the top.

    `by_content`: also those that may hold pins, as their content will tell.
    """
    directories: dict[str, list[str]] = defaultdict(list)
    others: dict[str, list[str]] = defaultdict(list)
    alone: set[str] = set()
    for path in paths:
        directory, slash, name = path.rpartition("/")
        target, possible = _of_name(name, reads)
        if target is not None:
            directories[directory + slash].append(path)
            if target.ALONE:
                alone.add(directory + slash)
        elif by_content and possible:
            others[directory + slash].append(path)
    for directory, files in others.items():
        # Below a kustomization are its resources and patches.
        if not any(directory[: slash.end()] in alone for slash in _SLASH.finditer(directory)) and "" not in alone:
            directories[directory] += files
    return dict(directories)


def in_directory(names: Collection[str], reads: int = 1) -> dict[str, Target]:
    """How those files of a directory that `by_directory` lists are read, where no setting says it."""
    return {name: by_name or possible[0] for name in names for by_name, possible in [_of_name(name, reads)]}


@dataclass(frozen=True, slots=True)
class FileClaim:
    """How an environment claims a file, whether it is there or not.

    `target` is what a setting says; without one, name and content tell. `named`: a glob means the file itself, and not
    its directory. `following` are the keys of its values that follow a pin. `reads` is that of the configuration.
    """

    target: Target | None = None
    named: bool = False
    following: tuple[str, ...] = ()
    reads: int = 1

    def by_content(self, path: str) -> bool:
        """Whether nothing but the content of the file can tell how it is read."""
        return self.target is None and target_of(path) is None and may_hold_pins(path, self.reads)

    def reads_beside(self, path: str) -> bool:
        """Whether other files of its directory may tell how it is read."""
        by_name, possible = _of_name(posixpath.basename(path), self.reads)
        target = self.target or by_name
        return any(candidate.READS is not None for candidate in ((target,) if target is not None else possible))

    def target_of_version(self, path: str, files: Mapping[str, bytes]) -> Target | None:
        """The target that read a version of it, None where that held no pins.

        `files` are the version and what is beside it, by their names.
        """
        name = posixpath.basename(path)
        target = self.target or target_of(path, self.reads)
        if target is None and name in files:
            target = by_content(name, files[name], files, self.reads)
        return target.beside(files) if target is not None else None


@dataclass(frozen=True, slots=True)
class FileTargets:
    """Which target reads each file: as the overlays say, and any other file by its name.

    `claim` is for files of earlier commits that are not listed here: how environments claim one by their globs and
    settings, None for a file that is in none of their overlays. Equal values give equal answers.
    """

    #: The files whose names imply another target, or none; and the files without pins that have values which follow
    #: pins, with the keys of these values.
    _by_path: Mapping[str, Target] = field(default_factory=dict, hash=False)
    _keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    claim: Callable[[str], FileClaim | None] | None = None
    reads: int = 1

    @classmethod
    def of(
        cls,
        targets: Mapping[str, Target],
        following: Mapping[str, tuple[str, ...]] | None = None,
        claim: Callable[[str], FileClaim | None] | None = None,
        reads: int = 1,
    ) -> FileTargets:
        """For these files, by their paths."""
        special = {path: target for path, target in targets.items() if target_of(path, reads) != target}
        return cls(special, dict(following or {}), claim, reads)

    def plus(self, targets: Mapping[str, Target], following: Mapping[str, tuple[str, ...]]) -> FileTargets:
        """With further files."""
        return FileTargets.of({**self._by_path, **targets}, {**self._keys, **following}, self.claim, self.reads)

    def following(self, path: str) -> tuple[str, ...]:
        """The keys of a file whose values follow pins; none of any other file."""
        return self._keys.get(path, ())

    def holds_pins(self, path: str) -> bool:
        """Whether a file is read, for pins or for values that follow them."""
        return self[path] is not None or path in self._keys

    def __getitem__(self, path: str) -> Target | None:
        """The target of a file, or of one that was there earlier; None for a file without pins."""
        return self._by_path.get(path) or target_of(path, self.reads)


BY_NAME: Final = FileTargets()
