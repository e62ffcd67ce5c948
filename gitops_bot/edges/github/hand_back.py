"""When people spoke, and when a branch was pushed last: by GitHub's clock, not by the dates in commits.

The time in a commit is what its author claims, and so is the order in which the page shows commits. What GitHub keeps
of the pushes themselves (`/activity`) is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github import answers, documents
from gitops_bot.edges.github.failure import Refused, Unanswered, Unsupported
from gitops_bot.proposals.pull_request import HandBackTimes

if TYPE_CHECKING:
    from datetime import datetime

    from gitops_bot.edges.github.api import Api


def hand_back_times(api: Api, number: int, branch: str, label: str) -> HandBackTimes:
    """Ask for them: two requests.

    Nothing is told where the server has no GraphQL, or keeps no pushes.
    """
    owner, _, name = api.repository.partition("/")
    try:
        told = api.wire.graphql(documents.WORDS, {"owner": owner, "name": name, "number": number}, write=False)
    except Unsupported:
        return HandBackTimes()
    except (Refused, Unanswered) as failure:
        api.fail(failure)
    try:
        found = told.data["repository"]["pullRequest"]
        labelled = [
            _needed(each["createdAt"])
            for each in answers.nodes(found["timelineItems"])
            if each["label"]["name"].lower() == label
        ]
        edited = answers.moment(found["lastEditedAt"])
        return HandBackTimes(max(labelled, default=None), edited, _pushed(api, branch))
    except (KeyError, TypeError, ValueError, AttributeError):
        api.fail(answers.unreadable())


def _pushed(api: Api, branch: str) -> tuple[str, datetime] | None:
    query = {"ref": f"refs/heads/{branch}", "per_page": "1"}
    try:
        listed: Any = api.attempt("GET", api.below("/activity"), query=query, bears=(403, 404, 410, 501))
    except Refused:
        return None
    if not isinstance(listed, list):
        raise TypeError(listed)
    return (str(listed[0]["after"]), _needed(listed[0]["timestamp"])) if listed else None


def _needed(value: Any) -> datetime:
    moment = answers.moment(value)
    if moment is None:
        raise ValueError(value)
    return moment
