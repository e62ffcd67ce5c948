"""Read the repository: one commit of the base branch, and what it has of each environment. Nothing changes it later."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from gitops_bot.errors import EditError, GitError, Problem, UsageError, bugs_as
from gitops_bot.images.kinds import Follow
from gitops_bot.images.reason import Unmanaged, shortlist, unmanaged
from gitops_bot.images.reference import split
from gitops_bot.proposals import naming
from gitops_bot.proposals.unmatched import Unmatched, find_unmatched, suggestion
from gitops_bot.releases import blue_green
from gitops_bot.releases.decisions import EntryKey, Failed, Managed
from gitops_bot.releases.layout import correspondence, overlays, release_info
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.releases.layout.overlays import OverlayFile
from gitops_bot.releases.layout.owners import Owners
from gitops_bot.releases.layout.read import Overlay, file_targets, paths, read_overlays
from gitops_bot.targets import files_below
from gitops_bot.targets.pin_file import PinFile, is_short, matching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Config, Environment
    from gitops_bot.engine.world import World
    from gitops_bot.releases.blue_green import Slots
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.layout.causes import OutsideFile
    from gitops_bot.releases.layout.coverage import Coverage, Kind
    from gitops_bot.releases.layout.inventory import Rest
    from gitops_bot.releases.layout.overlays import Selection
    from gitops_bot.releases.layout.release_info import Described
    from gitops_bot.targets import FileTargets

#: Files that no environment claims and that are read all the same, to count what they pin.
MOST_OTHERS = 20_000
#: Entries that a message names.
_NAMED = 10


class Files(Protocol):
    """The files below the top of a checkout, by paths as git has them."""

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Their bytes; paths where no file is are left out."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command is about: these environments (all without names), at one commit of the base branch.

    `repository` is None where it is not on a forge, and `home` its address there for a browser.
    """

    config: Config
    repository: str | None
    branch: str
    commit: str
    names: Sequence[str] = ()
    home: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """What a commit has of one environment; its files by their paths.

    `failed` are the files that could not be read, and slots that are not complete. `infos` are the files that describe
    entries, and `partners` the entries of the configured source that entries are promoted from, both by the entries'
    keys. `unmatched` are the names that the configuration says of it and that mean nothing. `captures` are what the
    wildcards of the overlays stood for, by the files.
    """

    environment: Environment
    overlays: tuple[Overlay, ...]
    entries: tuple[Managed, ...]
    by_key: Mapping[EntryKey, Managed]
    failed: tuple[Failed, ...]
    slots: tuple[Slots, ...]
    slots_by_file: Mapping[str, Slots]
    infos: Mapping[EntryKey, Described]
    unmatched: Unmatched
    partners: Mapping[EntryKey, tuple[Managed, ...]] = field(default_factory=dict)
    captures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def slots_of(self, entry: Managed) -> Slots | None:
        """The slots that an entry belongs to, as one of their pins or as their selector."""
        pair = self.slots_by_file.get(entry.file)
        return pair if pair is not None and (entry.choices or pair.slot_of(entry) is not None) else None

    def matching(self, image: str) -> tuple[Managed, ...]:
        """The entries that a command line means by `image`: in each overlay by name exactly, else by repository.

        Else by the last part of either, if all that it fits have one repository.
        """
        in_full = tuple(
            overlay.entries[index]
            for overlay in self.overlays
            for index in matching([entry.entry for entry in overlay.entries], image)
        )
        short = () if in_full else self._shortened(image)
        return in_full or (short if len({entry.image for entry in short}) == 1 else ())

    def _shortened(self, image: str) -> tuple[Managed, ...]:
        return tuple(entry for entry in self.entries if is_short(image, entry.entry))

    def meant(self, image: str) -> tuple[Managed, ...]:
        """Those that `matching` gives, to be given a pin: of two slots a repository means the one that is idle."""
        every = self.matching(image)

        def is_live(entry: Managed) -> bool:
            pair = self.slots_of(entry)
            other = pair.counterpart(entry) if pair is not None and pair.wrong is None else None
            return pair is not None and other in every and pair.slot_of(entry) == pair.live

        return tuple(entry for entry in every if entry.name == image or not is_live(entry))

    def unknown(self, image: str, among: Sequence[Managed] | None = None) -> Problem:
        """An `image` of the command line that is no entry of the environment, or none of some of these."""
        name, entries = self.environment.name, self.entries if among is None else among
        if len(images := sorted({entry.image for entry in self._shortened(image)})) > 1:
            message = f"{image[:300]} may be any of several images of {name}: {shortlist(images, _NAMED)}"
            return Problem("failed.usage", message, "give the name of one of them in full")
        if self.failed:
            message = f"{image[:300]} matches no entry of {name} that could be read"
            return Problem("failed.usage", message, "correct what could not be read first: it may be there")
        names = sorted({entry.name for entry in entries})
        advice = f"the entries of {name} are: {shortlist(names, _NAMED)}" if names else f"{name} has no entries"
        message = f"{image[:300]} matches no entry of {name}, neither by name nor by repository"
        return Problem("failed.usage", message, suggestion(image, entries) or advice)


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one commit, or of a checkout, that environments mean.

    `selection` has the overlays of those environments that are read, and `files` the bytes; `claims` has the overlays
    of all environments, `others` the files of targets that none of them claims. `tree` has git's mode of every path.
    `owners` tell whose a path is, now or by the globs, and `targets` how each file with pins is read, also a past one.
    """

    selection: Selection
    claims: Selection
    others: tuple[str, ...]
    tree: Mapping[str, str]
    files: Mapping[str, bytes]
    owners: Owners
    targets: FileTargets

    def pin_file(self, path: str) -> PinFile:
        """Read a file of the selected overlays; raises an EditError if it cannot be edited as a whole."""
        return (self.targets[path] or self.selection.targets[path]).read(self.files.get(path, b""), path)

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Those of these files that were read."""
        return {path: self.files[path] for path in paths if path in self.files}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The base branch at one commit.

    `environments` are those that were asked for; `states` also has those that their pins come from, by name.
    `own_branches` are the bot's branches that the remote has. Without a forge, or a token for it, nobody
    `sees_pull_requests`.
    """

    config: Config
    repository: str | None
    branch: str
    commit: str
    at: datetime
    environments: tuple[Environment, ...]
    layout: Layout
    states: Mapping[str, EnvironmentState]
    own_branches: tuple[str, ...] = ()
    sees_pull_requests: bool = False

    def slots_of(self, entry: Managed) -> Slots | None:
        """The slots that an entry belongs to."""
        return self.states[entry.environment].slots_of(entry) if entry.environment is not None else None

    def image(self, key: EntryKey) -> str:
        """The repository of an entry that history tells of: the present one, else what its name says."""
        present = (state.by_key[key].image for state in self.states.values() if key in state.by_key)
        return next(present, split(key.name)[0])

    def own_branches_of(self, name: str) -> tuple[str, ...]:
        """The bot's branches for an environment: its groups', and those of groups that were."""
        beginning = naming.beginning(name)
        return tuple(branch for branch in self.own_branches if branch.startswith(beginning))

    def covered(self, outside: Iterable[OutsideFile], rest: Rest) -> Coverage:
        """How much of the repository is kept current: these entries, the files of no environment, and the `rest`."""
        from gitops_bot.releases.layout import coverage

        known: dict[str, Mapping[EntryKey, Kind | Unmanaged]] = {}
        kinds = [
            (entry, entry.pin, self._kinds(environment.name, known)[entry.key])
            for environment in self.environments
            for entry in self.states[environment.name].entries
        ]
        skipped = sum(path not in self.layout.files for path in self.layout.others)
        added = coverage.outside(outside, skipped, rest.outside)
        covered = coverage.cover(kinds, added, inferred=self.config.file is None)
        requiring = {its.name for its in self.environments if its.require.checks or its.require.deployment}
        tracked = (entry for entry, _, kind in kinds if kind == "tracked" and entry.rules.policy is not None)
        exempt = tuple(entry for entry in tracked if entry.environment in requiring)
        files = self.layout.selection.unread
        return replace(covered, exempt=exempt, unread=rest.unread, complete=rest.complete, unread_files=files)

    def _kinds(
        self, name: str, known: dict[str, Mapping[EntryKey, Kind | Unmanaged]]
    ) -> Mapping[EntryKey, Kind | Unmanaged]:
        """What becomes of the entries of an environment. One counts as moved only where `plan` could move it."""
        from gitops_bot.images.inference import is_one_build  # `update` counts nothing
        from gitops_bot.releases.layout import coverage

        if name in known:
            return known[name]
        state, alone = self.states[name], without_partner(self, name)

        def kind(entry: Managed) -> Kind | Unmanaged:
            sources = state.partners.get(entry.key, ())
            kind = coverage.kind(entry.rules, promoted=bool(sources))
            if isinstance(kind, Unmanaged) and kind.why == "not_in_source" and state.environment.promotion is not None:
                source = state.environment.promotion.source
                return unmanaged("unread_source", source) if self.states[source].failed else kind
            if isinstance(kind, Unmanaged) or kind == "ignored":
                return kind
            if entry.refusal is not None:
                return unmanaged("refused", entry.refusal.message)
            if not sources and entry.key in alone:
                return unmanaged("no_partner", alone[entry.key][0])
            policy = entry.rules.policy.policy if entry.rules.policy is not None and not sources else None
            if isinstance(policy, Follow) and is_one_build(policy.tag):
                return unmanaged("one_build", policy.tag)
            moved = ("tracked", "promoted")
            if any(self._kinds(source.environment or "", known)[source.key] not in moved for source in sources):
                return unmanaged("still_source", sources[0].environment or "")
            return kind

        known[name] = {entry.key: kind(entry) for entry in state.entries}
        return known[name]


def without_partner(snapshot: Snapshot, name: str) -> Mapping[EntryKey, tuple[str, str]]:
    """Why entries are held whose image any wave before has, while the source has no entry to promote to them.

    The policy of the environment is for images that no wave before has: those it would let overtake the waves. Where a
    file of these cannot be read, nobody can tell. Each has the reason, and what to do.
    """
    state = snapshot.states[name]
    waves, known = [snapshot.states[wave] for wave in snapshot.config.waves_before(name)], dict[str, EnvironmentState]()
    for wave in reversed(waves):
        shared = map(snapshot.states.__getitem__, snapshot.config.shared_with(wave.environment.name))
        known |= {image: wave for its in (wave, *shared) for own in its.entries for image in _names(own)}
    unread = next((wave.environment.name for wave in waves if wave.failed), None)
    found: dict[EntryKey, tuple[str, str]] = {}
    for entry in state.entries if waves else ():
        if entry.key in state.partners or entry.is_settled or not entry.rules.takes_promotions:
            continue
        if (having := next(filter(None, map(known.get, _names(entry))), None)) is not None:
            has, source = having.environment.name, waves[0].environment.name
            text = f"{has} has this image, and no entry of {source} corresponds to this one, to be promoted to it"
            found[entry.key] = text, f"add it to {source}, or give the image a `policy` of its own"
        elif unread is not None:
            text = f"a file of {unread} cannot be read, and may have this image"
            found[entry.key] = text, "correct that file first"
    return found


def _names(entry: Managed) -> Sequence[str]:
    """The names of an entry's image: its repository, and the name that `newName` replaces."""
    return (entry.image, entry.name) if entry.entry.new_name else (entry.image,)


def read(world: World, scope: Scope, *, also: Collection[str] = (), whole: bool = False) -> Snapshot:
    """Read the environments of the scope.

    Those that their pins come from, that reach them, and `also`, are read along, and nothing is proposed to them.
    `whole`: so is what no environment claims.

    Raises:
        UsageError: an environment that does not exist is named.
        GitError, ConfigError: as `select`.
    """
    config, names = scope.config, scope.names
    for name in (*names, *also):
        if name not in config.environments:
            known = ", ".join(config.environments)
            advice = f"known: {known}" if known else "no environments are known in this repository"
            from gitops_bot.config.leaves import nearest  # the forms of the configuration take 0.1 s

            alike = [other for other in config.environments if name and other.startswith(name)]
            if close := alike or list(filter(None, [nearest(name, config.environments)])):
                advice = f"did you mean {' or '.join(f'`{other}`' for other in close[:3])}?"
            raise UsageError(Problem("failed.usage", f"there is no environment {name[:100]!r}", advice))
    environments = [environment for name, environment in config.environments.items() if not names or name in names]
    asked = [*(environment.name for environment in environments), *also]
    waves = {each for name in asked for each in (name, *config.waves_before(name))}
    tree, read_files = world.repository.tree(scope.commit), partial(world.repository.read, scope.commit)
    layout = select(config, tree, {*waves, *config.shared_with(*waves)}, read_files, whole=whole)
    now = world.clock.now()
    return Snapshot(
        config=config,
        repository=scope.repository,
        branch=scope.branch,
        commit=scope.commit,
        at=now,
        environments=_present(config, environments, layout),
        layout=layout,
        states=read_states(config, layout, now),
        own_branches=world.repository.branches(),
        sees_pull_requests=world.forge is not None,
    )


def read_disk(files: Files, tree: Mapping[str, str], config: Config, now: datetime) -> Snapshot:
    """The files of all environments as they are on disk: a snapshot that has no commit. Raises what `select` raises."""
    layout = select(config, tree, config.environments, files.read, whole=True)
    environments = _present(config, config.environments.values(), layout)
    return Snapshot(config, None, "", "", now, environments, layout, read_states(config, layout, now))


def read_again(world: World, before: Snapshot) -> Snapshot:
    """Read the present commit, with all that the reading before has. Raises what `read` raises."""
    names = [environment.name for environment in before.environments]
    scope = Scope(before.config, before.repository, before.branch, world.repository.head(before.branch), names)
    return read(world, scope, also=before.states, whole=bool(before.layout.others))


def read_line(world: World, snapshot: Snapshot, enough: Callable[[Line], bool] = attrgetter("complete")) -> Line:
    """The history of these environments up to the snapshot: all of it, or as much as is enough; raises a GitError."""
    globs = [Glob.parse(text) for state in snapshot.states.values() for text in state.environment.overlays]
    directories = tuple(sorted({glob.prefix.rpartition("/")[0] or "." for glob in globs}))
    return world.repository.line(snapshot.commit, directories, enough, snapshot.layout.targets)


def after_commit(before: Snapshot, files: Mapping[str, bytes]) -> Snapshot:
    """What a commit of our own made of the base branch: all is as it was, but for these files."""
    config, was, everything = before.config, before.layout, {**before.layout.files, **files}
    targets = file_targets(config.environments, was.selection, was.owners, everything)
    layout = replace(was, files=everything, targets=targets)
    return replace(before, layout=layout, states=read_states(config, layout, before.at))


def select(
    config: Config,
    tree: Mapping[str, str],
    names: Collection[str],
    read_files: Callable[[Sequence[str]], Mapping[str, bytes]],
    *,
    whole: bool = False,
) -> Layout:
    """Select the overlays of these environments in a tree (path -> git mode), and read their files.

    Raises:
        GitError: the files cannot be read.
        ConfigError: a file is claimed by two environments, or the globs of a promotion cannot correspond.
    """
    environments = config.environments
    claims = selection = overlays.select(environments, tree)
    wanted = {name: environment for name, environment in environments.items() if name in names}
    if len(wanted) < len(environments):
        # The others count for the question whose a file is; what is wrong with them is not asked here.
        selection = overlays.select(wanted, tree)
    needed = paths(environments, selection, tree)
    others = overlays.unclaimed(claims, tree) if whole else ()
    try:  # all at once: what is fetched later is waited for again
        files = read_files([*needed, *others[:MOST_OTHERS]])
    except GitError:
        if not others:
            raise
        files = read_files(needed)  # the others are too much of what nobody needs
    correspondence.check(environments)
    same, selection = claims is selection, selection.with_pins(files)
    claims = selection if same else claims.with_pins(files)
    if below := files_below(selection.targets, tree, files) - files.keys():
        files = {**files, **read_files(sorted(below))}
    owners = Owners(environments, claims)
    return Layout(selection, claims, others, tree, files, owners, file_targets(environments, selection, owners, files))


def read_states(config: Config, layout: Layout, at: datetime) -> dict[str, EnvironmentState]:
    """The states of the environments whose overlays are selected, by their files at that moment."""
    info_files = release_info.files(config.environments, layout.claims)
    states: dict[str, EnvironmentState] = {}
    for name in layout.selection.overlays:
        try:
            with bugs_as(EditError, name):
                states[name] = _state(config, layout, config.environments[name], info_files, at)
        except EditError as error:
            states[name] = _unreadable(config.environments[name], error.problem)
    for name, state in states.items():
        promotion = state.environment.promotion
        if promotion is not None and promotion.source in states:
            try:
                with bugs_as(EditError, name):
                    every = sources_of(config, layout, states, promotion.source, state)
            except EditError as error:  # nobody can tell what is promoted
                states[name] = _unreadable(state.environment, error.problem)
                continue
            own = {key: sources for key, sources in every.items() if state.by_key[key].rules.takes_promotions}
            states[name] = replace(state, partners=own)
    # One of several environments must have what is said of all of them, once all of them are read.
    for names in dict.fromkeys(own.environments for own in config.mentions if len(own.environments) > 1):
        every_one = [states[name] for name in names if name in states and not states[name].failed]
        if len(every_one) == len(names):
            entries = [entry for state in every_one for entry in state.entries]
            found = find_unmatched(names, config.mentions, entries, (), at)
            states |= {name: replace(states[name], unmatched=states[name].unmatched + found) for name in names}
    return states


def _state(
    config: Config, layout: Layout, environment: Environment, info_files: Mapping[str, Sequence[str]], at: datetime
) -> EnvironmentState:
    name = environment.name
    selected = layout.selection.overlays[name]
    in_overlays, unreadable = read_overlays(environment, selected, layout.targets, layout.files)
    entries = tuple(entry for overlay in in_overlays for entry in overlay.entries)
    files = {overlay_file.file: overlay_file.directory for overlay_file in selected}
    by_file = {overlay.file: overlay.entries for overlay in in_overlays}
    pairs = tuple(pair for setting in environment.blue_green for pair in blue_green.find(setting, files, by_file))
    problems, failed_files = list(unreadable), {problem.file for problem in unreadable}
    for pair in pairs:
        # A selector that is refused is told by itself.
        refused = pair.selector is not None and pair.wrong == pair.selector.refusal
        if pair.wrong is not None and not refused and pair.wrong.file not in failed_files:
            problems.append(pair.wrong)
    infos = release_info.find(environment.release_info, entries, layout.files, info_files)
    unread = bool(problems or layout.selection.problems or layout.selection.unread)
    mentions = config.mentions if selected else ()  # else that is wrong, and names that match nothing only follow
    matched = selected
    if environment.exclude:
        every = overlays.select({name: replace(environment, exclude=())}, layout.tree)
        links = (OverlayFile(posixpath.dirname(link.file) or ".", link.file, "", {}) for link in every.unread)
        matched = (*every.overlays[name], *links)
    return EnvironmentState(
        environment=environment,
        overlays=in_overlays,
        entries=entries,
        by_key={entry.key: entry for entry in entries},
        failed=tuple(Failed(None, problem) for problem in problems),
        slots=pairs,
        slots_by_file={file: pair for pair in pairs for file in pair.files},
        infos={entry.key: info for entry, info in infos} if environment.release_info else {},
        unmatched=find_unmatched((name,), mentions, entries, matched, at, unread=unread),
        captures={overlay_file.file: overlay_file.captures for overlay_file in selected},
    )


def _unreadable(environment: Environment, problem: Problem) -> EnvironmentState:
    """An environment that nothing is known of, and nothing decided about."""
    return EnvironmentState(environment, (), (), {}, (Failed(None, problem),), (), {}, {}, Unmatched())


def sources_of(
    config: Config, layout: Layout, states: Mapping[str, EnvironmentState], source: str, target: EnvironmentState
) -> Mapping[EntryKey, tuple[Managed, ...]]:
    """The entries of the target that the source has too, in its own overlays or in what reaches it."""
    shared = (name for name in config.shared_with(source) if name in states and states[name] is not target)
    found = [partners(layout, states[name], target) for name in (source, *shared)]
    return {key: sources for each in reversed(found) for key, sources in each.items()}


def partners(
    layout: Layout, source: EnvironmentState, target: EnvironmentState
) -> Mapping[EntryKey, tuple[Managed, ...]]:
    """The entries of the target that the source has too, by their keys: each with those that it stands for."""

    def is_idle(entry: Managed) -> bool:  # nothing reaches what it pins, so nobody has tried it
        pair = source.slots_of(entry)
        return pair is not None and (pair.wrong is not None or pair.slot_of(entry) != pair.live)

    by_file = {
        overlay.file: [entry for entry in overlay.entries if state is target or not is_idle(entry)]
        for state in (source, target)
        for overlay in state.overlays
    }
    # What one slot of the source runs is for whichever slot of the target is idle.
    taken = {key for key, entry in target.by_key.items() if target.slots_of(entry) is None}
    by_name = layout.selection.overlays
    return correspondence.between(by_name[source.environment.name], by_name[target.environment.name], by_file, taken)


def _present(config: Config, environments: Iterable[Environment], layout: Layout) -> tuple[Environment, ...]:
    """Without a configuration, directories that are called like an environment and pin nothing are none."""
    return tuple(its for its in environments if config.file is not None or layout.claims.overlays[its.name])
