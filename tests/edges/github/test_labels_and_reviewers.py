"""Labels, reviewers, assignees: one request each, and a proposal continues without what is not possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import playing, pull, recorded, said

if TYPE_CHECKING:
    from collections.abc import Mapping

PULL, LABELS = "GET /pulls/1", "POST /issues/1/labels"
REVIEWERS, ASSIGNEES = "POST /pulls/1/requested_reviewers", "POST /issues/1/assignees"


def seen(**changes: Any) -> Answer:
    return Answer.json(200, pull(**changes))


def labelled(*names: str) -> list[Any]:
    example = recorded("POST", "/issues/{issue_number}/labels", 200)[0]
    return [{**example, "name": name} for name in names]


# --- labels -------------------------------------------------------------------------------------------------------


def test_only_labels_that_are_missing_are_added_and_each_once() -> None:
    plays = {PULL: seen(labels=labelled("Release")), LABELS: Answer.json(200, labelled("Release", "bot"))}
    with playing(plays) as script:
        script.bot.forge.label(1, ["release", "bot", "bot"])
        script.bot.forge.label(1, ["Bot", "release"])
        assert script.asked == [PULL, LABELS]
        assert script.sent[-1] == {"labels": ["bot"]}


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(said(403, "Resource not accessible by integration"), id="no permission"),
        pytest.param(said(404, "Not Found"), id="no permission, and it is not said"),
        pytest.param(said(410, "Issues are disabled for this repo"), id="no issues"),
        pytest.param(said(422, "Validation Failed"), id="no such label"),
    ],
)
def test_a_label_that_may_not_be_set_is_told_once_and_the_proposal_goes_on(refusal: Answer) -> None:
    with playing({PULL: seen(), LABELS: refusal}) as script:
        script.bot.forge.label(1, ["release"])
        script.bot.forge.label(1, ["release"])
        (warning,) = script.warned
    assert "pull request #1 continues without the labels release: " in warning
    assert "give the token `pull-requests: write`, or remove `labels:`" in warning


@pytest.mark.parametrize("status", [401, 500])
def test_what_is_no_refusal_of_a_label_is_no_warning(status: int) -> None:
    with playing({PULL: seen(), LABELS: said(status, "no")}) as script:
        with pytest.raises(ForgeError):
            script.bot.forge.label(1, ["release"])
        assert script.warned == []


def test_a_rate_limit_at_the_label_is_no_warning() -> None:
    limit = said(429, "slow down", {"Retry-After": "3600"})
    with playing({PULL: seen(), LABELS: limit}) as script:
        with pytest.raises(ForgeError, match="rate limit"):
            script.bot.forge.label(1, ["release"])
        assert script.warned == []


@pytest.mark.parametrize(
    "answer", [Answer.json(200, []), said(404, "Label does not exist")], ids=["it was there", "it was not"]
)
def test_a_label_is_taken_away_by_one_request(answer: Answer) -> None:
    plays = {
        PULL: seen(labels=labelled("Hand-Back")),
        "DELETE /issues/1/labels/hand-back": answer,
        LABELS: Answer.json(200, labelled("hand-back")),
    }
    with playing(plays) as script:
        script.bot.forge.unlabel(1, "hand-back")
        assert script.asked == ["DELETE /issues/1/labels/hand-back"]


def test_a_label_that_was_taken_away_is_missing_from_then_on() -> None:
    plays = {
        PULL: seen(labels=labelled("Hand-Back")),
        "DELETE /issues/1/labels/hand-back": Answer.json(200, []),
        LABELS: Answer.json(200, labelled("hand-back")),
    }
    with playing(plays) as script:
        script.bot.forge.label(1, [])
        script.bot.forge.unlabel(1, "hand-back")
        script.bot.forge.label(1, ["hand-back"])
        assert script.asked == [PULL, "DELETE /issues/1/labels/hand-back", LABELS]


def test_the_name_of_a_label_cannot_lead_elsewhere() -> None:
    with playing({"DELETE /issues/1/labels/a/../../b?c#d": Answer.json(200, [])}, broken=True) as script:
        script.bot.forge.unlabel(1, "a/../../b?c#d")
        (_, target, _) = script.server.seen[0]
    assert target.endswith("/issues/1/labels/a%2F..%2F..%2Fb%3Fc%23d")


@pytest.mark.parametrize("refusal", [said(403, "Resource not accessible by integration"), said(404, "Not Found")])
def test_a_label_that_may_not_be_taken_away_is_an_error(refusal: Answer) -> None:
    with (
        playing({"DELETE /issues/1/labels/hold": refusal}) as script,
        pytest.raises(ForgeError, match="pull-requests: write"),
    ):
        script.bot.forge.unlabel(1, "hold")


# --- reviewers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "teams", "sent"),
    [
        pytest.param(["alice"], [], {"reviewers": ["alice"]}, id="people"),
        pytest.param([], ["platform"], {"team_reviewers": ["platform"]}, id="teams"),
        pytest.param(["a", "b", "a"], ["x"], {"reviewers": ["a", "b"], "team_reviewers": ["x"]}, id="both, each once"),
    ],
)
def test_a_review_is_asked_for_by_one_request(people: list[str], teams: list[str], sent: Mapping[str, Any]) -> None:
    with playing(
        {REVIEWERS: Answer.json(201, recorded("POST", "/pulls/{pull_number}/requested_reviewers", 201))}
    ) as script:
        script.bot.forge.ask_for_review(1, people, teams)
        assert script.asked == [REVIEWERS]
        assert script.sent == [sent]
        assert script.warned == []


def test_nobody_to_ask_is_no_request() -> None:
    with playing({}) as script:
        script.bot.forge.ask_for_review(1, [], [])
        script.bot.forge.assign(1, [])
        assert script.asked == []


COLLABORATORS = (
    "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a "
    "collaborator of the acme/deploy repository."
)
NODE: Mapping[str, Any] = {"errors": ["Could not resolve to a node with the global id of 'MDQ6VGVhbTMyNzAxOTA='."]}


@pytest.mark.parametrize(
    ("people", "teams", "refusal", "told", "way_out"),
    [
        pytest.param(["bot"], [], said(422, "Review cannot be requested from pull request author."),
            "without a review by bot", "remove the bot's own account from `reviewers:`", id="the author"),
        pytest.param(["mallory"], [], said(422, COLLABORATORS), "without a review by mallory",
            "give these people and teams", id="somebody without access"),
        pytest.param([], ["platform"], said(422, "Validation Failed", **NODE), "without a review by team:platform",
            "the token cannot see this team", id="a team that the token cannot see"),
        pytest.param([], ["platform"], said(403, "Resource not accessible by integration"),
            "without a review by team:platform", "`pull-requests: write`", id="no permission"),
        pytest.param(["alice"], [], said(422, "Something new"), "GitHub says: Something new", "correct `reviewers:`",
            id="anything else"),
    ],
)  # fmt: skip
def test_a_review_that_cannot_be_asked_for_is_told_with_the_way_out(
    people: list[str], teams: list[str], refusal: Answer, told: str, way_out: str
) -> None:
    with playing({REVIEWERS: refusal}) as script:
        script.bot.forge.ask_for_review(1, people, teams)
        assert script.asked == [REVIEWERS]
        (warning,) = script.warned
    assert told in warning.partition(" -> ")[0]
    assert way_out in warning.partition(" -> ")[2]


def test_a_team_that_cannot_be_asked_does_not_keep_people_from_being_asked() -> None:
    fine = Answer.json(201, recorded("POST", "/pulls/{pull_number}/requested_reviewers", 201))
    with playing({REVIEWERS: [said(422, "Validation Failed", **NODE), fine]}) as script:
        script.bot.forge.ask_for_review(1, ["alice"], ["platform"])
        assert script.sent == [{"reviewers": ["alice"], "team_reviewers": ["platform"]}, {"reviewers": ["alice"]}]
        (warning,) = script.warned
    assert "without a review by team:platform:" in warning
    assert "make the team visible" in warning


def test_when_neither_can_be_asked_both_are_told_and_it_is_not_tried_a_third_time() -> None:
    with playing({REVIEWERS: said(422, COLLABORATORS)}) as script:
        script.bot.forge.ask_for_review(1, ["alice"], ["platform"])
        assert script.asked == [REVIEWERS, REVIEWERS]
        (warning,) = script.warned
    assert "without a review by alice, team:platform:" in warning


def test_a_rate_limit_at_the_review_is_no_warning() -> None:
    limit = said(403, "You have exceeded a secondary rate limit.", {"Retry-After": "3600"})
    with playing({REVIEWERS: limit}) as script, pytest.raises(ForgeError, match="rate limit"):
        script.bot.forge.ask_for_review(1, ["alice"], ["platform"])
    assert script.asked == [REVIEWERS]


# --- assignees ----------------------------------------------------------------------------------------------------


def assigned(*logins: str) -> Answer:
    example = recorded("POST", "/issues/{issue_number}/assignees", 201)
    return Answer.json(201, {**example, "assignees": [{**example["user"], "login": login} for login in logins]})


def test_people_are_assigned_by_one_request() -> None:
    with playing({ASSIGNEES: assigned("Bob", "ada")}) as script:
        script.bot.forge.assign(1, ["bob", "ada", "bob"])
        assert script.sent == [{"assignees": ["bob", "ada"]}]
        assert script.warned == []


def test_whom_github_leaves_out_without_a_word_is_told() -> None:
    with playing({ASSIGNEES: assigned("bob")}) as script:
        script.bot.forge.assign(1, ["bob", "mallory"])
        (warning,) = script.warned
    assert "did not assign mallory to pull request #1" in warning
    assert "assign people with write access" in warning


@pytest.mark.parametrize("status", [403, 404, 410, 422])
def test_assignees_that_may_not_be_set_are_told_and_the_proposal_goes_on(status: int) -> None:
    with playing({ASSIGNEES: said(status, "no")}) as script:
        script.bot.forge.assign(1, ["bob"])
        (warning,) = script.warned
    assert "continues without the assignees bob: " in warning
    assert "correct `assignees:`" in warning


@pytest.mark.parametrize("answer", [None, [], {}, {"assignees": None}, {"assignees": [7]}], ids=str)
def test_an_answer_that_tells_nothing_of_assignees_is_no_error(answer: Any) -> None:
    with playing({ASSIGNEES: Answer.json(201, answer)}, broken=True) as script:
        script.bot.forge.assign(1, ["bob"])
        assert len(script.warned) == (1 if answer == {"assignees": [7]} else 0)
