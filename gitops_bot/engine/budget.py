"""How many API requests a run needs, and whether the rate limit has enough left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.engine.describe import COMPARED
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.proposals.reconcile import Close, Commit, Leave, Nothing, Open, Refresh, Remark
from gitops_bot.proposals.text import body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Propose
    from gitops_bot.engine.forge import Forge
    from gitops_bot.engine.plan import Planned
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.deployment import Deployment
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import RateLimit
    from gitops_bot.proposals.reconcile import Action

#: Requests: the existing text is read again right before it is written.
_TEXT = 2
#: Requests: the text with the mark and the reason, the comment, and closing.
_CLOSE = _TEXT + 2
#: Requests: all reviewers, then the rest if one of them cannot be requested.
_REVIEW = 2
#: Requests: auto-merge or the queue, a retry if the forge was not ready yet, and a direct merge.
_MERGE = 3
#: Requests: what is there, the deployment or whether it has a status, and its status; one more for each artifact.
_DEPLOYMENT = 3
#: Requests: the label, and the ticked box in the text.
_TAKE_BACK = 1 + _TEXT


def shortage(world: World, request: Request, arranged: Sequence[Planned]) -> Problem | None:
    """Why nothing may be written: the forge's limit would end the run in the middle."""
    if world.forge is None or request.dry_run:
        return None
    writes = [
        (count, proposal)
        for planned in arranged
        for proposal in planned.outcome.proposals
        if (count := _of_proposal(proposal, planned.known.environment.propose))
    ]
    left = _left(world.forge) if writes else None
    if left is None:
        return None
    looks = sum(1 + len(proposal.beside) for _, proposal in writes)
    return short(sum(count for count, _ in writes) + looks * left.look, left)


@dataclass(slots=True)
class DeploymentBudget:
    """Lets deployments through as long as the rate limit has enough left. It is asked for before the first one."""

    forge: Forge
    _left: RateLimit | None = None
    _used: int | None = None

    def spend(self, deployment: Deployment) -> Problem | None:
        """Why this one has to wait for a later run; None where it is counted now."""
        if self._used is None:
            self._left, self._used = _left(self.forge), 0
        needed = _DEPLOYMENT + len(deployment.artifacts)
        if self._left is None or self._used + needed <= self._left.remaining:
            self._used += needed
            return None
        has, until = _has(replace(self._left, remaining=self._left.remaining - self._used))
        message = f"the next one needs up to {needed} requests, but the rate limit has {has} until {until}"
        return Problem("failed.forge", message, f"a run after {until} goes on with them")


def _left(forge: Forge) -> RateLimit | None:
    try:
        return forge.left()
    except ForgeError:
        return None  # the first write says what is wrong


def _has(left: RateLimit) -> tuple[str, str]:
    return f"{left.remaining} left" if left.remaining > 0 else "none left", f"{left.resets_at:%H:%M} UTC"


def _of_proposal(proposal: Proposal, propose: Propose) -> int:
    return needed(proposal.action, propose, compared=min(len(proposal.changes), COMPARED))


def needed(action: Action, propose: Propose, *, compared: int = 0) -> int:
    """The most requests that an action takes, if nobody else writes at the same time.

    `compared`: how many pairs of revisions are looked up for the text of a proposal that is written.
    """
    match action:
        case Open():
            extras = _for_new(propose)
            # A draft is retried as ready where drafts are not supported; the text is finished last.
            return 1 + propose.draft + compared + extras + (_TEXT if extras else 0)
        case Refresh(pull_request=pull, takes_back=takes_back):
            unfinished = body.plan_mark(pull.body) is None
            extras = _for_new(propose) if unfinished else _merging(propose)
            return _TEXT + compared + extras + (_TAKE_BACK if takes_back else 0)
        case Close():
            return _CLOSE
        case Leave(comment=Remark(edits=edits)):
            return 1 if edits is None else 2  # a new one where the one to edit was deleted
        case Leave() | Nothing() | Commit():
            return 0


def short(needed: int, left: RateLimit) -> Problem | None:
    """The problem if the rate limit has too few requests left; None if it has enough."""
    if needed <= left.remaining:
        return None
    has, until = _has(left)
    return Problem(
        "failed.forge",
        f"this run needs up to {needed} requests, but the rate limit has {has} until {until}: no pull request was "
        "touched",
        f"run it again after {until}, or for fewer environments",
    )


def _for_new(propose: Propose) -> int:
    """The requests that are made once, for a new proposal."""
    review = _REVIEW if propose.reviewers else 0
    people = bool(propose.labels) + bool(propose.assignees) + review
    merging = _merging(propose)
    # It is then read again before it may merge.
    return people + merging + bool(people and merging)


def _merging(propose: Propose) -> int:
    return _MERGE if propose.auto_merge else 0
