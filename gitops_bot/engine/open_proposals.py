"""What is proposed for one environment already: the bot's branches, their pull requests, the pins that they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.engine.request import Promote
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, group, naming, ownership, people, pull_request, reconcile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Decision, Managed, PinChange

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OpenProposals:
    """The proposals of one environment, as one request sees them. What is by branch has the branches' names as keys."""

    environment: Environment
    entries: Mapping[Key, Managed]
    #: The group of each entry, by its key.
    group_of: Mapping[Key, str]
    branches: Mapping[str, Branch | None]
    pulls: Mapping[str, tuple[PullRequest, ...]]
    #: The pins that a branch proposes, but for those that somebody wrote down to be held.
    carried: Mapping[str, tuple[PinChange, ...]]
    #: Branches that are left alone whatever is to be proposed, and why.
    left: Mapping[str, Reason]
    #: Those of them that are rollbacks, which nothing else is said of.
    rollbacks: frozenset[str]
    #: For a rollback: the entries of the other open proposals, by branch.
    rivals: Mapping[str, frozenset[Key]]
    #: Entries that may not be proposed whatever is decided, and why.
    waits: Mapping[Key, Reason]
    #: The carried pins that still mean something.
    pins: tuple[PinChange, ...]
    #: Entries and the pins that were proposed on this very commit of the base branch: history was looked up then.
    fresh: frozenset[tuple[Key, object]]

    @property
    def proposed(self) -> dict[Key, Pin]:
        """What each entry is proposed to be pinned to."""
        return {pin.key: pin.after for pin in self.pins}

    @property
    def promoted(self) -> dict[Key, Pin]:
        """Likewise, as far as it was promoted from another environment."""
        return {pin.key: pin.after for pin in self.pins if pin.source == "promotion"}

    def is_proposed(self, key: Key) -> bool:
        """Whether a proposal changes this entry, whoever may touch its branch now."""
        if any(key in keys for keys in self.rivals.values()):
            return True
        return any(
            pin.key == key
            for name, branch in self.branches.items()
            if branch is not None and self._counts(name)
            for pin in carry.live_pins(self.entries, ownership.of(branch).carried)
        )

    def _counts(self, branch: str) -> bool:
        existing = self.pulls.get(branch, ())
        return not existing or pull_request.opened(existing) is not None

    def branch_of(self, name: str) -> str:
        """The branch on which a group is proposed."""
        return naming.branch(self.environment.name, name)

    def is_together(self, name: str) -> bool:
        """Whether a group goes as a whole or not at all."""
        propose = self.environment.propose
        return group.is_together(name, propose.group, default=propose.together)

    def is_gone(self, name: str) -> bool:
        """Whether no entry belongs to this group any more."""
        return name not in self.group_of.values()

    def grouped(self, decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
        """The decisions by group. One that only carries pins has none; what is only a branch by now comes last."""
        named = {self.branch_of(name): name for name in self.group_of.values()}
        present = {named.get(name, name.rpartition("/")[2]) for name in self.branches if name not in self.rollbacks}
        carried = {pin.key for pins in self.carried.values() for pin in pins}
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
        pins = (
            pin
            for branch in (*self.sources(name), self.branch_of(name))
            if not shown or pull_request.opened(self.pulls.get(branch, ())) is not None
            for pin in self.carried.get(branch, ())
            if self.group_of.get(pin.key) == name
        )
        return carry.live_pins(self.entries, tuple(pins))

    def sources(self, name: str) -> tuple[str, ...]:
        """The branches that were another group's and carry pins of this one now."""
        return tuple(
            branch
            for branch, pins in self.carried.items()
            if branch != self.branch_of(name)
            and branch not in self.left
            and any(self.group_of.get(pin.key) == name for pin in pins)
        )

    def beside(self, name: str) -> dict[str, tuple[PullRequest, ...]]:
        """The pull requests of other branches that a group may be proposed by: where its pins come from or are now.

        With the rollback of a group, or the group of a rollback: one may have been opened since all was read.
        """
        own = {key for key, group in self.group_of.items() if group == name}
        rivals = (branch for branch, keys in self.rivals.items() if keys & own)
        other = name.removeprefix(naming.ROLLBACK) if name.startswith(naming.ROLLBACK) else f"{naming.ROLLBACK}{name}"
        return {branch: self.pulls.get(branch, ()) for branch in (*self.sources(name), *rivals, self.branch_of(other))}

    def locked(self, name: str) -> dict[Key, Reason]:
        """Entries of a group that another branch proposes, which is left alone, or that a rollback takes."""
        own = self.branch_of(name)
        waits = {key: reason for key, reason in self.waits.items() if self.group_of.get(key) == name}
        return waits | {
            pin.key: reason
            for branch, reason in self.left.items()
            if branch != own and (its := self.branches[branch]) is not None
            for pin in ownership.of(its).carried  # a person's branch goes on with nothing, and proposes it still
            if self.group_of.get(pin.key) == name
        }


def open_proposals(snapshot: Snapshot, facts: Facts, request: Request, environment: Environment) -> OpenProposals:
    """Work out what is proposed for an environment.

    Raises:
        Needs: branches or pull requests have to be read first.
        GitError, ForgeError: these cannot be read.
    """
    name, propose = environment.name, environment.propose
    entries = snapshot.by_key(name)
    group_of = {key: request.group_of(environment, entry) for key, entry in entries.items()}
    by_pull_request = propose.as_ == "pull-request"
    names = snapshot.own_branches_of(name) if by_pull_request else ()
    known = facts.branches(names, snapshot)
    # What is open in the source of a promotion is told along with it: one request instead of two.
    source = snapshot.own_branches_of(request.what.source) if isinstance(request.what, Promote) else ()
    existing = facts.pull_requests([*names, *source], snapshot.branch)
    pulls = {ref: _judged(facts, known[ref], existing[ref]) for ref in names}
    # A rollback goes on with nothing that is proposed otherwise, which makes way for it.
    branches = {ref: branch for ref, branch in known.items() if not request.is_rollback or naming.is_rollback(ref)}
    carried: dict[str, tuple[PinChange, ...]] = {}
    left: dict[str, Reason] = {}
    rollbacks: set[str] = set()
    for ref, branch in branches.items():
        pins = proposed_on(branch, pulls[ref])
        held = {pin.key for pin in pins if pin.key in entries and snapshot.hold(entries[pin.key]) is not None}
        # A group that goes together loses all of them with the first.
        torn = {
            group_of[key] for key in held if group.is_together(group_of[key], propose.group, default=propose.together)
        }
        carried[ref] = tuple(pin for pin in pins if pin.key not in held and group_of.get(pin.key) not in torn)
        action = reconcile.decide(branch, pulls[ref], refresh_approved=propose.refresh_approved)
        if isinstance(action, reconcile.Leave):
            left[ref] = action.reason
        if not request.is_rollback and naming.is_rollback(ref) and carry.live_pins(entries, carried[ref]):
            rollbacks.add(ref)
            left[ref] = _rolled_back(pulls[ref])
    rivals: dict[str, frozenset[Key]] = {}
    waits: dict[Key, Reason] = {}
    for ref, branch in known.items() if request.is_rollback else ():
        opened = pull_request.opened(pulls[ref])
        if naming.is_rollback(ref) or opened is None or branch is None:
            continue
        rivals[ref] = frozenset(pin.key for pin in carry.live_pins(entries, ownership.of(branch).carried))
        action = reconcile.decide(branch, pulls[ref], refresh_approved=propose.refresh_approved)
        if isinstance(action, reconcile.Leave):
            waits |= dict.fromkeys(rivals[ref], _waits_for(opened, action.reason))
    pins = carry.live_pins(entries, [pin for pins in carried.values() for pin in pins])
    fresh = frozenset(
        (pin.key, pin.after)
        for ref, branch in branches.items()
        if branch is not None and branch.fork == snapshot.commit
        for pin in carried[ref]
    )
    return OpenProposals(
        environment, entries, group_of, branches, pulls, carried, left, frozenset(rollbacks), rivals, waits, pins, fresh
    )


def proposed_on(branch: Branch | None, existing: Sequence[PullRequest]) -> tuple[PinChange, ...]:
    """The pins on the branch, where they count as proposed and the branch is the bot's, or is given back to it."""
    if branch is None or not reconcile.trusted(branch, existing):
        return ()
    match ownership.of(branch):
        case ownership.Ours(carried=carried):
            return carried
        case ownership.Theirs(carried=carried):
            opened = (pull for pull in existing if pull.state == "open")
            return carried if any(map(people.handed_back, opened)) else ()


def _judged(facts: Facts, branch: Branch | None, existing: tuple[PullRequest, ...]) -> tuple[PullRequest, ...]:
    """The pull requests of a branch; where people have commits on it and gave it back, whether that is for all of them.

    Two requests, only where that is so.
    """
    asked = branch is not None and any(pull.state == "open" and people.asks_to_take(pull) for pull in existing)
    if branch is None or not asked or not isinstance(ownership.of(branch), ownership.Theirs):
        return existing
    return tuple(
        people.judged(pull, branch.head, facts.hand_back(pull.number, branch.name, people.HAND_BACK))
        if pull.state == "open"
        else pull
        for pull in existing
    )


def _rolled_back(existing: Sequence[PullRequest]) -> Reason:
    opened = pull_request.opened(existing)
    what = f"#{opened.number} rolls it back" if opened is not None else "a rollback of it is being proposed"
    facts: dict[str, str | int | None] = {"pull_request": opened.number, "url": opened.url} if opened else {}
    return Reason("held.reverted", f"{what}, so it is left alone until that is merged or closed", facts)


def _waits_for(opened: PullRequest, why: Reason) -> Reason:
    """Why a rollback waits for another proposal that may not be touched."""
    match why.code:
        case "held.label":
            what, undo = f"has the label `{people.HOLD}`", "remove the label"
        case "held.frozen":
            freezes = people.freezes(opened)
            what, undo = (
                " and ".join(freeze.what for freeze in freezes),
                " and ".join(freeze.undo for freeze in freezes),
            )
        case _:
            what, undo = "has somebody else's commit", f"hand it back (label `{people.HAND_BACK}`)"
    text = f"#{opened.number} proposes something else for it and {what}: close it, or {undo}; then roll back again"
    return Reason(why.code, text, {"pull_request": opened.number, "url": opened.url})
