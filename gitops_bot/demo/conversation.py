"""What people and bots say of a pull request: labels, comments, who should look at it, and reviews."""

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

#: As many people as GitHub lets be assigned at once.
_ASSIGNEES = 10
_EVENTS: dict[str, ReviewState] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
    "": "PENDING",
}


def label(pulls: PullRequests, pull: Pull, names: Sequence[str]) -> None:
    """Give it exactly these labels; one that the repository does not have is made."""
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
    """Add to the conversation."""
    if not body.strip():
        raise invalid("missing_field", "IssueComment", field="body")
    check_length(body, "IssueComment")
    now = pulls.time()
    made = Comment(pulls.hub.next_id(), user, body, now, now)
    pull.comments.append(made)
    pull.updated_at = now
    return made


def edit_comment(pulls: PullRequests, said: Comment, body: str) -> None:
    """Give a comment another text."""
    check_length(body, "IssueComment")
    said.body, said.updated_at = body, pulls.time()


def find_comment(pulls: PullRequests, number: int) -> tuple[Pull, Comment]:
    """The comment with this id, and where it stands."""
    for pull in pulls.hub.pulls.values():
        for said in pull.comments:
            if said.id == number:
                return pull, said
    raise Invalid(404, "Not Found")


def assign(pulls: PullRequests, pull: Pull, people: Sequence[str]) -> None:
    """Assign exactly these people; who has no access to the repository is left out without a word, as on GitHub."""
    known = [each for each in dict.fromkeys(people) if each in pulls.people]
    pull.assignees = known[:_ASSIGNEES]
    pull.updated_at = pulls.time()


def ask(pulls: PullRequests, pull: Pull, reviewers: Sequence[str], teams: Sequence[str]) -> None:
    """Ask people, and teams by their slugs, for a review."""
    if pull.user in reviewers:
        raise Invalid(422, "Review cannot be requested from pull request author.")
    _check_collaborators(pulls, reviewers, teams)
    pull.reviewers = list(dict.fromkeys([*pull.reviewers, *reviewers]))
    pull.teams = list(dict.fromkeys([*pull.teams, *teams]))
    pull.updated_at = pulls.time()


def ask_no_more(pulls: PullRequests, pull: Pull, reviewers: Collection[str], teams: Collection[str]) -> None:
    """Take requests for a review back."""
    _check_collaborators(pulls, reviewers, teams)
    pull.reviewers = [each for each in pull.reviewers if each not in reviewers]
    pull.teams = [each for each in pull.teams if each not in teams]
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
    """Approve, ask for changes, or comment."""
    if event not in _EVENTS:
        raise Invalid(422, "Unprocessable Entity", [f"Variable $event has the invalid value {event[:40]}"])
    if user == pull.user and event in ("APPROVE", "REQUEST_CHANGES"):
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise Invalid(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
    if user == ACTIONS and event == "APPROVE" and not pulls.hub.settings.actions_may_propose:
        raise Invalid(422, "Unprocessable Entity", ["GitHub Actions is not permitted to approve pull requests."])
    if event in ("REQUEST_CHANGES", "COMMENT") and not body.strip():
        raise Invalid(422, "Unprocessable Entity", [f"Review body is required for {event}"])
    made = Review(pulls.hub.next_id(), user, _EVENTS[event], body, commit or pull.head_sha, pulls.time())
    pull.reviews.append(made)
    pull.reviewers = [each for each in pull.reviewers if each != user]
    pull.teams = [slug for slug in pull.teams if user not in pulls.hub.teams[slug].members]
    pull.updated_at = pulls.time()
    return made


def dismiss(pulls: PullRequests, pull: Pull, number: int, message: str) -> Review:
    """Let a review count no more."""
    found = next((each for each in pull.reviews if each.id == number), None)
    if found is None:
        raise Invalid(404, "Not Found")
    if not message.strip():
        raise Invalid(422, "Validation Failed")
    if found.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise Invalid(422, "Can not dismiss a commented pull request review")
    found.state = "DISMISSED"
    pull.updated_at = pulls.time()
    return found


def latest(pull: Pull, *, opinionated: bool) -> list[Review]:
    """The last review of each person; `opinionated`: the last one that approves, asks for changes or was dismissed."""
    last: dict[str, Review] = {}
    for each in pull.reviews:
        if each.state != "PENDING" and not (opinionated and each.state == "COMMENTED"):
            last.pop(each.user, None)
            last[each.user] = each
    return list(last.values())
