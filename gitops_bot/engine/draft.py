"""One group of a plan on its way to people, and what of it has to wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.proposals import reconcile
from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.there import Task, There
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Plan


@dataclass(frozen=True, slots=True)
class Draft:
    """One group: its plan, what that makes of which files, what is there already, and what is to be done."""

    group: str
    plan: Plan
    files: Mapping[str, bytes]
    written: Proposal | None
    branch: Branch | None
    existing: tuple[PullRequest, ...]
    #: The pins that the branch proposes as it is.
    carried: tuple[PinChange, ...]
    #: The entries among them that belong to other groups now, and are proposed there.
    moved: frozenset[tuple[str, str]]
    action: reconcile.Action
    #: The pull requests of other branches that this rests on, by branch: those that the pins come from.
    beside: Mapping[str, tuple[PullRequest, ...]]

    @property
    def opened(self) -> PullRequest | None:
        """The open pull request, as it was found."""
        return next((pull for pull in self.existing if pull.state == "open"), None)


def admitted(world: World, task: Task, there: There, drafts: Sequence[Draft]) -> list[Draft]:
    """What may be opened now, by the schedule and the limits of the environment; the rest waits.

    The limit of open proposals is for what is open after the run, so one that is closed makes room for another. But a
    proposal is not closed while a pin waits to move away from it.
    """
    if task.source == "rollback":
        return _with_what_waits(drafts)  # at two in the morning no schedule and no limit is in the way
    pulls = [pull for found in there.pulls.values() for pull in found]
    open_now = sum(pull.state == "open" for pull in pulls)
    opened = [pull.created_at for pull in pulls if pull.created_at is not None]
    closing = _closing(drafts)
    while True:
        found = _with_what_waits(_opening(world, task, drafts, open_now=open_now - closing, opened=opened))
        if (left := _closing(found)) == closing:
            return found
        closing = left  # fewer, each time: what waits keeps its old proposal open


def _closing(drafts: Sequence[Draft]) -> int:
    return sum(isinstance(draft.action, reconcile.Close) for draft in drafts)


def _opening(
    world: World, task: Task, drafts: Sequence[Draft], *, open_now: int, opened: Sequence[datetime]
) -> list[Draft]:
    """The drafts, of which no more are opened than there is room for beside those that stay open."""
    propose, at = task.environment.propose, world.clock.now()
    moments = list(opened)
    found = []
    for draft in drafts:
        action = reconcile.admit(
            draft.action,
            at=at,
            windows=propose.schedule,
            open_now=open_now,
            opened=moments,
            most_open=propose.most_open,
            most_new_per_hour=propose.most_new_per_hour,
        )
        if isinstance(action, reconcile.Open):
            open_now += 1
            moments.append(at)
        found.append(draft if action is draft.action else waiting(replace(draft, action=action)))
    return found


def _with_what_waits(drafts: Sequence[Draft]) -> list[Draft]:
    """A proposal keeps what is to move to another one as long as that has to wait: else it would be nowhere."""
    waits = {
        change.entry.key: draft.action.reason
        for draft in drafts
        if isinstance(draft.action, reconcile.Leave)
        for change in draft.plan.changes
    }
    kept = []
    for draft in drafts:
        reasons = [waits[key] for key in sorted(draft.moved) if key in waits]
        if reasons and isinstance(draft.action, reconcile.Refresh | reconcile.Close):
            kept.append(waiting(replace(draft, action=reconcile.Leave(draft.opened, reasons[0]))))
        else:
            kept.append(draft)
    # What was to move to one of those waits with it.
    more = any(new is not old for new, old in zip(kept, drafts, strict=True))
    return _with_what_waits(kept) if more else kept


def waiting(draft: Draft) -> Draft:
    """Say of each entry that it is held where the whole proposal is, unless it is in the open one as it should be."""
    match draft.action:
        case reconcile.Leave(reason=reason) if reason.code.startswith("held."):
            proposed = {(pin.key, pin.after, pin.new_name) for pin in draft.carried}
            held = [
                Held(change.entry, change.before, change.after, reason)
                for change in draft.plan.changes
                if (change.entry.key, change.after, change.new_name) not in proposed
            ]
            return replace(draft, plan=replace(draft.plan, held=(*draft.plan.held, *held)))
        case _:
            return draft
