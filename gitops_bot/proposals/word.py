"""The word by which people give a branch back to the bot, and whether it is for what is on the branch now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text import body

if TYPE_CHECKING:
    from gitops_bot.proposals.pull_request import PullRequest, Words

#: The label that says, in any case: this branch is yours again. The box in the text says the same.
HAND_BACK: Final = "hand-back"


def handed_back(pull: PullRequest) -> bool:
    """Whether a person gave the branch of a pull request, as it is, back to the bot."""
    return pull.given == "counts" and asks_to_take(pull)


def asks_to_take(pull: PullRequest) -> bool:
    """Whether the word stands there that gives the branch back: the label, or the box in the text."""
    return has_label(pull, HAND_BACK) or body.handed_back(pull.body)


def judged(pull: PullRequest, head: str, words: Words) -> PullRequest:
    """The pull request, and whether its word is for this head of the branch: nothing was pushed after it.

    A word and a push within the same second, which is as fine as the forge's clock is, have no order: the word is late.
    Where the forge keeps no pushes, a word counts for the head that the pull request had together with it.
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
    """Whether a pull request has a label, in any case of its letters."""
    return any(label.lower() == name for label in pull.labels)
