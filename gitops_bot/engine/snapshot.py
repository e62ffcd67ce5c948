"""The base branch at one commit: what was read of it, and what it says of each environment. Immutable."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from gitops_bot.errors import EditError, Problem
from gitops_bot.proposals import naming
from gitops_bot.proposals.unmatched import Unmatched, unmatched
from gitops_bot.releases.choice import hold
from gitops_bot.releases.layout import correspondence, coverage, release_info, slots
from gitops_bot.releases.layout.beside import by_directory
from gitops_bot.releases.layout.claims import parse
from gitops_bot.releases.layout.file_claims import FileClaims
from gitops_bot.releases.layout.overlay import Overlay
from gitops_bot.releases.layout.owners import Owners
from gitops_bot.releases.plan import Failed
from gitops_bot.targets import completed
from gitops_bot.targets.decided import decided
from gitops_bot.targets.file_targets import FileTargets
from gitops_bot.targets.pin_file import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from datetime import datetime

    from gitops_bot.config import Config, Environment
    from gitops_bot.releases.choice.hold import WrittenHold
    from gitops_bot.releases.layout.coverage import Coverage, Outside
    from gitops_bot.releases.layout.overlays import OverlayFile, Selection
    from gitops_bot.releases.layout.release_info import Described
    from gitops_bot.releases.layout.slots import Slots
    from gitops_bot.releases.plan import Entry
    from gitops_bot.targets import Target
    from gitops_bot.targets.pin_file import PinFile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one reading of the repository told.

    `environments` are those that were asked for. `readable` are also those that their pins come from; of these
    `selection` has the overlays, and `files` the bytes. `claims` has the overlays of all environments, `others` the
    files of targets that none of them claims. `own_branches` are the bot's branches that the remote has. Without a
    forge, or a token for it, nobody `sees_pull_requests`.
    """

    config: Config
    repository: str | None
    branch: str
    commit: str
    at: datetime
    environments: tuple[Environment, ...]
    readable: tuple[Environment, ...]
    selection: Selection
    claims: Selection
    others: tuple[str, ...]
    files: Mapping[str, bytes]
    own_branches: tuple[str, ...]
    sees_pull_requests: bool
    #: Files that were parsed, by path and bytes: another reading parses only what changed.
    parsed: dict[tuple[str, Target, bytes], PinFile | Problem] = field(default_factory=dict, repr=False, compare=False)
    #: What was worked out of all this already, by what was asked.
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def overlays(self, name: str) -> tuple[Overlay, ...]:
        """The overlays of an environment that could be read."""
        return self._once(("read", name), lambda: self._read(name))[0]

    def failed(self, name: str) -> tuple[Failed, ...]:
        """The files of an environment that could not be read, and slots that are not complete."""
        unread: tuple[Failed, ...] = self._once(("read", name), lambda: self._read(name))[1]
        known = {failed.problem.file for failed in unread}
        # A selector that is refused is told by itself.
        wrong = [
            slots.wrong for slots in self.slots(name) if slots.selector is None or slots.wrong != slots.selector.refusal
        ]
        return (
            *unread,
            *(Failed(None, problem) for problem in wrong if problem is not None and problem.file not in known),
        )

    def slots(self, name: str) -> tuple[Slots, ...]:
        """The slots of an environment, each pair with the selector that makes one of them live."""
        return self._once(("slots", name), lambda: self._slots(name))

    def slots_of(self, entry: Entry) -> Slots | None:
        """The slots that an entry belongs to, as one of their pins or as their selector."""
        name = entry.environment or ""
        known = self._once(
            ("slots by file", name), lambda: {file: slots for slots in self.slots(name) for file in slots.files}
        )
        pair: Slots | None = known.get(entry.file)
        return pair if pair is not None and (entry.choices or pair.slot_of(entry) is not None) else None

    def described(self, name: str) -> Mapping[tuple[str, str], Described]:
        """By the keys of entries of an environment, the file that describes each; most have none."""
        return self._once(("described", name), lambda: self._described(name))

    def overlay_files(self, name: str) -> tuple[OverlayFile, ...]:
        """The overlays of an environment as its globs found them, also those that could not be read."""
        return self.selection.overlays[name]

    def entries(self, name: str) -> tuple[Entry, ...]:
        """Every entry of an environment."""
        return tuple(entry for overlay in self._by_overlay(name) for entry in overlay)

    def by_key(self, name: str) -> Mapping[tuple[str, str], Entry]:
        """Every entry of an environment by its key."""
        return self._once(("by key", name), lambda: {entry.key: entry for entry in self.entries(name)})

    def matching(self, name: str, image: str) -> tuple[Entry, ...]:
        """The entries that a command line means by `image`: by name exactly, else by repository, in each overlay."""
        return tuple(
            entries[index]
            for overlay, entries in zip(self.overlays(name), self._by_overlay(name), strict=True)
            for index in matching(overlay.pin_file.entries, image)
        )

    def partners(self, source: str, target: str) -> Mapping[tuple[str, str], tuple[Entry, ...]]:
        """The entries of the target that the source has too, by their keys: each with those that it stands for."""
        return self._once(("partners", source, target), lambda: self._partners(source, target))

    def promoted(self, environment: Environment) -> Mapping[tuple[str, str], tuple[Entry, ...]]:
        """Likewise for the environment that the configuration promotes from, but for entries with an own policy."""
        if environment.promotion is None:
            return {}
        source, name = environment.promotion.source, environment.name
        return self._once(("promoted", source, name), lambda: self._promoted(source, name))

    def meant(self, name: str, image: str) -> tuple[Entry, ...]:
        """Likewise, to be given a pin: of two slots a repository means the one that is idle."""
        matching = self.matching(name, image)

        def is_live(entry: Entry) -> bool:
            slots = self.slots_of(entry)
            other = slots.counterpart(entry) if slots is not None and slots.wrong is None else None
            return slots is not None and other in matching and slots.slot_of(entry) == slots.live

        return tuple(entry for entry in matching if entry.name == image or not is_live(entry))

    def own_branches_of(self, name: str) -> tuple[str, ...]:
        """The bot's branches for an environment: its groups', and those of groups that were."""
        beginning = naming.beginning(name)
        return tuple(branch for branch in self.own_branches if branch.startswith(beginning))

    def hold(self, entry: Entry) -> WrittenHold | None:
        """The hold that somebody wrote down for an entry, as long as it lasts."""
        return hold.lasting(self.config.holds, entry, self.at)

    def unmatched(self, name: str) -> Unmatched:
        """The names that the configuration says of an environment, and that mean nothing there."""
        return self._once(
            ("unmatched", name),
            lambda: unmatched(
                name,
                self.config.mentions,
                self.entries(name),
                self.overlay_files(name),
                self.at,
                unread=bool(self.failed(name) or self.selection.problems),
            ),
        )

    def before(self, files: Mapping[str, bytes]) -> dict[str, tuple[bytes, bytes]]:
        """Each file as the base branch has it, beside what it becomes."""
        return {path: (self.files[path], after) for path, after in files.items()}

    @property
    def owners(self) -> Owners:
        """Whose each path is, now or by the globs."""
        return self._once("owners", lambda: Owners(self.config.environments, self.claims))

    @property
    def targets(self) -> FileTargets:
        """How each file with pins is read, also one that history tells of."""
        return self._once("targets", self._file_targets)

    @property
    def outside(self) -> Outside:
        """What no environment claims, as far as it was read."""
        read = {path: self.files[path] for path in self.others if path in self.files}
        return coverage.outside(read, unread=len(self.others) - len(read))

    @property
    def coverage(self) -> Coverage:
        """How much of the repository is kept current, by what becomes of the entries of these environments."""
        kinds = [
            (entry, entry.pin, coverage.kind(entry.rules, promoted=entry.key in self.promoted(environment)))
            for environment in self.environments
            for entry in self.entries(environment.name)
        ]
        return coverage.cover(kinds, self.outside, inferred=self.config.file is None)

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that the history of these environments is about."""
        globs = [parse(text) for environment in self.readable for text in environment.overlays]
        return tuple(sorted({glob.prefix.rpartition("/")[0] or "." for glob in globs}))

    def _once(self, key: Hashable, work: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = work()
        answer: T = self._known[key]
        return answer

    def _read(self, name: str) -> tuple[tuple[Overlay, ...], tuple[Failed, ...]]:
        read: list[Overlay] = []
        failed: list[Failed] = []
        for overlay_file in self.overlay_files(name):
            match self._parse(overlay_file):
                case Problem() as problem:
                    failed.append(Failed(None, problem))
                case parsed:
                    read.append(Overlay(name, overlay_file.directory, parsed))
        return tuple(read), tuple(failed)

    def _parse(self, overlay_file: OverlayFile) -> PinFile | Problem:
        target, data = self.targets[overlay_file.file] or overlay_file.target, self.files.get(overlay_file.file, b"")
        key = overlay_file.file, target, data
        if key not in self.parsed:
            try:
                self.parsed[key] = target.read(data, overlay_file.file)
            except EditError as error:
                self.parsed[key] = error.problem
        return self.parsed[key]

    def _file_targets(self) -> FileTargets:
        near = by_directory(self.files)
        targets = {
            file: completed(target, near.get(posixpath.dirname(file) or ".", {}))
            for file, target in self.selection.targets.items()
        }
        following = release_info.keys(self.config.environments, self.selection)
        claims = FileClaims.of(self.config.environments, self.owners)
        return FileTargets.of(decided(targets, self.files), following, claims)

    def _by_overlay(self, name: str) -> tuple[tuple[Entry, ...], ...]:
        return self._once(
            ("entries", name),
            lambda: tuple(
                tuple(overlay.entry(item, self.config.rules(name, item)) for item in overlay.pin_file.entries)
                for overlay in self.overlays(name)
            ),
        )

    def _slots(self, name: str) -> tuple[Slots, ...]:
        settings = self.config.environments[name].blue_green
        if not settings:
            return ()
        files = {overlay_file.file: overlay_file.directory for overlay_file in self.overlay_files(name)}
        overlays = zip(self.overlays(name), self._by_overlay(name), strict=True)
        entries = {overlay.file: entries for overlay, entries in overlays}
        return tuple(pair for setting in settings for pair in slots.find(setting, files, entries))

    def _described(self, name: str) -> Mapping[tuple[str, str], Described]:
        environments = self.config.environments
        if not (settings := environments[name].release_info):
            return {}
        owners = self._once("info files", lambda: release_info.files(environments, self.claims))
        return {entry.key: file for entry, file in release_info.find(settings, self.entries(name), self.files, owners)}

    def _is_idle(self, entry: Entry) -> bool:
        """Whether nothing reaches what an entry pins, so that nobody has tried it."""
        slots = self.slots_of(entry)
        return slots is not None and (slots.wrong is not None or slots.slot_of(entry) != slots.live)

    def _promoted(self, source: str, name: str) -> dict[tuple[str, str], tuple[Entry, ...]]:
        own = self.by_key(name)
        return {key: sources for key, sources in self.partners(source, name).items() if own[key].rules.takes_promotions}

    def _partners(self, source: str, target: str) -> dict[tuple[str, str], tuple[Entry, ...]]:
        by_file = {
            overlay.file: tuple(entry for entry in entries if name == target or not self._is_idle(entry))
            for name in (source, target)
            for overlay, entries in zip(self.overlays(name), self._by_overlay(name), strict=True)
        }
        partners: dict[tuple[str, str], tuple[Entry, ...]] = {}
        # What one slot of the source runs is for whichever slot of the target is idle.
        taken = {key for key, entry in self.by_key(target).items() if self.slots_of(entry) is None}
        for pair in correspondence.pairs(self.overlay_files(source), self.overlay_files(target)):
            own = by_file.get(pair.target.file, ())
            sources = [
                [(file.target, entry) for file in overlay for entry in by_file.get(file.file, ())]
                for overlay in pair.sources
            ]
            for entry in own:
                found_partners = tuple(
                    partner
                    for entries in sources
                    for partner in correspondence.partners(entry, pair.target.target, own, entries, taken)
                )
                if found_partners:
                    partners[entry.key] = found_partners
        return partners
