"""The conversation of a pull request: labels, comments, assignees, review requests and reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import activity
from gitops_bot.demo.hub import Comment, Labelled, Review
from gitops_bot.demo.pulls import ACTIONS, check_length
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitops_bot.demo.hub import Pull, ReviewState
    from gitops_bot.demo.pulls import PullRequests

#: GitHub's limit.
_ASSIGNEES = 10
_EVENTS: dict[str, ReviewState] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
    "": "PENDING",
}


def label(pulls: PullRequests, pull: Pull, names: Sequence[str]) -> None:
    """Set the labels; creates those that the repository does not have."""
    for name in names:
        if not name.strip() or len(name) > 50:
            raise invalid("invalid", "Label", field="name")
        if name not in pulls.hub.labels:
            pulls.hub.labels[name] = pulls.hub.next_id()
        if name not in pull.labels:
            pull.labelled.append(Labelled(pulls.hub.next_id(), name, activity.moment(pulls.hub, pulls.moment())))
    pull.labels = list(dict.fromkeys(names))
    pull.updated_at = pulls.time()


def comment(pulls: PullRequests, pull: Pull, *, user: str, body: str) -> Comment:
    """Add a comment."""
    if not body.strip():
        raise invalid("missing_field", "IssueComment", field="body")
    check_length(body, "IssueComment")
    now = pulls.time()
    added = Comment(pulls.hub.next_id(), user, body, now, now)
    pull.comments.append(added)
    pull.updated_at = now
    return added


def edit_comment(pulls: PullRequests, edited: Comment, body: str) -> None:
    """Replace the text of a comment."""
    check_length(body, "IssueComment")
    edited.body, edited.updated_at = body, pulls.time()


def find_comment(pulls: PullRequests, number: int) -> tuple[Pull, Comment]:
    """The comment with this ID, and its pull request."""
    for pull in pulls.hub.pulls.values():
        for candidate in pull.comments:
            if candidate.id == number:
                return pull, candidate
    raise Invalid(404, "Not Found")


def assign(pulls: PullRequests, pull: Pull, people: Sequence[str]) -> None:
    """Set the assignees. Like GitHub, this silently drops people without access to the repository."""
    pull.assignees = [login for login in dict.fromkeys(people) if login in pulls.people][:_ASSIGNEES]
    pull.updated_at = pulls.time()


def request_reviews(pulls: PullRequests, pull: Pull, reviewers: Sequence[str], teams: Sequence[str]) -> None:
    """Request reviews from people, and from teams by their slugs."""
    if pull.user in reviewers:
        raise Invalid(422, "Review cannot be requested from pull request author.")
    _check_collaborators(pulls, reviewers, teams)
    pull.reviewers = list(dict.fromkeys([*pull.reviewers, *reviewers]))
    pull.teams = list(dict.fromkeys([*pull.teams, *teams]))
    pull.updated_at = pulls.time()


def withdraw_requests(pulls: PullRequests, pull: Pull, reviewers: Collection[str], teams: Collection[str]) -> None:
    """Withdraw review requests."""
    _check_collaborators(pulls, reviewers, teams)
    pull.reviewers = [login for login in pull.reviewers if login not in reviewers]
    pull.teams = [slug for slug in pull.teams if slug not in teams]
    pull.updated_at = pulls.time()


def _check_collaborators(pulls: PullRequests, people: Collection[str], teams: Collection[str]) -> None:
    if set(people) <= set(pulls.people) and set(teams) <= set(pulls.hub.teams):
        return
    who = "users or teams" if people else "teams"
    raise Invalid(
        422,
        f"Reviews may only be requested from collaborators. One or more of the {who} you specified is not a "
        f"collaborator of the {pulls.hub.full_name} repository.",
    )


def review(pulls: PullRequests, pull: Pull, *, user: str, event: str, body: str, commit: str | None) -> Review:
    """Add a review: approve, request changes, or comment."""
    if event not in _EVENTS:
        raise Invalid(422, "Unprocessable Entity", [f"Variable $event has the invalid value {event[:40]}"])
    if user == pull.user and event in ("APPROVE", "REQUEST_CHANGES"):
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise Invalid(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
    if user == ACTIONS and event == "APPROVE" and not pulls.hub.settings.actions_may_propose:
        raise Invalid(422, "Unprocessable Entity", ["GitHub Actions is not permitted to approve pull requests."])
    if event in ("REQUEST_CHANGES", "COMMENT") and not body.strip():
        raise Invalid(422, "Unprocessable Entity", [f"Review body is required for {event}"])
    added = Review(pulls.hub.next_id(), user, _EVENTS[event], body, commit or pull.head_sha, pulls.time())
    pull.reviews.append(added)
    pull.reviewers = [login for login in pull.reviewers if login != user]
    pull.teams = [slug for slug in pull.teams if user not in pulls.hub.teams[slug].members]
    pull.updated_at = pulls.time()
    return added


def dismiss(pulls: PullRequests, pull: Pull, number: int, message: str) -> Review:
    """Dismiss a review."""
    dismissed = next((review for review in pull.reviews if review.id == number), None)
    if dismissed is None:
        raise Invalid(404, "Not Found")
    if not message.strip():
        raise Invalid(422, "Validation Failed")
    if dismissed.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise Invalid(422, "Can not dismiss a commented pull request review")
    dismissed.state = "DISMISSED"
    pull.updated_at = pulls.time()
    return dismissed


def latest_opinions(pull: Pull) -> list[Review]:
    """The last review of each person that approves, requests changes or was dismissed."""
    latest: dict[str, Review] = {}
    for review in pull.reviews:
        if review.state not in ("PENDING", "COMMENTED"):
            latest.pop(review.user, None)
            latest[review.user] = review
    return list(latest.values())
