"""The bot's comments. Each starts with a hidden mark, so that it is edited and never repeated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.proposals.text.markdown import prose

if TYPE_CHECKING:
    from gitops_bot.images.reason import Reason

_MARKER = re.compile(r"<!-- gitops-bot:((?:person|late) [0-9a-f]{7,64}|closing) -->")


def person(commit: str, author: str, why: str) -> str:
    """Says that somebody else pushed a commit. `why` is half a sentence, such as "it has no valid trailers"."""
    who = f" by {prose(author, 100)}" if author else ""
    return (
        f"<!-- gitops-bot:person {commit} -->\n"
        f"Commit {commit[:10]}{who} was not made by gitops-bot: {prose(why)}. People win: the bot leaves this branch "
        "alone from now on. Merge or close it as you see fit.\n"
        "\n"
        "To hand the branch back, add the label `hand-back`: the bot then rewrites it on top of the base branch, "
        "without this commit."
    )


def late(head: str) -> str:
    """Says that a branch was pushed to after it was handed back, so that the hand-back does not apply."""
    return (
        f"<!-- gitops-bot:late {head} -->\n"
        f"This branch was handed back, and then somebody pushed commit {head[:10]} to it. People win: the bot leaves "
        "it alone, because it drops only commits that were there when the branch was handed back.\n"
        "\n"
        "To hand it back as it is now, remove the label `hand-back` and add it again."
    )


def closed(reason: Reason) -> str:
    """Says why the bot closes a pull request."""
    return (
        "<!-- gitops-bot:closing -->\n"
        f"Closed: {prose(reason.text)}. This is not a decline; newer versions will be proposed."
    )


def marker_of(body: str) -> str | None:
    """The hidden mark of a comment: `person <commit>`, `late <commit>`, `closing`; None if it has none.

    Only the first line counts: the rest quotes people.
    """
    marker = _MARKER.fullmatch(body.partition("\n")[0].rstrip())
    return marker.group(1) if marker else None
