"""Pull requests, reviews, comments and labels in the JSON format of GitHub's REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.demo import gate
from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Comment, Pull, Review
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.shapes import Shapes


def label(shapes: Shapes, name: str) -> Json:
    """A label of the repository."""
    number = shapes.hub.labels[name]
    return {
        "id": number,
        "node_id": node("Label", number),
        "url": f"{shapes.here}/labels/{quote(name, safe='')}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }


def show(shapes: Shapes, pull: Pull) -> Json:
    """A pull request in a list."""
    here = f"{shapes.here}/pulls/{pull.number}"
    issue = f"{shapes.here}/issues/{pull.number}"
    page = f"{shapes.page}/pull/{pull.number}"
    addresses = {
        "comments": f"{issue}/comments",
        "commits": f"{here}/commits",
        "review_comment": f"{shapes.here}/pulls/comments{{/number}}",
        "review_comments": f"{here}/comments",
        "statuses": f"{shapes.here}/statuses/{pull.head_sha}",
    }
    links = {"self": here, "html": page, "issue": issue, **addresses}
    return {
        "id": pull.id,
        "node_id": node("PullRequest", pull.id),
        "number": pull.number,
        "url": here,
        "html_url": page,
        "issue_url": issue,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        **{f"{name}_url": address for name, address in addresses.items()},
        "_links": {name: {"href": address} for name, address in links.items()},
        "state": pull.state,
        "locked": False,
        "draft": pull.draft,
        "title": pull.title,
        "body": pull.body,
        "user": shapes.user(pull.user),
        "labels": [label(shapes, name) for name in pull.labels],
        "head": _end(shapes, pull.head, pull.head_sha),
        "base": _end(shapes, pull.base, pull.base_sha),
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": shapes.user(pull.assignees[0]) if pull.assignees else None,
        "assignees": [shapes.user(login) for login in pull.assignees],
        "requested_reviewers": [shapes.user(login) for login in pull.reviewers],
        "requested_teams": [team(shapes, slug) for slug in pull.teams],
        "milestone": None,
        "author_association": shapes.association(pull.user),
        "auto_merge": _auto_merge(shapes, pull),
    }


def _auto_merge(shapes: Shapes, pull: Pull) -> Json | None:
    how = pull.auto_merge
    if how is None:
        return None
    return {
        "enabled_by": shapes.user(how.user),
        "merge_method": how.method,
        "commit_title": how.title or "",
        "commit_message": how.message or "",
    }


def full(shapes: Shapes, pull: Pull) -> Json:
    """A single pull request: with what Git knows about it."""
    fork, fits = shapes.pulls.fork(pull), gate.fits(shapes.pulls, pull)
    files, additions, deletions = shapes.bare.counted(fork, pull.head_sha)
    return {
        **show(shapes, pull),
        "merged": pull.merged_at is not None,
        "merged_by": shapes.user(pull.merged_by) if pull.merged_by else None,
        "mergeable": fits,
        "mergeable_state": gate.standing(shapes.pulls, pull).state.lower(),
        "rebaseable": fits,
        "maintainer_can_modify": pull.maintainer_can_modify,
        "comments": len(pull.comments),
        "review_comments": 0,
        "commits": len(shapes.bare.commits(fork, pull.head_sha)),
        "additions": additions,
        "deletions": deletions,
        "changed_files": files,
    }


def _end(shapes: Shapes, branch: str, commit: str) -> Json:
    return {
        "label": f"{shapes.hub.owner}:{branch}",
        "ref": branch,
        "sha": commit,
        "user": shapes.user(shapes.hub.owner),
        "repo": shapes.repository(),
    }


def review(shapes: Shapes, pull: Pull, review: Review) -> Json:
    """A review."""
    page = f"{shapes.page}/pull/{pull.number}#pullrequestreview-{review.id}"
    here = f"{shapes.here}/pulls/{pull.number}"
    return {
        "id": review.id,
        "node_id": node("PullRequestReview", review.id),
        "user": shapes.user(review.user),
        "body": review.body,
        "state": review.state,
        "commit_id": review.commit,
        "submitted_at": review.submitted_at,
        "html_url": page,
        "pull_request_url": here,
        "_links": {"html": {"href": page}, "pull_request": {"href": here}},
        "author_association": shapes.association(review.user),
    }


def comment(shapes: Shapes, number: int, comment: Comment) -> Json:
    """A comment on the pull request, or issue, with this number."""
    return {
        "id": comment.id,
        "node_id": node("IssueComment", comment.id),
        "url": f"{shapes.here}/issues/comments/{comment.id}",
        "html_url": f"{shapes.page}/pull/{number}#issuecomment-{comment.id}",
        "issue_url": f"{shapes.here}/issues/{number}",
        "user": shapes.user(comment.user),
        "body": comment.body,
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": shapes.association(comment.user),
    }


def team(shapes: Shapes, slug: str) -> Json:
    """A team of the organisation."""
    number, owner = shapes.hub.teams[slug].id, shapes.hub.owner
    here = f"{shapes.api}/orgs/{quote(owner)}/teams/{quote(slug)}"
    return {
        "id": number,
        "node_id": node("Team", slug),
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "push",
        "type": "organization",
        "url": here,
        "html_url": f"{shapes.site}/orgs/{quote(owner)}/teams/{quote(slug)}",
        "members_url": f"{here}/members{{/member}}",
        "repositories_url": f"{here}/repos",
        "parent": None,
    }


def issue(shapes: Shapes, pull: Pull) -> Json:
    """A pull request as the issues API shows it."""
    shown = show(shapes, pull)
    here = f"{shapes.here}/issues/{pull.number}"
    same = (
        "number", "state", "locked", "title", "body", "user", "labels", "assignee", "assignees", "milestone",
        "created_at", "updated_at", "closed_at", "author_association", "draft", "html_url", "comments_url",
    )  # fmt: skip
    return {
        **{name: shown[name] for name in same},
        "id": pull.id,
        "node_id": node("PullRequest", pull.id),
        "url": here,
        "repository_url": shapes.here,
        "labels_url": f"{here}/labels{{/name}}",
        "events_url": f"{here}/events",
        "timeline_url": f"{here}/timeline",
        "comments": len(pull.comments),
        "active_lock_reason": None,
        "state_reason": None,
        "pull_request": {name: shown[name] for name in ("url", "html_url", "diff_url", "patch_url", "merged_at")},
    }
