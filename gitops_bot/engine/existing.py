"""What is proposed for one environment already: the bot's branches, their pull requests, the pins that they carry."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gitops_bot.engine.request import Poll, Withdraw
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, naming, people, pull_request, reconcile
from gitops_bot.proposals.branch import Ours, Theirs, owner_of
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.ask import Facts
    from gitops_bot.engine.request import Request
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed, PinChange


@dataclass(frozen=True, slots=True)
class ExistingProposal:
    """One branch of the bot with its pull requests, as one request sees it.

    `role`: the request's `own` branches are looked after by it; from `competing` ones it takes its entries; `other`
    ones are only known. `carried` are the pins that an own branch goes on with, and `changes` the entries that it
    changes on the base, whoever may touch the branch. `blocked` is why it is left alone whatever is to be proposed;
    `rolls_back`: since it is a rollback, of which nothing else is said.
    """

    branch: str
    remote: Branch | None
    pulls: tuple[PullRequest, ...]
    role: Literal["own", "competing", "other"]
    carried: tuple[PinChange, ...] = ()
    changes: frozenset[EntryKey] = frozenset()
    blocked: Reason | None = None
    rolls_back: bool = False

    @property
    def opened(self) -> PullRequest | None:
        """Its open pull request."""
        return pull_request.find_open(self.pulls)


@dataclass(frozen=True)
class Existing:
    """What is proposed for one environment, as one request sees it.

    `group_of` is the group of each entry, `by_branch` has every known branch. `pins` are the carried pins that still
    mean something, `proposed_at_this_commit` those among them that were proposed on this very commit of the base
    branch: history was looked up then. `waits` are entries that may not be proposed whatever is decided, and why.
    """

    environment: Environment
    entries: Mapping[EntryKey, Managed]
    group_of: Mapping[EntryKey, str]
    by_branch: Mapping[str, ExistingProposal]
    waits: Mapping[EntryKey, Reason]
    pins: tuple[PinChange, ...]
    proposed_at_this_commit: frozenset[tuple[EntryKey, object]]

    @cached_property
    def own(self) -> tuple[ExistingProposal, ...]:
        """The branches that the request looks after."""
        return tuple(proposal for proposal in self.by_branch.values() if proposal.role == "own")

    @cached_property
    def proposed(self) -> Mapping[EntryKey, Pin]:
        """What each entry is proposed to be pinned to."""
        return {pin.key: pin.after for pin in self.pins}

    @cached_property
    def promoted(self) -> Mapping[EntryKey, Pin]:
        """Likewise, as far as it was promoted from another environment."""
        return {pin.key: pin.after for pin in self.pins if pin.source == "promotion"}

    @cached_property
    def changing(self) -> frozenset[EntryKey]:
        """The entries that a proposal changes, whoever may touch its branch now."""
        return frozenset(
            key
            for proposal in self.by_branch.values()
            if proposal.role != "other" and (not proposal.pulls or proposal.opened is not None)
            for key in proposal.changes
        )

    def branch_of(self, name: str) -> str:
        """The branch on which a group is proposed."""
        return naming.branch(self.environment.name, name)

    def by_group(self, decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
        """The decisions by group. One that only carries pins has none; what is only a branch by now comes last."""
        named = {self.branch_of(name): name for name in self.group_of.values()}
        branches = [proposal.branch for proposal in self.own if not proposal.rolls_back]
        present = {named.get(branch, branch.rpartition("/")[2]) for branch in branches}
        carried = {pin.key for proposal in self.own for pin in proposal.carried}
        decided = {item.entry.key for item in decisions if item.entry is not None}
        meant = {self.group_of[key] for key in carried | decided if key in self.group_of}
        known = set(self.group_of.values())
        groups: dict[str, list[Decision]] = {
            name: [] for name in (*sorted(meant | (present & known)), *sorted(present - known))
        }
        for item in decisions:
            if item.entry is not None:
                groups[self.group_of[item.entry.key]].append(item)
        return groups

    def pins_of(self, name: str, *, shown: bool = False) -> tuple[PinChange, ...]:
        """The pins that a group goes on with: of branches that were another group's, and (they count) of its own.

        `shown`: only those in an open pull request.
        """
        own = self.by_branch.get(self.branch_of(name))
        pins = (
            pin
            for proposal in (*self.sources(name), *([own] if own is not None else []))
            if not shown or proposal.opened is not None
            for pin in proposal.carried
            if self.group_of.get(pin.key) == name
        )
        return carry.live_pins(self.entries, tuple(pins))

    def sources(self, name: str) -> list[ExistingProposal]:
        """The branches that were another group's and carry pins of this one now."""
        own = self.branch_of(name)
        carrying = self._by_group.get(name, {})
        return [each for each in carrying.values() if each.role == "own" and each.branch != own and not each.blocked]

    def beside(self, name: str) -> dict[str, tuple[PullRequest, ...]]:
        """The pull requests of other branches that a group may be proposed by: where its pins come from or are now.

        With the rollbacks of a group, or the group of a rollback: one may have been opened since all was read.
        """
        competing = (each for each in self._by_group.get(name, {}).values() if each.role == "competing")
        mine = naming.PREFIXES[naming.kind_of(name)]
        kinds = (kind for kind in naming.PREFIXES if kind != "failure" or self.environment.on_failure is not None)
        prefixes = (prefix for kind in kinds if (prefix := naming.PREFIXES[kind]) != mine)
        others = (self.branch_of(f"{prefix}{name.removeprefix(mine)}") for prefix in sorted(prefixes))
        branches = [*(each.branch for each in (*self.sources(name), *competing)), *others]
        return {branch: self.by_branch[branch].pulls if branch in self.by_branch else () for branch in branches}

    @cached_property
    def _by_group(self) -> Mapping[str, Mapping[str, ExistingProposal]]:
        """For each group the branches with its entries: those that own ones carry, or competing ones change."""
        found: defaultdict[str, dict[str, ExistingProposal]] = defaultdict(dict)
        for branch, proposal in self.by_branch.items():
            keys = proposal.changes if proposal.role == "competing" else [pin.key for pin in proposal.carried]
            for key in keys:
                if key in self.group_of:
                    found[self.group_of[key]][branch] = proposal
        return found

    @cached_property
    def locks(self) -> Mapping[str, Mapping[EntryKey, Reason]]:
        """For each group its entries that another branch proposes, which is left alone, or that a rollback takes."""
        locks: defaultdict[str, dict[EntryKey, Reason]] = defaultdict(dict)
        for key, reason in self.waits.items():
            if key in self.group_of:
                locks[self.group_of[key]][key] = reason
        for proposal in self.own:
            if proposal.blocked is None or proposal.remote is None:
                continue
            for pin in owner_of(proposal.remote).carried:  # a person's branch goes on with nothing, and proposes it
                group = self.group_of.get(pin.key)
                if group is not None and proposal.branch != self.branch_of(group):
                    locks[group][pin.key] = proposal.blocked
        return locks


async def find_existing(
    facts: Facts, request: Request, environment: Environment, names: Sequence[str], along: Sequence[str] = ()
) -> Existing:
    """Find what is proposed for an environment on these branches; the pull requests of others are asked for `along`.

    Raises:
        GitError, ForgeError: branches or pull requests cannot be read.
    """
    snapshot, propose = facts.snapshot, environment.propose
    entries, holds = snapshot.states[environment.name].by_key, snapshot.config.holds
    group_of = {key: request.group_of(environment, entry) for key, entry in entries.items()}
    remotes = await facts.branches(names)
    pulls = await facts.pull_requests([*names, *along])
    by_branch: dict[str, ExistingProposal] = {}
    waits: dict[EntryKey, Reason] = {}
    for name in names:
        remote, existing = remotes[name], await _judge_hand_backs(facts, remotes[name], pulls[name])
        action = reconcile.decide(remote, existing, refresh_approved=propose.refresh_approved)
        why_left_alone = action.reason if isinstance(action, reconcile.Leave) else None
        live = carry.live_pins(entries, owner_of(remote).carried) if remote is not None else ()
        changes = frozenset(pin.key for pin in live)
        kind = naming.kind_of_branch(name)
        failed = kind == "failure"
        if isinstance(request.what, Withdraw):
            gives_way = kind != request.what.kind
        else:
            gives_way = isinstance(request.what, Poll) and failed and why_left_alone is None
        if gives_way:
            # It gives way to everything else, so that it is in the way of nothing.
            by_branch[name] = ExistingProposal(name, remote, existing, "other")
            continue
        if request.rolls_back and kind != request.kind:
            # A rollback goes on with nothing that is proposed otherwise: where people ask for it, that makes way.
            opened = pull_request.find_open(existing)
            competes = opened is not None and remote is not None
            by_branch[name] = ExistingProposal(
                name, remote, existing, "competing" if competes else "other", changes=changes
            )
            if opened is not None and competes and why_left_alone is not None:
                waits |= dict.fromkeys(changes, _why_rollback_waits(opened, why_left_alone))
            continue
        pins = carried_pins(remote, existing)
        present = (entries[pin.key] for pin in pins if pin.key in entries)
        back = kind != "update"
        held = {entry.key for entry in present if hold.lasting(holds, entry, snapshot.at, rolls_back=back) is not None}
        # A group that goes together loses all of them with the first.
        torn = {group_of[key] for key in held if naming.is_together(group_of[key], propose)}
        carried = tuple(pin for pin in pins if pin.key not in held and group_of.get(pin.key) not in torn)
        goes_on = bool(carry.live_pins(entries, carried)) or (failed and why_left_alone is not None)
        rolls_back = not request.rolls_back and back and goes_on
        blocked = _why_rolled_back(existing) if rolls_back else why_left_alone
        by_branch[name] = ExistingProposal(name, remote, existing, "own", carried, changes, blocked, rolls_back)
    own = [proposal for proposal in by_branch.values() if proposal.role == "own"]
    return Existing(
        environment=environment,
        entries=entries,
        group_of=group_of,
        by_branch=by_branch,
        waits=waits,
        pins=carry.live_pins(entries, [pin for proposal in own for pin in proposal.carried]),
        proposed_at_this_commit=frozenset(
            (pin.key, pin.after)
            for proposal in own
            if proposal.remote is not None and proposal.remote.fork == snapshot.commit
            for pin in proposal.carried
        ),
    )


def carried_pins(branch: Branch | None, existing: Sequence[PullRequest]) -> tuple[PinChange, ...]:
    """The pins on the branch, where they count as proposed and the branch is the bot's, or is given back to it."""
    if branch is None or not reconcile.counts_as_proposed(branch, existing):
        return ()
    match owner_of(branch):
        case Ours(carried=carried):
            return carried
        case Theirs(carried=carried):
            opened = (pull for pull in existing if pull.state == "open")
            return carried if any(map(people.is_handed_back, opened)) else ()


async def _judge_hand_backs(
    facts: Facts, branch: Branch | None, existing: tuple[PullRequest, ...]
) -> tuple[PullRequest, ...]:
    """The pull requests of a branch; where people have commits on it and gave it back, whether that is for all of them.

    Two requests, only where that is so.
    """
    asked = branch is not None and any(
        pull.state == "open" and people.has_label(pull, people.HAND_BACK) for pull in existing
    )
    if branch is None or not asked or not isinstance(owner_of(branch), Theirs):
        return existing
    return tuple(
        [
            people.judge_hand_back(pull, branch.head, await facts.hand_back(pull.number, branch.name, people.HAND_BACK))
            if pull.state == "open"
            else pull
            for pull in existing
        ]
    )


def _why_rolled_back(existing: Sequence[PullRequest]) -> Reason:
    opened = pull_request.find_open(existing)
    what = f"#{opened.number} rolls it back" if opened is not None else "a rollback of it is being proposed"
    facts: dict[str, str | int | None] = {"pull_request": opened.number, "url": opened.url} if opened else {}
    return Reason("held.reverted", f"{what}, so it is left alone until that is merged or closed", facts)


def _why_rollback_waits(opened: PullRequest, why: Reason) -> Reason:
    """Why a rollback waits for another proposal that may not be touched."""
    match why.code:
        case "held.label":
            what, undo = f"has the label `{people.HOLD}`", "remove the label"
        case "held.frozen":
            freezes = people.freezes(opened)
            what = " and ".join(freeze.what for freeze in freezes)
            undo = " and ".join(freeze.undo for freeze in freezes)
        case _ if opened.retargeted:
            what, undo = f"merges into {plain(opened.base, 100)} now", "change its base branch back"
        case _:
            what, undo = "has somebody else's commit", f"hand it back (label `{people.HAND_BACK}`)"
    text = f"#{opened.number} proposes something else for it and {what}: close it, or {undo}; then roll back again"
    return Reason(why.code, text, {"pull_request": opened.number, "url": opened.url})
