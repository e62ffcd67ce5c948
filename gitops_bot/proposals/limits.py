"""What may be opened now, by the schedule and the limits of an environment; the rest waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.proposals import reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.config import Propose
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest


def admitted(
    proposals: Sequence[Proposal], propose: Propose, pulls: Sequence[PullRequest], at: datetime
) -> list[Proposal]:
    """What may be opened now, by the schedule and the limits of the environment, of which `pulls` are all there are.

    The limit of open proposals is for what is open after the run, so one that is closed makes room for another. But a
    proposal is not closed while a pin waits to move away from it.
    """
    open_now = sum(pull.state == "open" for pull in pulls)
    opened = [pull.created_at for pull in pulls if pull.created_at is not None]
    closing = _closing(proposals)
    while True:
        admitted_now = with_what_waits(_opening(proposals, propose, at, open_now=open_now - closing, opened=opened))
        if (left := _closing(admitted_now)) == closing:
            return admitted_now
        closing = left  # fewer, each time: what waits keeps its old proposal open


def with_what_waits(proposals: Sequence[Proposal]) -> list[Proposal]:
    """A proposal keeps what is to move to another one as long as that has to wait: else it would be nowhere."""
    waits = {
        change.entry.key: proposal.action.reason
        for proposal in proposals
        if isinstance(proposal.action, reconcile.Leave)
        for change in proposal.changes
    }
    kept = []
    for proposal in proposals:
        reasons = [waits[key] for key in sorted(proposal.moved) if key in waits]
        if reasons and isinstance(proposal.action, reconcile.Refresh | reconcile.Close):
            kept.append(proposal.doing(reconcile.Leave(proposal.pull_request, reasons[0])))
        else:
            kept.append(proposal)
    # What was to move to one of those waits with it.
    more = any(new is not old for new, old in zip(kept, proposals, strict=True))
    return with_what_waits(kept) if more else kept


def _closing(proposals: Sequence[Proposal]) -> int:
    return sum(isinstance(proposal.action, reconcile.Close) for proposal in proposals)


def _opening(
    proposals: Sequence[Proposal], propose: Propose, at: datetime, *, open_now: int, opened: Sequence[datetime]
) -> list[Proposal]:
    """The proposals, of which no more are opened than there is room for beside those that stay open."""
    moments = list(opened)
    result = []
    for proposal in proposals:
        action = reconcile.admit(
            proposal.action,
            at=at,
            windows=propose.schedule,
            open_now=open_now,
            opened=moments,
            most_open=propose.limit.open,
            most_new_per_hour=propose.limit.new_per_hour,
        )
        if isinstance(action, reconcile.Open):
            open_now += 1
            moments.append(at)
        result.append(proposal if action is proposal.action else proposal.doing(action))
    return result
