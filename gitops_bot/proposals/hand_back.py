"""How people hand a branch back to the bot, and whether that applies to the present head of the branch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text import body

if TYPE_CHECKING:
    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest

#: The label, in any case, that hands the branch back. The box in the description does the same.
HAND_BACK: Final = "hand-back"


def handed_back(pull: PullRequest) -> bool:
    """Whether a person handed the branch, as it is now, back to the bot."""
    return pull.given == "counts" and asks_to_take(pull)


def asks_to_take(pull: PullRequest) -> bool:
    """Whether a pull request has the label, or the ticked box, that hands its branch back."""
    return has_label(pull, HAND_BACK) or body.handed_back(pull.body)


def judged(pull: PullRequest, head: str, words: HandBackTimes) -> PullRequest:
    """The pull request, with whether its hand-back applies to this head: nothing was pushed after it.

    The forge's clock has a resolution of one second: a hand-back and a push in the same second count as late. If the
    forge does not record pushes, it applies to the head that the pull request had when it was read.
    """
    if words.pushed is None:
        return replace(pull, given="counts" if pull.head == head else "unsure")
    commit, pushed = words.pushed
    if not commit == pull.head == head:
        return replace(pull, given="unsure")
    said = (
        words.labelled if has_label(pull, HAND_BACK) else None,
        words.edited if body.handed_back(pull.body) else None,
    )
    return replace(pull, given="counts" if any(at is not None and at > pushed for at in said) else "late")


def has_label(pull: PullRequest, name: str) -> bool:
    """Whether a pull request has a label, ignoring case."""
    return any(label.lower() == name for label in pull.labels)
