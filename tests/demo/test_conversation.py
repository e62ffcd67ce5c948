from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import conversation
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection, Team
from tests.counterparts.forge import commit
from tests.demo.sample import opened

if TYPE_CHECKING:
    from gitops_bot.demo.pulls import PullRequests


@pytest.mark.parametrize(
    ("people", "teams", "why"),
    [
        (["alice", "bot"], [], "Review cannot be requested from pull request author."),
        (["alice", "nobody"], ["platform"], "One or more of the users or teams you specified is not a collaborator"),
        ([], ["platform", "secret"], "One or more of the teams you specified is not a collaborator"),
    ],
)
def test_a_review_of_somebody_who_cannot_give_one_is_refused_as_a_whole(
    pulls: PullRequests, people: list[str], teams: list[str], why: str
) -> None:
    pulls.hub.teams["platform"] = Team(1, "platform")
    pull = opened(pulls)
    with pytest.raises(Invalid, match=why):
        conversation.request_reviews(pulls, pull, people, teams)
    assert (pull.reviewers, pull.teams) == ([], [])


def test_a_request_is_answered_by_a_review_and_the_last_word_of_each_person_counts(pulls: PullRequests) -> None:
    pulls.hub.teams |= {"platform": Team(1, "platform", ["alice"]), "web": Team(2, "web", ["bob"])}
    pull = opened(pulls)
    conversation.request_reviews(pulls, pull, ["alice", "bob"], ["platform", "web"])
    conversation.review(pulls, pull, user="alice", event="APPROVE", body="", commit=None)
    assert (pull.reviewers, pull.teams) == (["bob"], ["web"])
    for user, event in (("bob", "REQUEST_CHANGES"), ("alice", "COMMENT"), ("bob", "APPROVE"), ("bob", "")):
        conversation.review(pulls, pull, user=user, event=event, body="so", commit=None)
    last = {review.user: review.state for review in conversation.latest_opinions(pull)}
    assert last == {"alice": "APPROVED", "bob": "APPROVED"}


@pytest.mark.parametrize(
    ("dismisses", "change", "state"),
    [
        pytest.param(False, True, "APPROVED", id="where the base does not say so it stays"),
        pytest.param(True, True, "DISMISSED", id="a push that changes the diff"),
        pytest.param(True, False, "APPROVED", id="a push that changes nothing of the diff"),
    ],
)
def test_a_push_ends_an_approval_only_where_the_base_says_so(
    pulls: PullRequests, dismisses: bool, change: bool, state: str
) -> None:
    pulls.hub.protected["main"] = Protection(dismiss_stale=dismisses)
    pull = opened(pulls)
    conversation.review(pulls, pull, user="alice", event="APPROVE", body="", commit=None)
    conversation.review(pulls, pull, user="bob", event="REQUEST_CHANGES", body="no", commit=None)
    commit(pulls.bare, "fix", {"b.txt": b"b"} if change else {}, onto="fix", message="more\n")
    pulls.sync()
    assert [review.state for review in pull.reviews] == [state, "CHANGES_REQUESTED"]


def test_a_workflow_may_not_approve_where_the_repository_says_so(pulls: PullRequests) -> None:
    pull = opened(pulls)
    pulls.hub.settings.actions_may_propose = False
    with pytest.raises(Invalid) as error:
        conversation.review(pulls, pull, user="github-actions[bot]", event="APPROVE", body="", commit=None)
    assert error.value.errors == ("GitHub Actions is not permitted to approve pull requests.",)
    assert pull.reviews == []
