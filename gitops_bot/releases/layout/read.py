"""Reads overlays and their entries from the bytes of a commit or a checkout."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.errors import EditError, Problem, bugs_as
from gitops_bot.images.kinds import Rules
from gitops_bot.images.reason import unmanaged
from gitops_bot.releases.decisions import Managed
from gitops_bot.releases.layout import release_info
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.releases.layout.overlays import FOREIGN, REGULAR, SUBMODULE, contents_by_directory
from gitops_bot.releases.layout.owners import ClaimedFiles, FileSettings
from gitops_bot.targets import FileTargets, overriding_files, with_overrides, with_values_below

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

    from gitops_bot.config import Environment
    from gitops_bot.releases.layout.overlays import OverlayFile, Selection
    from gitops_bot.releases.layout.owners import Owners
    from gitops_bot.targets.pin_file import FileEntry, PinFile


@dataclass(frozen=True, slots=True)
class Overlay:
    """A file with pins of one environment, and its entries; parsed files would take hundreds of MiB."""

    file: str
    entries: tuple[Managed, ...]

    @classmethod
    def of(cls, environment: str, directory: str, pin_file: PinFile, rules: Callable[[FileEntry], Rules]) -> Overlay:
        """The overlay of a file; each entry gets the rules of the configuration, as far as they apply to it."""
        file, entries = pin_file.file, []
        for item in pin_file.entries:
            own = rules(item)
            if item.choices:
                own = Rules(None, pin="tag", ignore=own.ignore)
            elif item.decided_by is not None:
                own = Rules(None, ignore=own.ignore, unmanaged=unmanaged("overridden", item.decided_by))
            elif item.unset is not None:
                where = f"{file}:{item.line}"
                own = Rules(None, ignore=own.ignore, unmanaged=unmanaged("unset", item.unset, where))
            elif item.says is not None:
                # A file with a place for a tag or a digest alone decides, whatever is configured.
                own = replace(own, pin=item.says, no_room=item.says == "tag" and own.pin != "tag")
            entries.append(Managed(item, file, directory, environment, own))
        return cls(file, tuple(entries))


def paths(environments: Mapping[str, Environment], selection: Selection, tree: Mapping[str, str]) -> list[str]:
    """The files of a tree (path -> git mode) to read for the selected overlays.

    Besides their own: `.env` files and the compose files that use their variables, kustomizations that override
    manifests, and release info.
    """
    claimed = [overlay_file.file for overlay_files in selection.overlays.values() for overlay_file in overlay_files]
    files = selection.targets
    readers: defaultdict[str, set[re.Pattern[str]]] = defaultdict(set)
    for file, target in files.items():
        if target.READS is not None:
            readers[posixpath.dirname(file)].add(target.READS)
    beside = set(overriding_files(files, tree))
    for path in tree if readers else ():
        directory, name = posixpath.split(path)
        if any(names.fullmatch(name) for names in readers.get(directory, ())):
            beside.add(path)
    infos = (path for path in release_info.files(environments, selection) if tree.get(path, SUBMODULE) not in FOREIGN)
    return [*claimed, *sorted(path for path in beside if path not in files and tree[path] in REGULAR), *infos]


def file_targets(
    environments: Mapping[str, Environment], selection: Selection, owners: Owners, files: Mapping[str, bytes]
) -> FileTargets:
    """How each file with pins is read, at any commit; `files` are the bytes of the selected ones."""
    near = contents_by_directory(files)
    targets = {
        file: target.beside(near.get(posixpath.dirname(file) or ".", {})) for file, target in selection.targets.items()
    }
    keys = {name: release_info.following(environment.release_info) for name, environment in environments.items()}
    following = {
        path: keys[names[0]][posixpath.basename(path)]
        for path, names in release_info.files(environments, selection).items()
    }
    settings = (
        FileSettings(
            name,
            tuple(Glob.parse(text, environment.exclude) for text in environment.overlays),
            tuple(environment.targets),
            environment.reads,
            tuple(keys[name].items()),
        )
        for name, environment in environments.items()
    )
    reads = max((environment.reads for environment in environments.values()), default=1)
    known = with_values_below(with_overrides(targets, files), files)
    return FileTargets.of(known, following, ClaimedFiles(tuple(settings), owners), reads)


def read_overlays(
    environment: Environment, overlay_files: Iterable[OverlayFile], targets: FileTargets, files: Mapping[str, bytes]
) -> tuple[tuple[Overlay, ...], tuple[Problem, ...]]:
    """The overlays of an environment, and why others cannot be read. A missing file is empty."""
    overlays: list[Overlay] = []
    problems: list[Problem] = []
    for overlay_file in overlay_files:
        file = overlay_file.file
        target = targets[file] or overlay_file.target
        try:
            with bugs_as(EditError, file):
                pin_file = target.read(files.get(file, b""), file)
                overlays.append(Overlay.of(environment.name, overlay_file.directory, pin_file, environment.rules))
        except EditError as error:
            problems.append(replace(error.problem, file=error.problem.file or file))
    return tuple(overlays), tuple(problems)
