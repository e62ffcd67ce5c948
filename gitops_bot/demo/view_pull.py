"""A pull request and what hangs on it, as GraphQL shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitops_bot.demo import conversation, gate, pull_shapes, view_checks, view_ref
from gitops_bot.demo.identity import node
from gitops_bot.demo.view import page

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Comment, Labelled, Pull, Queued, Review
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.view import Seen


def state(pull: Pull) -> Literal["CLOSED", "MERGED", "OPEN"]:
    """Whether it is open, closed or merged."""
    return "MERGED" if pull.merged_at else "OPEN" if pull.state == "open" else "CLOSED"


def pull(seen: Seen, of: Pull) -> Json:
    """A pull request."""
    pulls = seen.shapes.pulls
    entry = pulls.hub.queued(of)
    rule = pulls.protection(of)
    queue = rule is not None and rule.merge_queue is not None
    return {
        "__typename": "PullRequest",
        "id": node("PullRequest", of.id),
        "databaseId": of.id,
        "number": of.number,
        "url": f"{seen.shapes.page}/pull/{of.number}",
        "title": of.title,
        "body": of.body or "",
        "state": state(of),
        "closed": of.state == "closed",
        "merged": of.merged_at is not None,
        "isDraft": of.draft,
        "isCrossRepository": False,
        "headRefName": of.head,
        "headRefOid": of.head_sha,
        "headRef": lambda: view_ref.ref(seen, of.head),
        "baseRefName": of.base,
        "baseRefOid": of.base_sha,
        "baseRef": lambda: view_ref.ref(seen, of.base),
        "createdAt": of.created_at,
        "updatedAt": of.updated_at,
        "lastEditedAt": of.edited_at,
        "closedAt": of.closed_at,
        "mergedAt": of.merged_at,
        "mergedBy": seen.person(of.merged_by) if of.merged_by else None,
        "mergeCommit": view_checks.commit(seen, of.merge_commit_sha) if of.merge_commit_sha else None,
        "author": seen.person(of.user),
        "mergeable": lambda: {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[gate.fits(pulls, of)],
        "mergeStateStatus": lambda: gate.standing(pulls, of).state,
        "reviewDecision": lambda: gate.decision(pulls, of),
        "autoMergeRequest": _auto_merge(seen, of),
        "isMergeQueueEnabled": queue,
        "isInMergeQueue": entry is not None,
        "mergeQueue": merge_queue(seen, of.base) if queue else None,
        "mergeQueueEntry": queued(seen, entry) if entry else None,
        "statusCheckRollup": lambda: view_checks.rollup(seen, of.head_sha),
        "assignees": lambda **asked: page("assignees", of.assignees, seen.person, asked),
        "labels": lambda **asked: page("labels", of.labels, lambda name: _label(seen, name), asked),
        "comments": lambda **asked: page("comments", of.comments, lambda said: _comment(seen, of, said), asked),
        "commits": lambda **asked: page("commits", pulls.commits(of), lambda each: _commit(seen, of, each.id), asked),
        "timelineItems": lambda **asked: _timeline(seen, of, asked),
        "reviewRequests": lambda **asked: page(
            "reviewRequests", [*_people(seen, of), *_teams(seen, of)], lambda each: {"requestedReviewer": each}, asked
        ),
        "reviews": lambda **asked: _reviews(
            seen,
            "reviews",
            [each for each in of.reviews if each.state in (asked.get("states") or (each.state,))],
            asked,
        ),
        "latestReviews": lambda **asked: _reviews(
            seen, "latestReviews", conversation.latest(of, opinionated=False), asked
        ),
        "latestOpinionatedReviews": lambda **asked: _reviews(
            seen, "latestOpinionatedReviews", conversation.latest(of, opinionated=True), asked
        ),
    }


def _auto_merge(seen: Seen, of: Pull) -> Json | None:
    how = of.auto_merge
    if how is None:
        return None
    return {
        "enabledAt": how.at,
        "enabledBy": seen.person(how.user),
        "mergeMethod": how.method.upper(),
        "commitHeadline": how.title,
        "commitBody": how.message,
        "pullRequest": lambda: pull(seen, of),
    }


def _timeline(seen: Seen, of: Pull, asked: Json) -> Json:
    """What happened to it, of the two kinds that are known here."""
    kinds = asked.get("itemTypes") or ("ADDED_TO_MERGE_QUEUE_EVENT", "LABELED_EVENT")
    items = []
    if "ADDED_TO_MERGE_QUEUE_EVENT" in kinds:
        items += [(at, _entered(seen, of, place, at)) for place, at in enumerate(of.queued_at)]
    if "LABELED_EVENT" in kinds:
        items += [(each.at, _labelled(seen, each)) for each in of.labelled]
    items.sort(key=lambda item: item[0])
    return page("timelineItems", items, lambda item: item[1], asked)


def _labelled(seen: Seen, it: Labelled) -> Json:
    return {
        "__typename": "LabeledEvent",
        "id": node("LabeledEvent", it.id),
        "createdAt": it.at,
        "label": lambda: _label(seen, it.name),
    }


def _entered(seen: Seen, of: Pull, place: int, moment: str) -> Json:
    return {
        "__typename": "AddedToMergeQueueEvent",
        "id": node("AddedToMergeQueueEvent", f"{of.id}:{place}"),
        "createdAt": moment,
        "pullRequest": lambda: pull(seen, of),
    }


def _commit(seen: Seen, of: Pull, oid: str) -> Json:
    return {
        "__typename": "PullRequestCommit",
        "id": node("PullRequestCommit", f"{of.id}:{oid}"),
        "commit": view_checks.commit(seen, oid),
        "pullRequest": lambda: pull(seen, of),
    }


def _label(seen: Seen, name: str) -> Json:
    shown = pull_shapes.label(seen.shapes, name)
    return {
        "__typename": "Label",
        "id": shown["node_id"],
        "name": name,
        "color": shown["color"],
        "description": shown["description"],
    }


def _comment(seen: Seen, of: Pull, said: Comment) -> Json:
    shown = pull_shapes.comment(seen.shapes, of, said)
    return {
        "__typename": "IssueComment",
        "id": shown["node_id"],
        "databaseId": said.id,
        "body": said.body,
        "author": seen.person(said.user),
        "createdAt": said.created_at,
        "updatedAt": said.updated_at,
        "url": shown["html_url"],
        "viewerDidAuthor": said.user == seen.viewer,
    }


def _reviews(seen: Seen, field: str, reviews: list[Review], asked: Json) -> Json:
    return page(field, reviews, lambda review: _review(seen, review), asked)


def _review(seen: Seen, review: Review) -> Json:
    return {
        "__typename": "PullRequestReview",
        "id": node("PullRequestReview", review.id),
        "databaseId": review.id,
        "author": seen.person(review.user),
        "body": review.body,
        "state": review.state,
        "commit": view_checks.commit(seen, review.commit),
        "createdAt": review.submitted_at,
        "submittedAt": review.submitted_at,
        "viewerDidAuthor": review.user == seen.viewer,
    }


def _people(seen: Seen, of: Pull) -> list[Json]:
    return [seen.person(login) for login in of.reviewers]


def _teams(seen: Seen, of: Pull) -> list[Json]:
    shown = [pull_shapes.team(seen.shapes, slug) for slug in of.teams]
    return [
        {
            "__typename": "Team",
            "id": each["node_id"],
            "name": each["name"],
            "slug": each["slug"],
            "url": each["html_url"],
        }
        for each in shown
    ]


def merge_queue(seen: Seen, branch: str) -> Json | None:
    """The merge queue of a branch; None where it has none."""
    hub = seen.shapes.hub
    rule = hub.protected.get(branch)
    if rule is None or rule.merge_queue is None:
        return None
    entries = [each for each in hub.queue if hub.pulls[each.number].base == branch]
    return {
        "__typename": "MergeQueue",
        "id": node("MergeQueue", f"{hub.id}:{branch}"),
        "url": f"{seen.shapes.page}/queue/{branch}",
        "configuration": {"mergeMethod": rule.merge_queue.upper()},
        "entries": lambda **asked: page("entries", entries, lambda entry: queued(seen, entry), asked),
    }


def queued(seen: Seen, entry: Queued) -> Json:
    """A place in the merge queue."""
    hub = seen.shapes.hub
    of = hub.pulls[entry.number]
    ahead = [each for each in hub.queue if hub.pulls[each.number].base == of.base and each.id < entry.id]
    return {
        "__typename": "MergeQueueEntry",
        "id": node("MergeQueueEntry", entry.id),
        "enqueuedAt": entry.at,
        "enqueuer": seen.person(entry.user),
        "position": len(ahead) + 1,
        "state": "QUEUED" if ahead else "AWAITING_CHECKS",
        "mergeQueue": lambda: merge_queue(seen, of.base),
        "pullRequest": lambda: pull(seen, of),
    }
