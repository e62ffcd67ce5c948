"""What each kind of request does with each of the bot's branches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.request import Pins, Poll, Promote, Request, RollBack, RollBackFailed, Withdraw
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import carry, naming, people, reconcile
from gitops_bot.proposals.branch import Branch, Theirs, owner_of
from gitops_bot.proposals.branches import BotBranch, Branches, Competing, Left, Own, Role, Yielding
from gitops_bot.proposals.text import body
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config import Environment, Hold
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.read import Snapshot
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import EntryKey, PinChange


async def look_up(
    facts: Facts, request: Request, environment: Environment, names: Sequence[str], along: Sequence[str] = ()
) -> list[BotBranch]:
    """Read these branches, and their pull requests, those of others `along`; raises a GitError or ForgeError."""
    entries = facts.snapshot.states[environment.name].by_key
    remotes, pulls = await facts.branches(names), await facts.pull_requests([*names, *along])
    wanted = reconcile.Wanted(
        refresh_approved=environment.propose.refresh_approved, passes_freezes=request.passes_freezes
    )
    branches = []
    for name in names:
        branch = BotBranch(name, remotes[name], await _judge_hand_backs(facts, remotes[name], pulls[name]))
        branch = replace(branch, pending=carry.live_pins(entries, branch.changes))
        branch = replace(branch, freeze=_freeze(facts.snapshot, request, environment, branch))
        action = reconcile.decide(branch, wanted)
        branches.append(replace(branch, left_alone=action.reason if isinstance(action, reconcile.Leave) else None))
    return branches


def _freeze(snapshot: Snapshot, request: Request, environment: Environment, branch: BotBranch) -> Hold | None:
    """The freeze that pauses what a branch proposes; None where a part of it may go on, or the request lifts holds.

    What goes together is paused as a whole, and what was paused and approved stays so to the last freeze.
    """
    opened, lifted = branch.opened, request.release_hold and not request.rolls_back
    if opened is None or branch.kind != "update" or lifted:
        return None
    holds, at = snapshot.config.holds, snapshot.at
    entries = [snapshot.states[environment.name].by_key[pin.key] for pin in branch.pending]
    frozen = [found for entry in entries if (found := hold.freeze(holds, entry, at)) is not None]
    together = any(naming.is_together(request.group_of(environment, entry), environment.propose) for entry in entries)
    was_reviewed = body.pause_of(opened.body) is not None and bool(people.freezes(opened))
    is_whole = together or was_reviewed or all(hold.lasting(holds, entry, at) is not None for entry in entries)
    return min(frozen, key=lambda written: written.until, default=None) if is_whole else None


def see(snapshot: Snapshot, request: Request, environment: Environment, branches: Iterable[BotBranch]) -> Branches:
    """The branches of an environment as a request sees them."""
    entries = snapshot.states[environment.name].by_key
    group_of = {key: request.group_of(environment, entry) for key, entry in entries.items()}
    roles: dict[str, Role] = {}
    waits: dict[EntryKey, Reason] = {}
    for branch in branches:
        carried = _without_holds(snapshot, environment, group_of, branch)
        role = role_of(request, branch, carried, is_pending=bool(carry.live_pins(entries, carried)))
        roles[branch.name] = role
        if isinstance(role, Competing) and branch.opened is not None and branch.left_alone is not None:
            reason = _why_rollback_waits(branch.opened, branch.left_alone)
            waits |= {pin.key: reason for pin in branch.pending}
    return Branches(environment, snapshot.commit, entries, group_of, roles, waits)


def role_of(request: Request, branch: BotBranch, carried: tuple[PinChange, ...], *, is_pending: bool) -> Role:
    """What a request does with a branch that goes on with these pins; `is_pending`: the base branch lacks some."""
    opened = branch.opened
    if branch.kind == request.what.kind:
        return Own(branch, carried)
    match request.what:
        case RollBack() | RollBackFailed():
            # A rollback keeps no other kind of proposal: whatever is open for the same entries makes way.
            return Yielding(branch) if opened is None or branch.remote is None else Competing(branch)
        case Withdraw():
            return Yielding(branch)
        case Poll() if branch.kind == "failure" and branch.left_alone is None:
            # The rollback of a failure gives way to everything else.
            return Yielding(branch)
        case Poll() | Pins() | Promote():
            if is_pending or (branch.kind == "failure" and branch.left_alone is not None):
                what = f"#{opened.number} rolls it back" if opened is not None else "a rollback of it is being proposed"
                text = f"{what}, so it is left alone until that is merged or closed"
                data: dict[str, str | int | None] = (
                    {} if opened is None else {"pull_request": opened.number, "url": opened.url}
                )
                return Left(branch, carried, Reason("held.reverted", text, data))
            return Own(branch, carried)  # nothing is left of this rollback
        case _:
            assert_never(request.what)


def _without_holds(
    snapshot: Snapshot, environment: Environment, group_of: Mapping[EntryKey, str], branch: BotBranch
) -> tuple[PinChange, ...]:
    """The pins that a branch may go on with: none on hold, and none of a group that goes together with one on hold.

    What is paused keeps all of them.
    """
    if branch.freeze is not None:
        return branch.proposed
    entries, holds = snapshot.states[environment.name].by_key, snapshot.config.holds
    passes = branch.kind != "update"
    held = {
        pin.key
        for pin in branch.proposed
        if pin.key in entries and hold.lasting(holds, entries[pin.key], snapshot.at, passes_freezes=passes) is not None
    }
    incomplete = {group_of[key] for key in held if naming.is_together(group_of[key], environment.propose)}
    return tuple(pin for pin in branch.proposed if pin.key not in held and group_of.get(pin.key) not in incomplete)


async def _judge_hand_backs(
    facts: Facts, branch: Branch | None, pulls: tuple[PullRequest, ...]
) -> tuple[PullRequest, ...]:
    """The pull requests of a branch, with whether a hand-back, if there is one, counts for all commits on it."""
    is_labelled = any(pull.state == "open" and people.has_label(pull, people.HAND_BACK) for pull in pulls)
    if branch is None or not is_labelled or not isinstance(owner_of(branch), Theirs):
        return pulls
    return tuple([
        people.judge_hand_back(pull, branch.head, await facts.hand_back(pull.number, branch.name, people.HAND_BACK))
        if pull.state == "open"
        else pull
        for pull in pulls
    ])  # fmt: skip


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
