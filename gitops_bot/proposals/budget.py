"""How many API requests a run needs, and whether the rate limit has enough left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gitops_bot.errors import Problem
from gitops_bot.proposals.reconcile import Close, Leave, Nothing, Open, Refresh, Remark
from gitops_bot.proposals.text import body

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.proposals.reconcile import Action

#: Requests: the existing text is read again right before it is written.
_TEXT = 2
#: Requests: the text with the mark and the reason, the comment, and closing.
_CLOSE = _TEXT + 2
#: Requests: all reviewers, then the rest if one of them cannot be requested.
_REVIEW = 2
#: Requests: auto-merge or the queue, a retry if the forge was not ready yet, and a direct merge.
_MERGE = 3
#: Requests: the label, and the ticked box in the text.
_TAKE_BACK = 1 + _TEXT


@dataclass(frozen=True, slots=True)
class Left:
    """The requests that a rate limit has left until it resets. `resets_at` is in UTC.

    `look`: how many of them it takes at most to look up the pull requests of one branch; none where that has a limit of
    its own.
    """

    remaining: int
    resets_at: datetime
    look: int = 0


class Dress(Protocol):
    """What a proposal gets besides a title and a text."""

    @property
    def labels(self) -> Sequence[str]:
        """Of the pull request."""
        ...

    @property
    def reviewers(self) -> Sequence[str]:
        """People and teams."""
        ...

    @property
    def assignees(self) -> Sequence[str]:
        """Logins."""
        ...

    @property
    def draft(self) -> bool:
        """Whether it is opened as a draft."""
        ...

    @property
    def auto_merge(self) -> bool | str:
        """Whether it merges by itself."""
        ...


def needed(action: Action, dress: Dress, *, compared: int = 0) -> int:
    """The most requests that an action takes, if nobody else writes at the same time.

    `compared`: how many pairs of revisions are looked up for the text of a proposal that is written.
    """
    match action:
        case Open():
            dressing = _dressing(dress)
            # A draft is retried as ready where drafts are not supported; the text is finished last.
            return 1 + dress.draft + compared + dressing + (_TEXT if dressing else 0)
        case Refresh(pull_request=pull, takes_back=takes_back):
            unfinished = body.plan_mark(pull.body) is None
            dressing = _dressing(dress) if unfinished else _merging(dress)
            return _TEXT + compared + dressing + (_TAKE_BACK if takes_back else 0)
        case Close():
            return _CLOSE
        case Leave(comment=Remark(edits=edits)):
            return 1 if edits is None else 2  # a new one where the one to edit was deleted
        case Leave() | Nothing():
            return 0


def short(needed: int, left: Left) -> Problem | None:
    """The problem if the rate limit has too few requests left; None if it has enough."""
    if needed <= left.remaining:
        return None
    until = f"{left.resets_at:%H:%M} UTC"
    there = f"{left.remaining} left" if left.remaining > 0 else "none left"
    return Problem(
        "failed.forge",
        f"this run needs up to {needed} requests, but the rate limit has {there} until {until}: no pull request was "
        "touched",
        f"run it again after {until}, or for fewer environments",
    )


def _dressing(dress: Dress) -> int:
    """The requests that are made once, for a new proposal."""
    review = _REVIEW if dress.reviewers else 0
    people = bool(dress.labels) + bool(dress.assignees) + review
    merging = _merging(dress)
    # It is then read again before it may merge.
    return people + merging + bool(people and merging)


def _merging(dress: Dress) -> int:
    return _MERGE if dress.auto_merge else 0
