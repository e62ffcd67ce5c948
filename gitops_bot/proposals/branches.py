"""The bot's branches of an environment: what each of them proposes, and what one request may do with it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from gitops_bot.proposals import carry, naming, people
from gitops_bot.proposals.branch import Branch, Ours, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config import Environment, Hold
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed, PinChange


@dataclass(frozen=True, slots=True)
class BotBranch:
    """A branch of the bot as Git has it (`remote`), and its pull requests, the newest first.

    `pending` are the pins that it changes, whoever may touch it now, and that the base branch does not have yet.
    `left_alone` is why the bot must not change it, whatever it would propose. `freeze` is why its open pull request is
    paused: all that it proposes is frozen.
    """

    name: str
    remote: Branch | None = None
    pulls: tuple[PullRequest, ...] = ()
    pending: tuple[PinChange, ...] = ()
    left_alone: Reason | None = None
    freeze: Hold | None = None

    @property
    def kind(self) -> naming.Kind:
        """What it proposes."""
        return naming.kind_of_branch(self.name)

    @property
    def opened(self) -> PullRequest | None:
        """Its open pull request."""
        return next((pull for pull in self.pulls if pull.state == "open"), None)

    @property
    def changes(self) -> tuple[PinChange, ...]:
        """The pins that the bot's own commits on it change."""
        return owner_of(self.remote).carried if self.remote is not None else ()

    @property
    def proposed(self) -> tuple[PinChange, ...]:
        """The pins that it proposes, where the branch is the bot's, or was handed back to it.

        They count while a pull request is open, and if none was ever opened for this head (a run died before that).
        Those of a branch left over from a closed or merged pull request do not.
        """
        remote, opened = self.remote, self.opened
        if remote is None or (opened is None and any(pull.head == remote.head for pull in self.pulls)):
            return ()
        owner = owner_of(remote)
        is_own = isinstance(owner, Ours) or (opened is not None and people.is_handed_back(opened))
        return owner.carried if is_own else ()


@dataclass(frozen=True, slots=True)
class Own:
    """The request plans what becomes of it, and goes on with the pins that it has `carried` so far."""

    branch: BotBranch
    carried: tuple[PinChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A rollback that the request does not change. For its entries nothing else is proposed, for this `reason`."""

    branch: BotBranch
    carried: tuple[PinChange, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Competing:
    """An open proposal that loses entries to the request: no entry is ever in two open proposals."""

    branch: BotBranch


@dataclass(frozen=True, slots=True)
class Yielding:
    """Whatever it proposes stops nothing that the request proposes."""

    branch: BotBranch


Role = Own | Left | Competing | Yielding


@dataclass(frozen=True, slots=True)
class Group:
    """A group of entries before it is planned: its own branch, the decisions about it, and what others say.

    `carried` are the pins of open proposals that it goes on with; those of them in an open pull request are `shown`.
    `locked` are entries that it must not propose, and why. `beside` are the pull requests of other branches that this
    depends on.
    """

    name: str
    own: Own
    decisions: Sequence[Decision]
    carried: tuple[PinChange, ...]
    shown: tuple[PinChange, ...]
    locked: Mapping[EntryKey, Reason]
    beside: Mapping[str, tuple[PullRequest, ...]]


@dataclass(frozen=True)
class Branches:
    """The branches of one environment, by name, as one request sees them.

    `group_of` is the group of each entry. `waits` are entries that may not be proposed whatever is decided, and why.
    `commit` is the one of the base branch that all of this is about.
    """

    environment: Environment
    commit: str
    entries: Mapping[EntryKey, Managed]
    group_of: Mapping[EntryKey, str]
    by_name: Mapping[str, Role] = field(default_factory=dict)
    waits: Mapping[EntryKey, Reason] = field(default_factory=dict)

    @cached_property
    def going_on(self) -> tuple[Own | Left, ...]:
        """Those that go on with pins of earlier runs."""
        return tuple(role for role in self.by_name.values() if isinstance(role, Own | Left))

    @cached_property
    def pins(self) -> tuple[PinChange, ...]:
        """The pins of earlier runs that the base branch does not have yet."""
        return carry.live_pins(self.entries, [pin for role in self.going_on for pin in role.carried])

    @cached_property
    def proposed(self) -> Mapping[EntryKey, Pin]:
        """What each entry is proposed to be pinned to."""
        return {pin.key: pin.after for pin in self.pins}

    @cached_property
    def promoted(self) -> Mapping[EntryKey, Pin]:
        """The same, as far as it was promoted from another environment."""
        return {pin.key: pin.after for pin in self.pins if pin.source == "promotion"}

    @cached_property
    def despite_checks(self) -> frozenset[EntryKey]:
        """The entries that a person promoted whatever checks say."""
        return frozenset(pin.key for pin in self.pins if pin.despite_checks)

    @cached_property
    def proposed_at_this_commit(self) -> frozenset[tuple[EntryKey, object]]:
        """The pins that were proposed on this very commit of the base branch: history was looked up then."""
        return frozenset(
            (pin.key, pin.after)
            for role in self.going_on
            if role.branch.remote is not None and role.branch.remote.fork == self.commit
            for pin in role.carried
        )

    @cached_property
    def shown(self) -> Mapping[EntryKey, tuple[Pin, bool]]:
        """The pins that open pull requests update, and whether these are left alone."""
        updates = (role.branch for role in self.by_name.values() if role.branch.kind == "update" and role.branch.opened)
        return {pin.key: (pin.after, own.left_alone is not None) for own in updates for pin in own.pending}

    @cached_property
    def changing(self) -> frozenset[EntryKey]:
        """The entries that a proposal changes, whoever may touch its branch now."""
        return frozenset(
            pin.key
            for role in self.by_name.values()
            if not isinstance(role, Yielding) and (not role.branch.pulls or role.branch.opened is not None)
            for pin in role.branch.pending
        )

    def groups(self, decisions: Sequence[Decision]) -> list[Group]:
        """The groups of the decided entries and of all own branches; what is only a branch by now comes last."""
        decided: defaultdict[str, list[Decision]] = defaultdict(list)
        for item in decisions:
            if item.entry is not None:
                decided[self.group_of[item.entry.key]].append(item)
        known = {naming.branch(self.environment.name, name): name for name in self.group_of.values()}
        own = [role.branch.name for role in self.going_on if isinstance(role, Own)]
        present = {known.get(name, name.rpartition("/")[2]) for name in own}
        carried = self._groups_of([pin for role in self.going_on for pin in role.carried])
        named = carried | decided.keys() | (present & set(known.values()))
        return [self._group(name, decided[name]) for name in (*sorted(named), *sorted(present - named))]

    def _group(self, name: str, decisions: Sequence[Decision]) -> Group:
        branch = naming.branch(self.environment.name, name)
        role: Role = self.by_name.get(branch) or Yielding(BotBranch(branch))
        own = role if isinstance(role, Own) else Own(role.branch)
        others = [other for other in self._by_group.get(name, ()) if other.branch.name != branch]
        sources = [other for other in others if isinstance(other, Own) and name in self._groups_of(other.carried)]
        sources = [source for source in sources if source.branch.left_alone is None]
        carrying = [(pin, owner) for owner in (*sources, own) for pin in owner.carried]
        carried = [(pin, owner) for pin, owner in carrying if self.group_of.get(pin.key) == name]
        shown = [pin for pin, owner in carried if owner.branch.opened is not None]
        locked = {key: reason for key, reason in self.waits.items() if self.group_of.get(key) == name}
        for other in others:
            reason = other.reason if isinstance(other, Left) else other.branch.left_alone
            if reason is not None and not isinstance(other, Competing):
                locked |= {pin.key: reason for pin in other.branch.changes if self.group_of.get(pin.key) == name}
        beside = [other.branch.name for other in others if other in sources or isinstance(other, Competing)]
        beside += self._of_other_kinds(name)
        return Group(
            name=name,
            own=own,
            decisions=decisions,
            carried=carry.live_pins(self.entries, [pin for pin, _ in carried]),
            shown=carry.live_pins(self.entries, shown),
            locked=locked,
            beside={other: self.by_name[other].branch.pulls if other in self.by_name else () for other in beside},
        )

    def _groups_of(self, pins: Iterable[PinChange]) -> set[str]:
        return {self.group_of[pin.key] for pin in pins if pin.key in self.group_of}

    def _of_other_kinds(self, group: str) -> list[str]:
        """The branches that update, or roll back, the same entries, and may have been pushed since all was read."""
        mine = naming.PREFIXES[naming.kind_of(group)]
        kinds = (kind for kind in naming.PREFIXES if kind != "failure" or self.environment.on_failure is not None)
        prefixes = sorted({naming.PREFIXES[kind] for kind in kinds} - {mine})
        return [naming.branch(self.environment.name, f"{prefix}{group.removeprefix(mine)}") for prefix in prefixes]

    @cached_property
    def _by_group(self) -> Mapping[str, Sequence[Role]]:
        of_group: defaultdict[str, list[Role]] = defaultdict(list)
        for role in self.by_name.values():
            if not isinstance(role, Yielding):
                pins = role.branch.pending if isinstance(role, Competing) else role.branch.changes
                for name in self._groups_of(pins):
                    of_group[name].append(role)
        return of_group
