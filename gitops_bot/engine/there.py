"""What is there of an environment's proposals: branches, pull requests, the pins that they carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.in_the_way import InTheWay
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, group, naming, ownership, reconcile, word
from gitops_bot.proposals.declined import declined
from gitops_bot.releases.plan import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.survey import Survey
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.carry import Standing
    from gitops_bot.proposals.declined import Declined
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision, Entry, Source


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for: the environment, how its entries are decided, where the pins come from."""

    environment: Environment
    #: From a reading of the world and the pins that open proposals carry to one decision per entry.
    decide: Callable[[Survey, Sequence[PinChange]], Sequence[Decision]]
    source: Source
    dry_run: bool
    #: Where the pins come from, if from another environment.
    promoted_from: str | None = None
    #: Whether somebody asks for it by name. What a poll finds by itself gives way to that.
    asked: bool = True
    #: A person's word that what the environment left, or what somebody wrote down to be held, may be proposed again.
    release_hold: bool = False
    #: Whether only the groups of the decided entries are looked after. The others are left to the next `update`.
    own_groups: bool = False
    #: What a rollback is about to take from the proposals of this task, and why.
    taken: Mapping[tuple[str, str], Reason] = field(default_factory=dict)

    def group_of(self, entry: Entry) -> str:
        """The group that an entry is proposed in. A rollback has groups of its own, beside what is proposed already."""
        name = group.name_of(entry, self.environment.propose.group)
        return f"{naming.ROLLBACK}{name}" if self.source == "rollback" else name

    @property
    def by_pull_request(self) -> bool:
        """Whether changes become pull requests, and not a commit on the base branch."""
        return self.environment.propose.as_ == "pull-request"


def branches(world: World, survey: Survey, task: Task) -> set[str]:
    """The branches whose pull requests have to be known: those that are there, and those that may be opened.

    Raises:
        GitError: the branches cannot be read.
    """
    name, propose = task.environment.name, task.environment.propose
    entries = [item.entry for item in task.decide(survey, ()) if isinstance(item, Change)]
    if propose.most_new_per_hour is not None:
        entries = [spot.place for spot in survey.spots(name)]  # what was opened and merged within the hour counts too
    there, standing = survey.branches(name), survey.standing(name)
    for each in there:
        # What is carried may belong to a group by now that is proposed nowhere yet.
        if (branch := world.repository.branch(each, survey.commit)) is not None:
            entries += [standing[pin.key].entry for pin in ownership.of(branch).carried if pin.key in standing]
    groups = {task.group_of(entry) for entry in entries}
    return {*there, *(naming.branch(name, each) for each in groups)}


@dataclass(frozen=True, slots=True)
class There:
    """What is there for one environment. What is by branch has the branches' names as keys."""

    environment: Environment
    standing: Mapping[tuple[str, str], Standing]
    #: The group of each entry, by its key.
    group_of: Mapping[tuple[str, str], str]
    branches: Mapping[str, Branch | None]
    pulls: Mapping[str, tuple[PullRequest, ...]]
    #: The pins that a branch proposes, but for those that somebody wrote down to be held.
    carried: Mapping[str, tuple[PinChange, ...]]
    #: What people declined, in whatever group.
    declined: Declined
    #: Branches that are left alone whatever is to be proposed, and why.
    left: Mapping[str, Reason]
    #: Those of them that are rollbacks, which nothing else is said of.
    rollbacks: frozenset[str]
    #: What is proposed already for the entries of a rollback.
    in_the_way: InTheWay
    #: Entries that may not be proposed whatever is decided, and why.
    waits: Mapping[tuple[str, str], Reason]

    @classmethod
    def read(cls, world: World, survey: Survey, task: Task) -> There:
        """Read it.

        Raises:
            GitError, ForgeError: the branches or the pull requests cannot be read.
        """
        name, propose = task.environment.name, task.environment.propose
        standing = survey.standing(name)
        group_of = {key: task.group_of(each.entry) for key, each in standing.items()}
        # A rollback goes on with nothing that is proposed otherwise, which makes way for it.
        names = [each for each in survey.branches(name) if task.source != "rollback" or naming.is_rollback(each)]
        found = {each: world.repository.branch(each, survey.commit) for each in names}
        pulls = dict(survey.pull_requests(branches(world, survey, task)))
        carried: dict[str, tuple[PinChange, ...]] = {}
        left: dict[str, Reason] = {}
        rollbacks: set[str] = set()
        for each, branch in found.items():
            pulls[each] = _judged(world, branch, pulls[each])
            pins = proposed_on(branch, pulls[each])
            held = {pin.key for pin in pins if pin.key in standing and survey.hold(standing[pin.key].entry) is not None}
            # A group that goes together loses all of them with the first.
            torn = {
                group_of[key]
                for key in held
                if group.is_together(group_of[key], propose.group, default=propose.together)
            }
            carried[each] = tuple(pin for pin in pins if pin.key not in held and group_of.get(pin.key) not in torn)
            action = reconcile.decide(None, branch, pulls[each], refresh_approved=propose.refresh_approved)
            if isinstance(action, reconcile.Leave):
                left[each] = action.reason
            if task.source != "rollback" and naming.is_rollback(each) and carry.standing_pins(standing, carried[each]):
                rollbacks.add(each)
                left[each] = _rolled_back(pulls[each])
        declines = declined(survey.closed(name), found)
        in_the_way = InTheWay()
        if task.source == "rollback":
            in_the_way = InTheWay.read(world, survey, task.environment, partial(_judged, world))
        return cls(
            task.environment,
            standing,
            group_of,
            found,
            pulls,
            carried,
            declines,
            left,
            frozenset(rollbacks),
            in_the_way,
            {**in_the_way.waits, **task.taken},
        )

    def branch_of(self, name: str) -> str:
        """The branch on which a group is proposed."""
        return naming.branch(self.environment.name, name)

    def is_gone(self, name: str) -> bool:
        """Whether no entry belongs to this group any more."""
        return name not in self.group_of.values()

    def grouped(self, decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
        """The decisions by group. One that only carries pins has none; what is only a branch by now comes last."""
        named = {self.branch_of(name): name for name in self.group_of.values()}
        there = {named.get(each, each.rpartition("/")[2]) for each in self.branches if each not in self.rollbacks}
        carried = {pin.key for pins in self.carried.values() for pin in pins}
        decided = {item.entry.key for item in decisions if item.entry is not None}
        meant = {self.group_of[key] for key in carried | decided if key in self.group_of}
        known = set(self.group_of.values())
        found: dict[str, list[Decision]] = {
            name: [] for name in (*sorted(meant | (there & known)), *sorted(there - known))
        }
        for item in decisions:
            if item.entry is not None:
                found[self.group_of[item.entry.key]].append(item)
        return found

    def pins(self, name: str, *, shown: bool = False) -> tuple[PinChange, ...]:
        """The pins that a group goes on with: of branches that were another group's, and (they count) of its own.

        `shown`: only those that stand in an open pull request.
        """
        return tuple(
            pin
            for branch in (*self.sources(name), self.branch_of(name))
            if not shown or any(pull.state == "open" for pull in self.pulls.get(branch, ()))
            for pin in self.carried.get(branch, ())
            if self.group_of.get(pin.key) == name
        )

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
        """The pull requests of other branches that a group may be proposed by: where its pins come from or stand.

        With the rollback of a group, or the group of a rollback: one may have been opened since all was read.
        """
        there = {key for key, group in self.group_of.items() if group == name}
        rivals = (branch for branch, keys in self.in_the_way.branches.items() if keys & there)
        other = name.removeprefix(naming.ROLLBACK) if name.startswith(naming.ROLLBACK) else f"{naming.ROLLBACK}{name}"
        return {each: self.pulls.get(each, ()) for each in (*self.sources(name), *rivals, self.branch_of(other))}

    def fresh(self, base: str) -> tuple[PinChange, ...]:
        """The pins that were proposed on this very commit of the base branch."""
        return tuple(
            pin
            for name, branch in self.branches.items()
            if branch is not None and branch.fork == base
            for pin in self.carried[name]
        )

    def locked(self, name: str) -> dict[tuple[str, str], Reason]:
        """Entries of a group that another branch proposes, which is left alone, or that a rollback takes."""
        own = self.branch_of(name)
        waits = {key: reason for key, reason in self.waits.items() if self.group_of.get(key) == name}
        return waits | {
            pin.key: reason
            for branch, reason in self.left.items()
            if branch != own and (there := self.branches[branch]) is not None
            for pin in ownership.of(there).carried  # a person's branch goes on with nothing, and proposes it still
            if self.group_of.get(pin.key) == name
        }


def _judged(world: World, branch: Branch | None, existing: tuple[PullRequest, ...]) -> tuple[PullRequest, ...]:
    """The pull requests of a branch; where people have commits on it and gave it back, whether that is for all of them.

    Two requests, only where that is so.
    """
    asked = branch is not None and any(pull.state == "open" and word.asks_to_take(pull) for pull in existing)
    if branch is None or world.forge is None or not asked or not isinstance(ownership.of(branch), ownership.Theirs):
        return existing
    return tuple(
        word.judged(pull, branch.head, world.forge.words(pull.number, branch.name, word.HAND_BACK))
        if pull.state == "open"
        else pull
        for pull in existing
    )


def _rolled_back(existing: Sequence[PullRequest]) -> Reason:
    opened = next((pull for pull in existing if pull.state == "open"), None)
    what = f"#{opened.number} rolls it back" if opened is not None else "a rollback of it is being proposed"
    facts: dict[str, str | int | None] = {"pull_request": opened.number, "url": opened.url} if opened else {}
    return Reason("held.reverted", f"{what}, so it is left alone until that is merged or closed", facts)


def proposed_on(branch: Branch | None, existing: Sequence[PullRequest]) -> tuple[PinChange, ...]:
    """The pins on the branch, where they count as proposed and the branch is the bot's, or is given back to it."""
    if branch is None or not reconcile.trusted(branch, existing):
        return ()
    match ownership.of(branch):
        case ownership.Ours(carried=carried):
            return carried
        case ownership.Theirs(carried=carried):
            opened = (pull for pull in existing if pull.state == "open")
            return carried if any(map(word.handed_back, opened)) else ()
