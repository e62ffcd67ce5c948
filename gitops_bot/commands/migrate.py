"""`gitops-bot init --from`: what the settings of other tools in a checkout mean, as environments and rules."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, assert_never, get_args

from gitops_bot import targets
from gitops_bot.commands.outside import contents, directories, manifests, place_in_overlays
from gitops_bot.config import Config, Environment, leaves
from gitops_bot.config.form_target import ImageForm, TargetForm, TargetKind
from gitops_bot.engine.read import read_disk
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.migration import argocd, flux, renovate
from gitops_bot.migration.assemble import Migration, assemble
from gitops_bot.migration.flux import markers
from gitops_bot.migration.rules import Gap, Read, bugs_to
from gitops_bot.releases.layout.glob import is_plain
from gitops_bot.releases.layout.inference import infer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Files
    from gitops_bot.migration.flux import Marker
    from gitops_bot.migration.rules import Tracked
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.results.result import Peer

#: Bytes of a file beyond which nobody wrote it, and of all files that are parsed, at some 5 microseconds each.
_LONGEST: Final = 512 * 1024
_MOST_BYTES: Final = 4 * 1024 * 1024
#: Directories and files that may be overlays.
_MOST_PLACES: Final = 1000
#: Directories that are searched for entries.
_MOST_DIRECTORIES: Final = 5000


def migrate(files: Files, tree: Mapping[str, str], now: datetime, peers: Sequence[Peer]) -> Migration:
    """What these tools keep current in this checkout, as environments and rules; a ConfigError if that is nothing."""
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
    tracked = [
        replace(image, place=place_in_overlays(image.place)) for read in readings.values() for image in read.tracked
    ]
    gaps += (gap for read in readings.values() for gap in read.gaps)
    places = list(dict.fromkeys(image.place for image in tracked if is_plain(image.place) or image.place in tree))
    if len(places) > _MOST_PLACES:
        what = f"{len(places)} directories and files are kept current, and {_MOST_PLACES} of them are taken"
        gaps.append(Gap(places[_MOST_PLACES], 1, what, "widen the globs of `overlays` by hand"))
    kept = set(places[:_MOST_PLACES])
    here = [image for image in tracked if image.place in kept]
    kinds = _kinds(files, tree, here, gaps)
    entries = _entries(files, tree, kept, kinds, now)
    words = {directory: name for name, own in infer(tree).items() for directory in own}
    environments, unmatched = assemble(here, entries, words, directories(tree), kinds)
    gaps += unmatched
    if not environments:
        told = sorted(set(gaps), key=lambda gap: (gap.bug is None, gap))[:20]
        why = [gap.bug or Problem("failed.config", gap.what, gap.next, gap.file, gap.line) for gap in told]
        message = f"{' and '.join(seen)}: nothing of what is kept current there is an entry that gitops-bot can edit"
        advice = "write gitops-bot.yaml by hand, or start with `gitops-bot init`"
        raise ConfigError(*why, Problem("failed.config", message, advice))
    branches = sorted({branch for read in readings.values() for branch in read.branches})
    branch = branches[0] if len(branches) == 1 else None
    if branch is not None and re.match(leaves.BRANCH, branch) is None:
        what = f"{branch[:200]!r} is not the name of a branch"
        gaps.append(Gap("gitops-bot.yaml", 1, what, "write `branch` by hand"))
        branch = None
    if len(branches) > 1:
        what = f"several branches are written to ({', '.join(branches)[:200]})"
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
