"""Whether people or other runs have changed pull requests since they were read, so that plans are outdated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.proposals import frozen, hand_back, reconcile
from gitops_bot.proposals.text import body, comment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.proposals.pull_request import PullRequest


def moved_on(before: Sequence[PullRequest], now: Sequence[PullRequest]) -> bool:
    """Whether the pull requests of the branch to write have changed in a way that matters."""
    return [_said(pull) for pull in before] != [_said(pull) for pull in now]


def others_moved_on(before: Sequence[PullRequest], now: Sequence[PullRequest]) -> bool:
    """Whether those of another branch have: which ones are open, and which of these may not be changed.

    What a run itself pushes there and writes into them changes neither.
    """
    return [_stands(pull) for pull in before if pull.state == "open"] != [
        _stands(pull) for pull in now if pull.state == "open"
    ]


def _said(pull: PullRequest) -> tuple[object, ...]:
    """All that decides what is to be done. What is written there is read anew, and decides only of one that ended."""
    who = (pull.number, pull.state, pull.head, body.closed_by_bot(pull.body))
    if pull.state != "open":
        return (*who, body.pin_marks(pull.body))
    remarks = {comment.marker_of(each.body): each.id for each in pull.comments}
    return (*who, *_stands(pull), hand_back.asks_to_take(pull), remarks)


def _stands(pull: PullRequest) -> tuple[object, ...]:
    return pull.number, reconcile.held(pull), bool(frozen.freezes(pull))
