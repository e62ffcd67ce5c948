"""What is rolled back leaves the other open proposals before the rollback is proposed: never two on one entry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.engine.open_proposals import open_proposals
from gitops_bot.engine.request import Withdraw
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, reconcile
from gitops_bot.releases.decisions import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gitops_bot.engine.context import Context
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.releases.decisions import Change, Decision, Managed

    Arrange = Callable[[Context, Sequence[Decision]], Sequence[Proposal]]

_TAKEN: Final = Reason("held.reverted", "it is being rolled back, and is left alone until that is merged or closed")


def make_way(known: Context, proposals: Sequence[Proposal], arrange: Arrange) -> list[Proposal]:
    """The proposals of a rollback, behind those that lose its entries to them."""
    rolled_back = (proposal for proposal in proposals if not isinstance(proposal.action, reconcile.Leave))
    taken = {
        entry.key: Held(entry, None, _TAKEN)
        for proposal in rolled_back
        for change in proposal.changes
        for entry in (change.entry, *_goes_live(known, change))
    }
    if not taken:
        return list(proposals)
    # What else these propose stays as it is.
    request = replace(known.request, what=Withdraw(tuple(taken.values())), release_hold=True)
    state = open_proposals(known.snapshot, known.facts, request, known.environment)
    other = replace(known, request=request, state=replace(state, waits=dict.fromkeys(taken, _TAKEN)))
    losing = [proposal for proposal in arrange(other, list(taken.values())) if _loses(proposal, taken)]
    ends = {proposal.branch for proposal in losing if isinstance(proposal.action, reconcile.Close)}
    then = [
        replace(proposal, beside={branch: () if branch in ends else pulls for branch, pulls in proposal.beside.items()})
        for proposal in proposals
    ]
    return [*losing, *then]


def _goes_live(known: Context, change: Change) -> Sequence[Managed]:
    """The pins of a slot that is switched to."""
    slots = known.snapshot.slots_of(change.entry) if change.entry.choices else None
    return slots.entries[change.after.tag or ""] if slots is not None else ()


def makes_way(proposal: Proposal, *, is_rollback: bool) -> bool:
    """Whether a proposal of a rollback's run is another one, which loses to it what is rolled back."""
    return is_rollback and not proposal.group.startswith(naming.ROLLBACK)


def _loses(proposal: Proposal, taken: Collection[tuple[str, str]]) -> bool:
    """Whether a proposal loses any of these entries, or an earlier run did not come to say that it has."""
    match proposal.action:
        case reconcile.Refresh(push=False):
            return True
        case reconcile.Refresh() | reconcile.Close():
            return any(pin.key in taken for pin in proposal.carried)
        case _:
            return False
