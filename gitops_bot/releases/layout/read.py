"""From the bytes of a commit, or of a checkout, to overlays with their entries: the only way there is."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from gitops_bot.errors import EditError, Problem
from gitops_bot.releases.layout import release_info
from gitops_bot.releases.layout.beside import beside, by_directory
from gitops_bot.releases.layout.file_claims import FileClaims
from gitops_bot.releases.layout.overlay import Overlay
from gitops_bot.targets import FileTargets, completed, with_overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gitops_bot.config.values import Environment
    from gitops_bot.images.rules import Rules
    from gitops_bot.releases.layout.overlays import OverlayFile, Selection
    from gitops_bot.releases.layout.owners import Owners
    from gitops_bot.targets import Target
    from gitops_bot.targets.pin_file import FileEntry, PinFile


def paths(environments: Mapping[str, Environment], selection: Selection, tree: Mapping[str, str]) -> list[str]:
    """The files of a tree (path -> git mode) that tell what the selected overlays have."""
    claimed = [overlay_file.file for overlay_files in selection.overlays.values() for overlay_file in overlay_files]
    return [*claimed, *beside(selection.targets, tree), *release_info.present(environments, selection, tree)]


def file_targets(
    environments: Mapping[str, Environment], selection: Selection, owners: Owners, files: Mapping[str, bytes]
) -> FileTargets:
    """How each file with pins is read, also one that was there earlier; `files` are the bytes of the selected ones."""
    near = by_directory(files)
    targets = {
        file: completed(target, near.get(posixpath.dirname(file) or ".", {}))
        for file, target in selection.targets.items()
    }
    following = release_info.keys(environments, selection)
    return FileTargets.of(with_overrides(targets, files), following, FileClaims.of(environments, owners))


def read_overlays(
    environment: str,
    overlay_files: Iterable[OverlayFile],
    targets: FileTargets,
    files: Mapping[str, bytes],
    rules: Callable[[str, FileEntry], Rules],
    parsed: dict[tuple[str, Target, bytes], PinFile | Problem],
) -> tuple[tuple[Overlay, ...], tuple[Problem, ...]]:
    """The overlays of an environment, and why others cannot be read. A file that is missing is empty.

    `parsed` has files that were parsed earlier, and gets those that are parsed now.
    """
    overlays: list[Overlay] = []
    problems: list[Problem] = []
    for overlay_file in overlay_files:
        file = overlay_file.file
        target, data = targets[file] or overlay_file.target, files.get(file, b"")
        key = file, target, data
        if key not in parsed:
            try:
                parsed[key] = target.read(data, file)
            except EditError as error:
                parsed[key] = error.problem
        match parsed[key]:
            case Problem() as problem:
                problems.append(problem)
            case pin_file:
                directory = overlay_file.directory
                overlays.append(Overlay.of(environment, directory, pin_file, lambda entry: rules(environment, entry)))
    return tuple(overlays), tuple(problems)
