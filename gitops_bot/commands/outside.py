"""What a checkout pins outside of every environment, and which of it Argo CD and Flux deploy."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from gitops_bot import targets
from gitops_bot.releases.layout import causes, inventory
from gitops_bot.releases.layout.causes import Judge
from gitops_bot.releases.layout.deployed import DeployedPaths, deployments
from gitops_bot.releases.layout.inference import is_fixture
from gitops_bot.releases.layout.overlays import REGULAR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from gitops_bot.engine.read import Files, Snapshot
    from gitops_bot.errors import Problem
    from gitops_bot.releases.layout.causes import OutsideFile
    from gitops_bot.releases.layout.coverage import Coverage
    from gitops_bot.releases.layout.inventory import Scan

#: YAML files that are searched for manifests of Argo CD and Flux.
_MOST_MANIFESTS: Final = 20_000


def look_outside(files: Files, snapshot: Snapshot, deployed: Callable[[], DeployedPaths]) -> tuple[OutsideFile, ...]:
    """The files with pins that no environment of a checkout claims; raises what `causes.find` raises."""
    return causes.find(judge_of(files, snapshot, deployed), snapshot.layout.others, snapshot.config.reads)


def judge_of(files: Files, snapshot: Snapshot, deployed: Callable[[], DeployedPaths]) -> Judge:
    """What tells the causes of files in a checkout; `deployed` is asked for where it matters."""
    layout = snapshot.layout
    overlays = {
        name: [overlay.directory for overlay in own if overlay.place != overlay.file]
        for name, own in layout.selection.overlays.items()
    }

    def is_deployed(directory: str) -> bool:
        return any(not is_fixture(item.file) for item in deployed().of_directories([directory]))

    roots = causes.Roots(overlays, is_deployed, lambda directory: deployed().leaves_out(directory))
    return Judge(layout.files, layout.tree, files.read, roots)


def cover(
    snapshot: Snapshot, judge: Judge, scanned: Scan, read: Callable[[Collection[str]], Mapping[str, bytes]]
) -> Coverage:
    """What becomes of every pin of the repository."""
    layout = snapshot.layout
    outside = causes.find(judge, layout.others, snapshot.config.reads)
    lines: defaultdict[str, set[int]] = defaultdict(set)
    states = snapshot.states.values()
    for state in states:
        for entry in state.entries:
            lines[entry.file].add(entry.line)
    for file in outside:
        lines[file.pin_file.file].update(entry.line for entry in file.pin_file.entries)
    selected, claimed = layout.selection.targets, layout.claims.targets
    broken = selected.keys() - {overlay.file for state in states for overlay in state.overlays}
    known = inventory.Known(
        lines,
        claimed.keys(),
        broken,
        claimed.keys() - selected.keys(),
        layout.owners.owner,
        lambda path: layout.targets[path] or selected.get(path),
        snapshot.config.reads,
    )
    return snapshot.covered(outside, inventory.take(scanned, known, judge, read))


def deployed_paths(files: Files, tree: Mapping[str, str], bugs: list[Problem]) -> DeployedPaths:
    """What the manifests of Argo CD and Flux in a checkout deploy. A file that meets a bug is added to the `bugs`."""
    return DeployedPaths(deployments(contents(files, manifests(tree)), bugs))


def directories(tree: Mapping[str, str], *, by_content: bool = False) -> set[str]:
    """The directories that have files with pins, by the names of these, or also by what may stand in them."""
    return {directory.removesuffix("/") or "." for directory in targets.by_directory(tree, by_content=by_content)}


def place_in_overlays(file: str) -> str:
    """How `overlays` names a file: by its directory, where that has one file with pins at most."""
    target = targets.target_of(file)
    return posixpath.dirname(file) or "." if target is not None and target.ALONE else file


def manifests(tree: Mapping[str, str], endings: tuple[str, ...] = (".yaml", ".yml")) -> list[str]:
    """The YAML files of a tree; in a greater repository, those nearest to the top."""
    paths = [path for path, mode in tree.items() if mode in REGULAR and path.endswith(endings)]
    return sorted(paths, key=lambda path: (path.count("/"), path))[:_MOST_MANIFESTS]


def contents(files: Files, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The files one by one: a repository may have more of them than fit into memory."""
    for path in paths:
        yield from files.read([path]).items()
