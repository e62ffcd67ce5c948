"""Right before a group is written, what people may have done meanwhile is looked up once more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.carry_out import tries_again
from gitops_bot.errors import LostRace, Problem
from gitops_bot.proposals import naming, reconcile
from gitops_bot.proposals.moved_on import moved_on, others_moved_on

if TYPE_CHECKING:
    from gitops_bot.config import Propose
    from gitops_bot.engine.draft import Draft
    from gitops_bot.engine.survey import Survey
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.pull_request import PullRequest


def look_again(world: World, survey: Survey, environment: str, draft: Draft, propose: Propose) -> Draft:
    """The draft with its pull requests as they are at this moment; as it is where nothing would be written.

    A run may take minutes from what it read to what it writes. A hold, an approval or a closing that came in between
    is seen here by one request, so that it is too late only while the next one is on its way.

    Raises:
        LostRace: something is different, and has to be planned again.
        ForgeError: the forge refused or did not answer: then nothing is written.
    """
    if world.forge is None or not _writes(draft, propose):
        return draft
    own = naming.branch(environment, draft.group)
    found = world.forge.find([own, *draft.beside], survey.branch)
    now = found.get(own, ())
    if moved_on(draft.existing, now) or any(
        others_moved_on(before, found.get(branch, ())) for branch, before in draft.beside.items()
    ):
        message = f"the pull requests of {own} kept changing while it was about to be written"
        raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
    return replace(draft, existing=now, action=_about(draft.action, {pull.number: pull for pull in now}))


def _writes(draft: Draft, propose: Propose) -> bool:
    match draft.action:
        case reconcile.Open() | reconcile.Refresh() | reconcile.Close():
            return True
        case reconcile.Leave(pull_request=pull, comment=remark, merges=merges):
            return pull is not None and (remark is not None or (merges and tries_again(pull, propose)))
        case reconcile.Nothing(pull_request=pull):
            return pull is not None and tries_again(pull, propose)
        case _:
            assert_never(draft.action)


def _about(action: reconcile.Action, pulls: dict[int, PullRequest]) -> reconcile.Action:
    """The action on the pull request as it is now: nobody has changed anything that it was decided by."""
    match action:
        case reconcile.Open():
            return action
        case _ if action.pull_request is not None:
            return replace(action, pull_request=pulls[action.pull_request.number])
        case _:
            return action
