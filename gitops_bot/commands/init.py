"""`gitops-bot init`: what a first `gitops-bot.yaml` should say, from the files of a checkout.

With `--from` by what the settings of other tools in it mean.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, assert_never, get_args

from gitops_bot import targets
from gitops_bot.config import Config, Environment, leaves
from gitops_bot.config.form_target import ImageForm, TargetForm, TargetKind
from gitops_bot.engine.read import partners, read_disk
from gitops_bot.errors import ConfigError, EditError, Problem, bugs_as
from gitops_bot.images.kinds import describe
from gitops_bot.migration import argocd, flux, renovate
from gitops_bot.migration.assemble import Migration, assemble
from gitops_bot.migration.deployed import DeployedPaths, deployments
from gitops_bot.migration.flux import markers
from gitops_bot.migration.folding import fold, fold_files
from gitops_bot.migration.rules import Gap, Read, bugs_to
from gitops_bot.releases.layout.glob import is_plain
from gitops_bot.releases.layout.inference import environment_in, infer
from gitops_bot.results.checkout import FoundEnvironment, Inventory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Files, Snapshot
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.migration import Peer
    from gitops_bot.migration.flux import Marker
    from gitops_bot.migration.rules import Tracked
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
    problems = [*snapshot.layout.selection.problems]
    deployed = DeployedPaths.of(deployments(contents(files, manifests(tree)), problems))
    environments = []
    for name in (environment.name for environment in snapshot.environments):
        problems += (failed.problem for failed in snapshot.states[name].failed)
        try:
            with bugs_as(EditError, name):
                environments.append(_environment(snapshot, name, existing, tree, deployed))
        except EditError as error:
            problems += error.problems
    elsewhere = _elsewhere(snapshot, deployed)
    if not environments and not elsewhere:
        raise ConfigError(*problems, _nothing(snapshot, existing))
    return Inventory(
        environments=tuple(_with_sources(snapshot, environments)),
        outside=snapshot.outside,
        elsewhere=elsewhere,
        problems=tuple(problems),
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


#: Bytes of a file beyond which nobody wrote it, and of all files that are parsed, at some 5 microseconds each.
_LONGEST: Final = 512 * 1024
_MOST_BYTES: Final = 4 * 1024 * 1024
#: Directories and files that may be overlays.
_MOST_PLACES: Final = 1000
#: Directories that are searched for entries.
_MOST_DIRECTORIES: Final = 5000


def migrate(files: Files, tree: Mapping[str, str], now: datetime, peers: Sequence[Peer]) -> Migration:
    """What these tools keep current in this checkout, as environments and rules. Asks no registry and no cluster.

    Raises:
        ConfigError: the checkout has no settings of these tools, or they keep nothing current that is here.
    """
    gaps: list[Gap] = []
    readings = dict.fromkeys(peers, Read(seen=True))
    for peer in peers:
        with bugs_to(gaps, ".", peer):
            readings[peer] = _read(files, tree, peer, now)
    seen = tuple(peer for peer, read in readings.items() if read.seen)
    if not seen:
        names = " or ".join(peers)
        advice = "change to the checkout that has them, or leave out --from to look at the directories only"
        raise ConfigError(Problem("failed.config", f"no settings of {names} in this checkout", advice))
    tracked = [_in_directory(image) for read in readings.values() for image in read.tracked]
    gaps += (gap for read in readings.values() for gap in read.gaps)
    places = list(dict.fromkeys(image.place for image in tracked if is_plain(image.place) or image.place in tree))
    if len(places) > _MOST_PLACES:
        what = f"{len(places)} directories and files are kept current, and {_MOST_PLACES} of them are taken"
        gaps.append(Gap(places[_MOST_PLACES], 1, what, "widen the globs of `overlays` by hand"))
    kept = set(places[:_MOST_PLACES])
    kinds = _kinds(files, tree, [image for image in tracked if image.place in kept], gaps)
    entries = _entries(files, tree, kept, kinds, now)
    words = {directory: name for name, own in infer(tree).items() for directory in own}
    here = [image for image in tracked if image.place in kept]
    environments, unmatched = assemble(here, entries, words, directories(tree), kinds)
    gaps += unmatched
    if not environments:
        told = sorted(set(gaps), key=lambda gap: (gap.bug is None, gap))[:20]
        why = [gap.bug or Problem("failed.config", gap.what, gap.next, gap.file, gap.line) for gap in told]
        message = f"{' and '.join(seen)}: nothing of what is kept current there is an entry that gitops-bot can edit"
        advice = "write gitops-bot.yaml by hand, or start with `gitops-bot init`"
        raise ConfigError(*why, Problem("failed.config", message, advice))
    branches = [branch for read in readings.values() for branch in read.branches]
    branch = branches[0] if len(set(branches)) == 1 else None
    if branch is not None and re.match(leaves.BRANCH, branch) is None:
        gaps.append(
            Gap("gitops-bot.yaml", 1, f"{branch[:200]!r} is not the name of a branch", "write `branch` by hand")
        )
        branch = None
    if len(set(branches)) > 1:
        what = f"several branches are written to ({', '.join(sorted(set(branches)))[:200]})"
        gaps.append(Gap("gitops-bot.yaml", 1, what, "a configuration has one `branch`: keep one file for each branch"))
    return Migration(seen, environments, tuple(sorted(set(gaps))), branch)


def _read(files: Files, tree: Mapping[str, str], peer: Peer, now: datetime) -> Read:
    match peer:
        case "argocd-image-updater":
            return argocd.read(list(_files_with(files, tree, argocd.MARKS)), directories(tree), tree.keys())
        case "flux":
            paths = manifests(tree)
            marked: list[Marker] = []
            gaps: list[Gap] = []
            for file, data in contents(files, paths):
                with bugs_to(gaps, file):
                    marked += markers(file, data)
            read = flux.read(list(_files_with(files, tree, flux.MARKS)), marked)
            return replace(read, gaps=(*gaps, *read.gaps))
        case "renovate":
            settings = next((path for path in sorted(tree) if renovate.is_settings(path)), None)
            if settings is None:
                return Read()
            places = sorted(directories(tree, by_content=True))
            plain = [place for place in places if is_plain(place)][:_MOST_DIRECTORIES]
            entries = _entries(files, tree, plain, {}, now)
            known = {}
            for entry in (entry for place in plain for entry in entries.get(place, ())):
                name = posixpath.basename(entry.file)
                known[id(entry)] = (entry, targets.in_directory([name])[name].NOUN)
            return renovate.read(settings, files.read([settings]).get(settings, b""), list(known.values()))
    assert_never(peer)


def _files_with(files: Files, tree: Mapping[str, str], marks: Collection[bytes]) -> Iterator[tuple[str, bytes]]:
    """The files that have one of these marks, as many as may be parsed."""
    left = _MOST_BYTES
    for file, data in contents(files, manifests(tree)):
        if len(data) <= _LONGEST and any(mark in data for mark in marks):
            left -= len(data)
            if left < 0:
                return
            yield file, data


def _in_directory(image: Tracked) -> Tracked:
    """In its directory, where that has one file with pins only."""
    target = targets.target_of(image.place)
    if target is not None and target.ALONE:
        return replace(image, place=posixpath.dirname(image.place) or ".")
    return image


def _kinds(
    files: Files, tree: Mapping[str, str], tracked: Sequence[Tracked], gaps: list[Gap]
) -> Mapping[str, Mapping[str, Any]]:
    """What `targets` has to say of files: their kind where nothing else tells it, and where the images stand."""
    known = {path for paths in targets.by_directory(tree, by_content=True).values() for path in paths}
    places = {image.place for image in tracked if image.place in tree}
    by_file: dict[str, Mapping[str, Any]] = {}
    for file, data in contents(files, sorted(places - known)):
        for kind in get_args(TargetKind):
            with bugs_to(gaps, file):
                if TargetForm(kind=kind, files=(posixpath.basename(file),)).rule.target.count(data):
                    by_file.setdefault(file, {"kind": kind})
    for place in places:
        here = [image for image in tracked if image.place == place]
        if all(image.values for image in here):
            by_file[place] = {"kind": "helm", "images": {image.repository: image.values for image in here}}
    return by_file


def _entries(
    files: Files,
    tree: Mapping[str, str],
    places: Collection[str],
    kinds: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> Mapping[str, Sequence[Managed]]:
    """The entries of each place."""
    entries: dict[str, list[Managed]] = {}
    if not places:
        return entries
    special = []
    for file, target in kinds.items():
        images = {name: ImageForm(**paths) for name, paths in target.get("images", {}).items()}
        form = TargetForm(kind=target["kind"], files=(posixpath.basename(file),), overlays=(file,), images=images)
        special.append(form.rule)
    environment = Environment("all", tuple(sorted(places)), targets=tuple(special))
    snapshot = read_disk(files, tree, Config(None, {"all": environment}), now)
    for entry in snapshot.states["all"].entries if snapshot.environments else ():
        for place in (entry.file, entry.overlay):
            entries.setdefault(place, []).append(entry)
    return entries
