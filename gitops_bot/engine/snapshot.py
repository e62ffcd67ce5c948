"""The base branch at one commit: what was read of it, and what it says of each environment. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from gitops_bot.errors import Problem
from gitops_bot.images.reference import split
from gitops_bot.proposals import naming
from gitops_bot.proposals.unmatched import Unmatched, unmatched
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Failed
from gitops_bot.releases.layout import correspondence, coverage, release_info, slots
from gitops_bot.releases.layout.claims import parse
from gitops_bot.releases.layout.owners import Owners
from gitops_bot.releases.layout.read import file_targets, read_overlays
from gitops_bot.targets.pin_file import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Config, Environment
    from gitops_bot.config.values import Hold
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.layout.coverage import Coverage, Outside
    from gitops_bot.releases.layout.overlay import Overlay
    from gitops_bot.releases.layout.overlays import OverlayFile, Selection
    from gitops_bot.releases.layout.release_info import Described
    from gitops_bot.releases.layout.slots import Slots
    from gitops_bot.targets import Target
    from gitops_bot.targets.file_targets import FileTargets
    from gitops_bot.targets.pin_file import PinFile

P = ParamSpec("P")
T = TypeVar("T")


def _once(work: Callable[Concatenate[Snapshot, P], T]) -> Callable[Concatenate[Snapshot, P], T]:
    """What a snapshot works out once for what is asked."""

    @wraps(work)
    def remembered(snapshot: Snapshot, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = work, args
        if key not in snapshot.known:
            snapshot.known[key] = work(snapshot, *args, **kwargs)
        answer: T = snapshot.known[key]
        return answer

    return remembered


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
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @_once
    def overlays(self, name: str) -> tuple[Overlay, ...]:
        """The overlays of an environment that could be read."""
        return self._read(name)[0]

    @_once
    def failed(self, name: str) -> tuple[Failed, ...]:
        """The files of an environment that could not be read, and slots that are not complete."""
        problems = list(self._read(name)[1])
        known = {problem.file for problem in problems}
        for pair in self.slots(name):
            # A selector that is refused is told by itself.
            refused = pair.selector is not None and pair.wrong == pair.selector.refusal
            if pair.wrong is not None and not refused and pair.wrong.file not in known:
                problems.append(pair.wrong)
        return tuple(Failed(None, problem) for problem in problems)

    @_once
    def slots(self, name: str) -> tuple[Slots, ...]:
        """The slots of an environment, each pair with the selector that makes one of them live."""
        settings = self.config.environments[name].blue_green
        if not settings:
            return ()
        files = {overlay_file.file: overlay_file.directory for overlay_file in self.overlay_files(name)}
        entries = {overlay.pin_file.file: overlay.entries for overlay in self.overlays(name)}
        return tuple(pair for setting in settings for pair in slots.find(setting, files, entries))

    def slots_of(self, entry: Managed) -> Slots | None:
        """The slots that an entry belongs to, as one of their pins or as their selector."""
        pair = self._slots_by_file(entry.environment or "").get(entry.file)
        return pair if pair is not None and (entry.choices or pair.slot_of(entry) is not None) else None

    @_once
    def described(self, name: str) -> Mapping[tuple[str, str], Described]:
        """By the keys of entries of an environment, the file that describes each; most have none."""
        environments = self.config.environments
        if not (settings := environments[name].release_info):
            return {}
        owners = self._info_files()
        return {entry.key: file for entry, file in release_info.find(settings, self.entries(name), self.files, owners)}

    def image(self, file: str, name: str) -> str:
        """The repository of an entry that history tells of: the present one, else what its name says."""
        return self._images().get((file, name), split(name)[0])

    def overlay_files(self, name: str) -> tuple[OverlayFile, ...]:
        """The overlays of an environment as its globs found them, also those that could not be read."""
        return self.selection.overlays[name]

    @_once
    def entries(self, name: str) -> tuple[Managed, ...]:
        """Every entry of an environment."""
        return tuple(entry for overlay in self.overlays(name) for entry in overlay.entries)

    @_once
    def by_key(self, name: str) -> Mapping[tuple[str, str], Managed]:
        """Every entry of an environment by its key."""
        return {entry.key: entry for entry in self.entries(name)}

    def matching(self, name: str, image: str) -> tuple[Managed, ...]:
        """The entries that a command line means by `image`: by name exactly, else by repository, in each overlay."""
        return tuple(
            overlay.entries[index]
            for overlay in self.overlays(name)
            for index in matching(overlay.pin_file.entries, image)
        )

    def unknown(self, name: str, image: str, among: Sequence[Managed] | None = None) -> Problem:
        """An `image` of the command line that is no entry of an environment, or none of some of these."""
        names = sorted({entry.name for entry in (self.entries(name) if among is None else among)})
        known = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        return Problem(
            "failed.usage",
            f"{image[:300]} matches no entry of {name}, neither by name nor by repository",
            f"the entries of {name} are: {known}" if names else f"no overlay of {name} has an entry",
        )

    @_once
    def partners(self, source: str, target: str) -> Mapping[tuple[str, str], tuple[Managed, ...]]:
        """The entries of the target that the source has too, by their keys: each with those that it stands for."""
        by_file = {
            overlay.pin_file.file: [entry for entry in overlay.entries if name == target or not self._is_idle(entry)]
            for name in (source, target)
            for overlay in self.overlays(name)
        }
        # What one slot of the source runs is for whichever slot of the target is idle.
        taken = {key for key, entry in self.by_key(target).items() if self.slots_of(entry) is None}
        return correspondence.between(self.overlay_files(source), self.overlay_files(target), by_file, taken)

    @_once
    def promoted(self, name: str) -> Mapping[tuple[str, str], tuple[Managed, ...]]:
        """Likewise for the environment that the configuration promotes from, but for entries with an own policy."""
        own, promotion = self.by_key(name), self.config.environments[name].promotion
        partners = self.partners(promotion.source, name) if promotion is not None else {}
        return {key: sources for key, sources in partners.items() if own[key].rules.takes_promotions}

    def meant(self, name: str, image: str) -> tuple[Managed, ...]:
        """Those that `matching` finds, to be given a pin: of two slots a repository means the one that is idle."""
        matching = self.matching(name, image)

        def is_live(entry: Managed) -> bool:
            slots = self.slots_of(entry)
            other = slots.counterpart(entry) if slots is not None and slots.wrong is None else None
            return slots is not None and other in matching and slots.slot_of(entry) == slots.live

        return tuple(entry for entry in matching if entry.name == image or not is_live(entry))

    def own_branches_of(self, name: str) -> tuple[str, ...]:
        """The bot's branches for an environment: its groups', and those of groups that were."""
        beginning = naming.beginning(name)
        return tuple(branch for branch in self.own_branches if branch.startswith(beginning))

    def hold(self, entry: Managed) -> Hold | None:
        """The hold that somebody wrote down for an entry, as long as it lasts."""
        return hold.lasting(self.config.holds, entry, self.at)

    @_once
    def unmatched(self, name: str) -> Unmatched:
        """The names that the configuration says of an environment, and that mean nothing there."""
        unread = bool(self.failed(name) or self.selection.problems)
        overlays = self.overlay_files(name)
        return unmatched(name, self.config.mentions, self.entries(name), overlays, self.at, unread=unread)

    @property
    @_once
    def owners(self) -> Owners:
        """Whose each path is, now or by the globs."""
        return Owners(self.config.environments, self.claims)

    @property
    @_once
    def targets(self) -> FileTargets:
        """How each file with pins is read, also one that history tells of."""
        return file_targets(self.config.environments, self.selection, self.owners, self.files)

    @property
    def outside(self) -> Outside:
        """What no environment claims, as far as it was read."""
        read = {path: self.files[path] for path in self.others if path in self.files}
        return coverage.outside(read, unread=len(self.others) - len(read))

    @property
    def coverage(self) -> Coverage:
        """How much of the repository is kept current, by what becomes of the entries of these environments."""
        kinds = [
            (entry, entry.pin, coverage.kind(entry.rules, promoted=entry.key in self.promoted(environment.name)))
            for environment in self.environments
            for entry in self.entries(environment.name)
        ]
        return coverage.cover(kinds, self.outside, inferred=self.config.file is None)

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that the history of these environments is about."""
        globs = [parse(text) for environment in self.readable for text in environment.overlays]
        return tuple(sorted({glob.prefix.rpartition("/")[0] or "." for glob in globs}))

    @_once
    def _read(self, name: str) -> tuple[tuple[Overlay, ...], tuple[Problem, ...]]:
        """The overlays of an environment, and why others cannot be read."""
        return read_overlays(name, self.overlay_files(name), self.targets, self.files, self.config.rules, self.parsed)

    @_once
    def _info_files(self) -> Mapping[str, Sequence[str]]:
        return release_info.files(self.config.environments, self.claims)

    @_once
    def _images(self) -> Mapping[tuple[str, str], str]:
        return {entry.key: entry.image for environment in self.environments for entry in self.entries(environment.name)}

    @_once
    def _slots_by_file(self, name: str) -> Mapping[str, Slots]:
        return {file: slots for slots in self.slots(name) for file in slots.files}

    def _is_idle(self, entry: Managed) -> bool:
        """Whether nothing reaches what an entry pins, so that nobody has tried it."""
        slots = self.slots_of(entry)
        return slots is not None and (slots.wrong is not None or slots.slot_of(entry) != slots.live)
