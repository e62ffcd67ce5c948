"""`gitops-bot init`: the environments of a checkout, for a first `gitops-bot.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gitops_bot import targets
from gitops_bot.commands.draft import draft, is_ahead, read_formats
from gitops_bot.commands.outside import (
    contents,
    cover,
    deployed_paths,
    directories,
    judge_of,
    look_outside,
    manifests,
    place_in_overlays,
)
from gitops_bot.config import Config, leaves
from gitops_bot.engine.read import partners, read_disk
from gitops_bot.errors import ConfigError, Problem, noted
from gitops_bot.images.owner import NOBODY
from gitops_bot.images.reason import counted, enumerated
from gitops_bot.releases.decisions import EntryKey
from gitops_bot.releases.layout import causes, resources
from gitops_bot.releases.layout.folding import ending_of, fold_except, fold_files
from gitops_bot.releases.layout.glob import is_plain
from gitops_bot.releases.layout.inference import (
    environment_in,
    in_order,
    infer,
    is_fixture,
    is_skipped,
    named_by_place,
    place_of,
)
from gitops_bot.releases.layout.inventory import scan
from gitops_bot.results.checkout import FoundEnvironment, Ignored, Inventory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Files, Snapshot
    from gitops_bot.images.owner import Owner
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.releases.layout.causes import OutsideFile
    from gitops_bot.releases.layout.coverage import Coverage
    from gitops_bot.releases.layout.deployed import DeployedPaths

#: What takes effect in several environments, and what belongs to none that a name tells.
_SHARED: Final = "shared"
_ONLY: Final = "default"
#: Why an entry of a Job is left alone.
_FIXED: Final = Ignored("a Job gets no other image once it is there: delete it first, or have it replaced")


def take_inventory(
    files: Files, tree: Mapping[str, str], now: datetime, config: Config | None = None, owner: Owner = NOBODY
) -> Inventory:
    """The environments of `config`, else what the directories suggest; a ConfigError where nothing is pinned."""
    problems: list[Problem] = []
    deployed = deployed_paths(files, tree, problems)
    if config is not None:
        suggested = _Suggested(read_disk(files, tree, config, now))
    else:
        suggested = _suggest(files, tree, deployed, now)
    snapshot, existing = suggested.snapshot, suggested.existing or directories(tree)
    problems += (*suggested.failed, *snapshot.layout.selection.problems, *_failed(snapshot))
    environments, present = list[FoundEnvironment](), _present(snapshot)
    reaches = tuple(name for name in present if name in suggested.reached)
    for name in present:
        with noted(problems, name):
            there = existing - suggested.empty.get(name, set())
            environment = _environment(snapshot, name, there, tree, deployed, files)
            environments.append(replace(environment, reaches=reaches) if name == _SHARED else environment)
    if not environments:
        raise ConfigError(*problems, _nothing(files, tree, deployed, now))
    every = [entry for environment in environments for entry in environment.entries]
    refused = {entry.key: Ignored(entry.refusal.message) for entry in every if entry.refusal is not None}
    fixed = {entry.key: _FIXED for entry in every if entry.entry.runs_once}
    images: dict[str, tuple[ImageName, Pin]] = {}
    for entry in every:
        if entry.repository is not None and entry.refusal is None:
            images.setdefault(entry.repository.registry, (entry.repository, entry.pin))
    if suggested.named:  # the base of one environment corresponds to another's overlay by what its glob captures
        globs = {environment.name: environment.overlays for environment in environments}
        snapshot = read_disk(files, tree, Config.inferred(globs), now)
    return Inventory(
        environments=tuple(_with_sources(snapshot, environments, owner)),
        problems=tuple(dict.fromkeys(problems)),
        images=images,
        ignored={**fixed, **refused, **suggested.ignored},
        owner=owner,
    )


def _nothing(files: Files, tree: Mapping[str, str], deployed: DeployedPaths, now: datetime) -> Problem:
    """Why there is no environment: the pins that are there all the same, and the way out."""
    snapshot = read_disk(files, tree, replace(Config.inferred({}), reads=1), now)  # as of a file that a person writes
    coverage = cover(snapshot, judge_of(files, snapshot, lambda: deployed), scan(tree, files.read), files.read)
    if coverage.unread:
        first = coverage.unread[0]
        message = f"nothing here can be an environment by itself: {coverage.unread_text}"
        advice = f"for {first.file}:{first.line} ({first.image}), {first.remedy}; `check --output json` has all of them"
    elif coverage.pins:
        why = dict.fromkeys(causes.DESCRIBED[item.cause] for item in coverage.outside.items if item.cause)
        message = f"nothing here needs updates ({counted(coverage.pins, 'pin')}): {', or '.join(why)}"
        advice = "change to the checkout of your manifests, or list what is deployed under `overlays`"
    else:
        message = "no file here pins an image"
        advice = "change to the checkout of your manifests, or pin an image first"
    return Problem("failed.config", message, advice)


def with_suggestion(coverage: Coverage, files: Files, tree: Mapping[str, str], now: datetime) -> Coverage:
    """The coverage of files that keep nothing current, with the number of entries that `init` would."""
    try:
        inventory = take_inventory(files, tree, now)
    except ConfigError:
        return coverage
    drafted = draft(inventory.environments, inventory.ignored, inventory.owner).environments
    return replace(coverage, suggested=sum(environment.followed for environment in drafted) or None)


@dataclass(frozen=True, slots=True)
class _Suggested:
    """Environments that have entries; their directories that have none, and entries that need no updates.

    `existing` are the directories that no glob may match by accident, where they are not those of named files. `named`:
    some are manifests that only their content tells.
    """

    snapshot: Snapshot
    existing: set[str] = field(default_factory=set)
    empty: Mapping[str, set[str]] = field(default_factory=dict)
    ignored: Mapping[EntryKey, Ignored] = field(default_factory=dict)
    failed: Sequence[Problem] = ()
    named: bool = False
    #: The environments in which what is shared takes effect.
    reached: Collection[str] = ()


def _suggest(files: Files, tree: Mapping[str, str], deployed: DeployedPaths, now: datetime) -> _Suggested:
    """The environments by the names of directories and files, and where what they are built from belongs."""
    named = {name: {place for place in own if not _is_left(place, tree, deployed)} for name, own in infer(tree).items()}
    snapshot, failed = _read(files, tree, {name: own for name, own in named.items() if own}, now)
    first = snapshot
    places: dict[str, set[str]] = {}
    empty: dict[str, set[str]] = {}
    for name, state in snapshot.states.items():
        pinned = {text for entry in state.entries for text in (entry.overlay, entry.file)}
        selected = {overlay.place for overlay in snapshot.layout.selection.overlays[name]}
        # A directory that pins nothing is no overlay yet, and must not decide what corresponds.
        if state.entries:
            places[name], empty[name] = selected & pinned, selected - pinned
    # Further environments come first: what one of them is built from is theirs.
    alone = [outside for outside in _claimable(files, snapshot, deployed) if not outside.environments]
    claimed = [(own, outside) for outside in alone if (own := _named(outside, places, deployed)) is not None]
    _add(places, claimed)
    if claimed:
        snapshot, problems = _read(files, tree, places, now)
        failed += problems
    claimed += ((_owner_of(outside) or _ONLY, outside) for outside in _claimable(files, snapshot, deployed))
    _add(places, claimed)
    further = list(_resources(files, tree, (first, snapshot), deployed, [outside for _, outside in claimed]))
    if not places and not further:
        return _of_manifests(files, tree, now)
    present = in_order(name for name, own in first.layout.selection.overlays.items() if own)
    claimed += ((_owner_of(item) or _named(item, places, deployed) or _ONLY, item) for item in further)
    _add(places, claimed)
    reached = {name for own, outside in claimed if own == _SHARED for name in outside.environments} & places.keys()
    if _SHARED in places and not reached:  # nothing has rules that would hold for it
        places.setdefault(_ONLY, set()).update(places.pop(_SHARED))
    order = {name: at for at, name in enumerate((*in_order(places), _ONLY))}
    last = len(order)
    names = sorted(places, key=lambda name: (name == _SHARED, order.get(name, last), name))
    snapshot, problems = _read(files, tree, {name: places[name] for name in names}, now)
    ignored = {
        EntryKey(outside.pin_file.file, entry.name): Ignored(why)
        for _, outside in claimed
        for entry, cause in zip(outside.pin_file.entries, outside.causes, strict=True)
        if (why := causes.DESCRIBED[cause] if cause is not None else _at_once(outside, present))
    }
    return _Suggested(snapshot, set(), empty, ignored, (*failed, *problems), bool(further), reached)


def _is_left(place: str, tree: Mapping[str, str], deployed: DeployedPaths) -> bool:
    """Whether what deploys directories like that of an overlay leaves this one out."""
    return deployed.leaves_out(place.rpartition("/")[0] if place in tree else place)


def _add(places: dict[str, set[str]], claimed: Iterable[tuple[str, OutsideFile]]) -> None:
    for name, outside in claimed:
        places.setdefault(name, set()).add(place_in_overlays(outside.pin_file.file))


def _claimable(files: Files, snapshot: Snapshot, deployed: DeployedPaths) -> Iterator[OutsideFile]:
    """The files of no environment that pin something to be kept current, where a glob can name them."""
    for outside in look_outside(files, snapshot, lambda: deployed):
        place = place_in_overlays(outside.pin_file.file)
        if None in outside.causes and is_plain(place, of_files=place == outside.pin_file.file):
            yield outside


def _resources(
    files: Files,
    tree: Mapping[str, str],
    snapshots: Sequence[Snapshot],
    deployed: DeployedPaths,
    claimed: Iterable[OutsideFile],
) -> Iterator[OutsideFile]:
    """The manifests and Helm releases of no environment that pin something; none where all stand in plain directories.

    The overlays of all `snapshots` count: one that pins nothing itself is built from a base that does.
    """
    known = {outside.pin_file.file for outside in claimed}
    overlays: dict[str, set[str]] = {}
    for selection in (snapshot.layout.selection for snapshot in snapshots):
        for name, own in selection.overlays.items():
            overlays.setdefault(name, set()).update(item.directory for item in own if item.place != item.file)
    known |= snapshots[-1].layout.selection.targets.keys()
    judge = judge_of(files, snapshots[-1], lambda: deployed)
    if judge.roots is not None:
        judge = replace(judge, roots=replace(judge.roots, overlays=overlays))
    every_path = manifests(tree, (".yaml", ".yml", ".json"))
    paths = [path for path in every_path if path not in known and is_plain(path, of_files=True)]
    found = {path: targets.chart_of(path, tree) for path in paths}
    charts = {path: None if chart is None or is_skipped(chart) else chart for path, chart in found.items()}
    several = {chart for chart in set(charts.values()) if chart is not None and _in_several(chart, snapshots[-1])}
    wanted = [path for path in paths if not is_skipped(path) or charts[path] not in (None, *several)]
    # Of a chart's templates, those that Helm copies as they are; the others are no YAML.
    data = ((path, text) for path, text in contents(files, wanted) if charts[path] is None or b"{{" not in text)
    every = list(resources.find(judge, data, snapshots[-1].config.reads))
    plain = {path for own in targets.by_directory(tree, by_content=True).values() for path in own}
    yield from every if known or any(outside.pin_file.file not in plain for outside in every) else ()


def _in_several(chart: str, snapshot: Snapshot) -> bool:
    """Whether several environments have values of a chart, so that an edit of a template would reach all of them."""
    overlays = snapshot.layout.selection.overlays.values()
    return sum(any(overlay.file.startswith(chart) for overlay in own) for own in overlays) > 1


def _owner_of(outside: OutsideFile) -> str | None:
    """The environment in which a file takes effect, or what several have in common."""
    if len(outside.environments) > 1:
        return _SHARED
    return next(iter(outside.environments), None)


def _at_once(outside: OutsideFile, present: Sequence[str]) -> str | None:
    """Why a pin is left alone that would reach the last environment together with, or before, the others."""
    if len(outside.built) < 2 or not present or present[-1] not in outside.environments:
        return None
    by = outside.pinned_again_by or "a patch"
    return f"one change would reach {enumerated(outside.environments)}: pin it in each overlay, by {by}"


def _of_manifests(files: Files, tree: Mapping[str, str], now: datetime) -> _Suggested:
    """The directories of plain manifests as one environment, where nothing else pins an image."""
    existing = directories(tree, by_content=True)
    wanted = {path for path in existing if is_plain(path) and not is_fixture(path) and not is_skipped(path)}
    snapshot, _ = _read(files, tree, {_ONLY: wanted} if wanted else {}, now)
    pinned = {entry.overlay for name in _present(snapshot) for entry in snapshot.states[name].entries}
    return _Suggested(snapshot, existing, {_ONLY: wanted - pinned})


def _read(
    files: Files, tree: Mapping[str, str], places: Mapping[str, set[str]], now: datetime
) -> tuple[Snapshot, list[Problem]]:
    """These environments without the files that cannot be read, and what is wrong with those."""
    by_name = {name: sorted(own) for name, own in places.items()}
    snapshot = read_disk(files, tree, Config.inferred(by_name), now)
    problems = [*snapshot.layout.selection.problems, *_failed(snapshot)]
    wrong = {problem.file for problem in _failed(snapshot)}
    failed = {text for file in wrong if file for text in (file, file.rpartition("/")[0] or ".")}
    if not failed:
        return snapshot, problems
    left = {name: [place for place in own if place not in failed] for name, own in by_name.items()}
    return read_disk(files, tree, Config.inferred({name: own for name, own in left.items() if own}), now), problems


def _failed(snapshot: Snapshot) -> list[Problem]:
    return [failed.problem for state in snapshot.states.values() for failed in state.failed]


def _present(snapshot: Snapshot) -> list[str]:
    """The environments that have entries."""
    return [environment.name for environment in snapshot.environments if snapshot.states[environment.name].entries]


def _named(outside: OutsideFile, known: Collection[str], deployed: DeployedPaths) -> str | None:
    """The environment that what deploys a file, or its place, says."""
    by = (deployment.names for deployment in deployed.of_directories([outside.directory]))
    named = (environment_in(text) for names in by for text in names)
    name = next((name for name in named if name), None) or named_by_place(outside.directory)
    if name is None or causes.is_shared(outside.directory) or re.match(leaves.NAME, name) is None:
        return None
    return next((other for other in known if other.casefold() == name.casefold()), name)


def _environment(
    snapshot: Snapshot, name: str, existing: set[str], tree: Mapping[str, str], deployed: DeployedPaths, read: Files
) -> FoundEnvironment:
    # A directory that pins nothing may be matched by a glob, but is no reason for one.
    every = snapshot.layout.selection.overlays[name]
    with_pins = {entry.overlay for entry in snapshot.states[name].entries}
    overlays = [overlay for overlay in every if overlay.directory in with_pins]
    others = existing - {overlay.directory for overlay in every}
    files = [overlay.file for overlay in overlays if overlay.place == overlay.file]
    whole = [overlay.directory for overlay in overlays if overlay.place != overlay.file]
    taken = {
        path
        for environment, selected in snapshot.layout.selection.overlays.items()
        for overlay in selected
        for path in (overlay.directory, overlay.file)
        if environment != name
    }
    globs, without = fold_except(whole, others, taken)
    of_files, without_files = fold_files(files, tree.keys() - _without_pins(snapshot, files, read), taken)
    if globs and place_of(name) and not {glob.count("*") for glob in of_files} <= {0, *(g.count("*") for g in globs)}:
        of_files, without_files = tuple(sorted(files)), ()  # captures of no other environment would rule promotions out
    return FoundEnvironment(
        name=name,
        overlays=(*globs, *of_files),
        exclude=(*without, *without_files),
        files=len(overlays),
        # What a kustomization decides needs no rule.
        entries=tuple(entry for entry in snapshot.states[name].entries if entry.entry.decided_by is None),
        deployed_by=tuple(
            dict.fromkeys(item.by for item in deployed.of_directories(overlay.directory for overlay in overlays))
        ),
    )


def _without_pins(snapshot: Snapshot, files: Sequence[str], read: Files) -> set[str]:
    """The files that are called like these and pin nothing yet: a glob may match them."""
    endings, layout = {ending_of(file) for file in files}, snapshot.layout
    unclaimed = layout.read(path for path in layout.others if ending_of(path) in endings)
    empty = {file.file for file in targets.read_all(unclaimed, unclaimed)[0] if not file.entries}
    alike = [path for path in manifests(layout.tree) if ending_of(path) in endings and targets.target_of(path) is None]
    reads = snapshot.config.reads
    return empty | {path for path, data in read.read(alike).items() if targets.pins_nothing(path, data, reads)}


def _with_sources(
    snapshot: Snapshot, environments: Sequence[FoundEnvironment], owner: Owner
) -> Iterator[FoundEnvironment]:
    """Each with the environment before it that has most of its entries with pins that look alike."""
    formats = read_formats((entry for environment in environments for entry in environment.entries), owner)
    for at, environment in enumerate(environments):
        best = environment
        for before in environments[:at] if place_of(environment.name) else ():
            if place_of(before.name) is None:
                continue
            every = partners(snapshot.layout, snapshot.states[before.name], snapshot.states[environment.name])
            entries = {entry.key: entry for entry in environment.entries}
            # What a kustomization decides is promoted by it.
            mine = {
                key: tuple(one for one in every[key] if one.key in formats) for key in every.keys() & entries.keys()
            }
            pairs = {key: sources for key, sources in mine.items() if sources}
            alike = sum(
                all(is_ahead(formats, source, entries[key]) for source in sources) for key, sources in pairs.items()
            )
            if pairs and (best.source is None or alike >= best.corresponding):
                best = replace(
                    environment, source=before.name, pairs=pairs, corresponding=alike, promote=2 * alike > len(pairs)
                )
        yield best
