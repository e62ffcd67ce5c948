"""A pull request as GraphQL shows it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.demo import checks, conversation, gate
from gitops_bot.demo.graphql_page import connection
from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.demo.hub import Comment, Hub, Pull, Queued
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.shapes import Shapes


_AUTO_MERGES = {
    "AutoMergeDisabledEvent": "AUTO_MERGE_DISABLED_EVENT",
    "AutoMergeEnabledEvent": "AUTO_MERGE_ENABLED_EVENT",
}


def state(pull: Pull) -> Literal["CLOSED", "MERGED", "OPEN"]:
    """Whether it is open, closed or merged."""
    return "MERGED" if pull.merged_at else "OPEN" if pull.state == "open" else "CLOSED"


def show(shapes: Shapes, pull: Pull) -> Json:
    """A pull request."""
    pulls = shapes.pulls
    return {
        "id": node("PullRequest", pull.id),
        "number": pull.number,
        "url": f"{shapes.page}/pull/{pull.number}",
        "title": pull.title,
        "body": pull.body or "",
        "state": state(pull),
        "isDraft": pull.draft,
        "isCrossRepository": False,
        "headRefName": pull.head,
        "headRefOid": pull.head_sha,
        "baseRefName": pull.base,
        "createdAt": pull.created_at,
        "mergeCommit": {"oid": pull.merge_commit_sha} if pull.merged_at and pull.merge_commit_sha else None,
        "mergedBy": _actor(pull.merged_by),
        "reviewDecision": lambda: gate.decision(pulls, pull),
        "author": _actor(pull.user),
        "viewerDidAuthor": pull.user == shapes.viewer,
        "autoMergeRequest": (
            {"enabledAt": pull.auto_merge.at, "enabledBy": _actor(pull.auto_merge.user)} if pull.auto_merge else None
        ),
        "isInMergeQueue": pulls.hub.queued(pull) is not None,
        "labels": lambda **arguments: connection("labels", pull.labels, _label, arguments),
        "comments": lambda **arguments: connection(
            "comments", pull.comments, lambda comment: _comment(shapes, comment), arguments
        ),
        "commits": lambda **arguments: connection(
            "commits", pulls.commits(pull), lambda its: {"commit": commit(shapes.hub, its.id)}, arguments
        ),
        "timelineItems": lambda **arguments: _timeline(pull, arguments),
        "latestOpinionatedReviews": lambda **arguments: connection(
            "latestOpinionatedReviews",
            conversation.latest_opinions(pull),
            lambda review: {"state": review.state, "author": _actor(review.user)},
            arguments,
        ),
    }


def commit(hub: Hub, oid: str) -> Json:
    """A commit with what was reported of it, for GraphQL."""
    known, workflows = checks.latest(hub, oid), f"/{hub.full_name}/actions/workflows"
    statuses = {check.context: check for check in known if check.app is None}

    def contexts(**arguments: Any) -> Json:
        shown = connection("contexts", known, lambda check: checks.show(check, workflows), arguments)
        runs = Counter(check.state.upper() for check in known if check.app is not None)
        return {
            **shown,
            "checkRunCountsByState": _counted(runs),
            "statusContextCountsByState": _counted(Counter(map(checks.state, statuses.values()))),
        }

    def context(name: str) -> Json | None:
        return checks.show(statuses[name], workflows) if name in statuses else None

    return {
        "__typename": "Commit",
        "oid": oid,
        "status": {"context": context} if statuses else None,
        "statusCheckRollup": {"state": checks.rollup(hub, oid), "contexts": contexts} if known else None,
    }


def _counted(states: Mapping[str, int]) -> list[Json]:
    return [{"state": state, "count": count} for state, count in states.items()]


def show_queued(shapes: Shapes, entry: Queued) -> Json:
    """A place in the merge queue."""
    hub = shapes.hub
    base = hub.pulls[entry.number].base
    ahead = [other for other in hub.queue if hub.pulls[other.number].base == base and other.id < entry.id]
    return {"position": len(ahead) + 1, "state": "QUEUED" if ahead else "AWAITING_CHECKS"}


def _timeline(pull: Pull, arguments: Json) -> Json:
    """What happened to it: the kinds of events that gitops-bot asks for."""
    kinds = arguments.get("itemTypes") or ("ADDED_TO_MERGE_QUEUE_EVENT", *_AUTO_MERGES.values(), "LABELED_EVENT")
    events: list[Json] = [
        {"__typename": name, "createdAt": at, "actor": _actor(user)}
        for name, at, user in pull.auto_merges
        if _AUTO_MERGES[name] in kinds
    ]
    if "ADDED_TO_MERGE_QUEUE_EVENT" in kinds:
        events += [{"__typename": "AddedToMergeQueueEvent", "createdAt": at} for at in pull.queued_at]
    if "LABELED_EVENT" in kinds:
        events += [
            {"__typename": "LabeledEvent", "createdAt": event.at, "label": _label(event.name)}
            for event in pull.labelled
        ]
    events.sort(key=lambda event: str(event["createdAt"]))
    return connection("timelineItems", events, lambda event: event, arguments)


def _actor(login: str | None) -> Json | None:
    return {"__typename": "User", "login": login} if login else None


def _label(name: str) -> Json:
    return {"name": name}


def _comment(shapes: Shapes, comment: Comment) -> Json:
    return {"databaseId": comment.id, "body": comment.body, "viewerDidAuthor": comment.user == shapes.viewer}
