"""Right before a group is written, what people may have done meanwhile is looked up once more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.carry_out import tries_again
from gitops_bot.errors import LostRace, Problem
from gitops_bot.proposals import people, reconcile

if TYPE_CHECKING:
    from gitops_bot.config import Propose
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest


def look_again(world: World, snapshot: Snapshot, proposal: Proposal, propose: Propose) -> Proposal:
    """The proposal with its pull requests as they are at this moment; as it is where nothing would be written.

    A run may take minutes from what it read to what it writes. A hold, an approval or a closing that came in between
    is seen here by one request, so that it is too late only while the next one is on its way.

    Raises:
        LostRace: something is different, and has to be planned again.
        ForgeError: the forge refused or did not answer: then nothing is written.
    """
    if world.forge is None or proposal.branch is None or not _writes(proposal, propose):
        return proposal
    own = proposal.branch
    pulls = world.forge.find([own, *proposal.beside], snapshot.branch)
    now = pulls.get(own, ())
    if people.changed(proposal.pulls, now) or any(
        people.changed_elsewhere(before, pulls.get(branch, ())) for branch, before in proposal.beside.items()
    ):
        message = f"the pull requests of {own} kept changing while it was about to be written"
        raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
    return replace(proposal, pulls=now, action=_about(proposal.action, {pull.number: pull for pull in now}))


def _writes(proposal: Proposal, propose: Propose) -> bool:
    match proposal.action:
        case reconcile.Open() | reconcile.Refresh() | reconcile.Close() | reconcile.Commit():
            return True
        case reconcile.Leave(pull_request=pull, comment=remark, merges=merges):
            return pull is not None and (remark is not None or (merges and tries_again(pull, propose)))
        case reconcile.Nothing(pull_request=pull):
            return pull is not None and tries_again(pull, propose)
        case _:
            assert_never(proposal.action)


def _about(action: reconcile.Action, pulls: dict[int, PullRequest]) -> reconcile.Action:
    """The action on the pull request as it is now: nobody has changed anything that it was decided by."""
    match action:
        case reconcile.Open() | reconcile.Commit():
            return action
        case _ if action.pull_request is not None:
            return replace(action, pull_request=pulls[action.pull_request.number])
        case _:
            return action
