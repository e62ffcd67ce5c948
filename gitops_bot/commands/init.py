"""`gitops-bot init`: what a first `gitops-bot.yaml` should say, from the files of a checkout."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gitops_bot import targets
from gitops_bot.config import Config
from gitops_bot.engine.read import partners, read_disk
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images.kinds import describe
from gitops_bot.migration.deployed import DeployedPaths, deployments
from gitops_bot.migration.folding import fold, fold_files
from gitops_bot.releases.layout.inference import environment_in, infer
from gitops_bot.results.checkout import FoundEnvironment, Inventory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Files, Snapshot
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.releases.decisions import Managed

#: YAML files that are searched for manifests of Argo CD and Flux.
_MOST_MANIFESTS: Final = 20_000
#: Globs that an example shows.
_SHOWN: Final = 3
_FILES: Final = ("100644", "100755")


def take_inventory(files: Files, tree: Mapping[str, str], now: datetime, config: Config | None = None) -> Inventory:
    """The environments that the directories suggest, or `config` has, and what Argo CD and Flux deploy.

    Asks no registry.

    Raises:
        ConfigError: there is nothing that gitops-bot could keep current.
    """
    snapshot = read_disk(files, tree, config or Config.inferred(infer(tree)), now)
    existing = directories(tree)
    deployed = DeployedPaths.of(deployments(contents(files, manifests(tree))))
    environments = [_environment(snapshot, name, existing, tree, deployed) for name in snapshot.config.environments]
    elsewhere = _elsewhere(snapshot, deployed)
    if not environments and not elsewhere:
        raise ConfigError(_nothing(snapshot, existing))
    problems = [failed.problem for name in snapshot.config.environments for failed in snapshot.states[name].failed]
    return Inventory(
        environments=tuple(_with_sources(snapshot, environments)),
        outside=snapshot.outside,
        elsewhere=elsewhere,
        problems=(*snapshot.layout.selection.problems, *problems),
        images=_images(environments),
    )


def _environment(
    snapshot: Snapshot, name: str, existing: set[str], tree: Mapping[str, str], deployed: DeployedPaths
) -> FoundEnvironment:
    overlays = snapshot.layout.selection.overlays[name]
    folders = [overlay.directory for overlay in overlays]
    files = [overlay.file for overlay in overlays if overlay.place == overlay.file]
    whole = [overlay.directory for overlay in overlays if overlay.place != overlay.file]
    followed: dict[str, list[Managed]] = defaultdict(list)
    for entry in snapshot.states[name].entries:
        if entry.policy is not None:
            followed[describe(entry.policy)].append(entry)
    return FoundEnvironment(
        name=name,
        overlays=(*fold(whole, existing), *fold_files(files, tree)),
        files=len(folders),
        coverage=replace(snapshot, environments=(snapshot.config.environments[name],)).coverage,
        followed={
            policy: tuple(entries) for policy, entries in sorted(followed.items(), key=lambda item: -len(item[1]))
        },
        deployed_by=tuple(dict.fromkeys(item.by for item in deployed.of_directories(folders))),
    )


def _with_sources(snapshot: Snapshot, environments: Sequence[FoundEnvironment]) -> Iterator[FoundEnvironment]:
    """Each with the environment before it, where that has some of its entries."""
    yield from environments[:1]
    for before, environment in pairwise(environments):
        count = len(partners(snapshot.layout, snapshot.states[before.name], snapshot.states[environment.name]))
        yield replace(environment, source=before.name, corresponding=count) if count else environment


def _elsewhere(snapshot: Snapshot, deployed: DeployedPaths) -> Mapping[str, tuple[str, ...]]:
    """Directories with pins that are deployed and in no environment, by the environment that their names suggest."""
    by_name: dict[str, dict[str, None]] = defaultdict(dict)
    for directory in snapshot.outside.folders:
        for deployment in deployed.of_directories([directory])[:1]:
            names = (environment_in(name) for name in deployment.names)
            by_name[next((name for name in names if name), "other")][directory] = None
    return {name: tuple(sorted(own)) for name, own in sorted(by_name.items())}


def _images(environments: Sequence[FoundEnvironment]) -> Mapping[str, tuple[ImageName, Pin]]:
    """One image of each registry, with its pin: a tracked one, if there is any."""
    images: dict[str, tuple[ImageName, Pin]] = {}
    for environment in environments:
        followed = [entry for entries in environment.followed.values() for entry in entries]
        others = [entry for group in environment.coverage.groups for entry in group.entries]
        for entry in (*followed, *others):
            if entry.repository is not None and entry.refusal is None:
                images.setdefault(entry.repository.registry, (entry.repository, entry.pin))
    return images


def directories(tree: Mapping[str, str], *, by_content: bool = False) -> set[str]:
    """The directories that have files with pins, by the names of these, or also by what may stand in them."""
    return {directory.removesuffix("/") or "." for directory in targets.by_directory(tree, by_content=by_content)}


def manifests(tree: Mapping[str, str]) -> list[str]:
    """The YAML files of a tree; in a greater repository, those nearest to the top."""
    paths = [path for path, mode in tree.items() if mode in _FILES and path.endswith((".yaml", ".yml"))]
    return sorted(paths, key=lambda path: (path.count("/"), path))[:_MOST_MANIFESTS]


def contents(files: Files, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The files one by one: a repository may have more of them than fit into memory."""
    for path in paths:
        yield from files.read([path]).items()


def _nothing(snapshot: Snapshot, existing: set[str]) -> Problem:
    """The problem if there is no environment: how to name one, with the directories that have pins."""
    folders = snapshot.outside.folders
    if not folders:
        message = "no file here pins an image"
        return Problem("failed.config", message, "change to the checkout of your manifests, or pin an image first")
    count = snapshot.outside.entries
    images = "1 pinned image, but not" if count == 1 else f"{count} pinned images, but none of them"
    message = f"{images} in a directory named like an environment"
    globs = ", ".join(json.dumps(glob) for glob in fold(folders, existing)[:_SHOWN])
    example = f"environments: {{production: {{overlays: [{globs}], policy: auto}}}}"
    return Problem("failed.config", message, f"write gitops-bot.yaml by hand, as in `version: 1` and `{example}`")
