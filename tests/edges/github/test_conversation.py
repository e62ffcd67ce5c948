"""Labels, reviewers, assignees and comments: one request each; a proposal continues without what is not possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import BASE, BRANCH, NO_GRAPHQL, playing, pull, recorded, said, unreadable
from tests.tables import rows

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


def test_only_labels_that_are_missing_are_added_and_each_once_and_nobody_is_not_asked() -> None:
    plays = {PULL: seen(labels=labelled("Release")), LABELS: Answer.json(200, labelled("Release", "bot"))}
    with playing(plays) as script:
        script.bot.forge.label(1, ["release", "bot", "bot"])
        script.bot.forge.label(1, ["Bot", "release"])
        script.bot.forge.ask_for_review(1, [], [])
        script.bot.forge.assign(1, [])
        assert script.asked == [PULL, LABELS]
        assert script.sent[-1] == {"labels": ["bot"]}


COLLABORATORS = "One or more of the users or teams you specified is not a collaborator of the acme/deploy repository."
NODE: Mapping[str, Any] = {"errors": ["Could not resolve to a node with the global id of 'MDQ6VGVhbTMyNzAxOTA='."]}
INTEGRATION = "Resource not accessible by integration"
#: Which request is refused, for whom or what, what is told, and the next step.
REFUSED: dict[str, tuple[str, Any, Answer, str, str]] = {
    "a label, 403": (LABELS, ["release"], said(403, INTEGRATION), "the labels release", "or remove `labels:`"),
    "a label, 404": (LABELS, ["release"], said(404, "Not Found"), "the labels release", "give the token `pull-"),
    "a label, 422": (LABELS, ["release"], said(422, "Validation Failed"), "the labels release", "or remove `labels:`"),
    "the author": (REVIEWERS, (["bot"], []), said(422, "Review cannot be requested from pull request author."),
        "a review by bot", "remove the bot's own account from `reviewers:`"),
    "somebody without access": (REVIEWERS, (["mallory"], []), said(422, COLLABORATORS), "a review by mallory",
        "give these people and teams"),
    "a team that the token cannot see": (REVIEWERS, ([], ["platform"]), said(422, "Validation Failed", **NODE),
        "a review by team:platform", "the token cannot see this team"),
    "a review, 403": (REVIEWERS, ([], ["platform"]), said(403, INTEGRATION), "a review by team:platform",
        "`pull-requests: write`"),
    "a review, for another reason": (REVIEWERS, (["alice"], []), said(422, "Something new"),
        "GitHub says: Something new", "correct `reviewers:`"),
    "an assignee, 403": (ASSIGNEES, ["bob"], said(403, "no"), "the assignees bob", "correct `assignees:`"),
    "an assignee, 410": (ASSIGNEES, ["bob"], said(410, "no"), "the assignees bob", "assign people with write access"),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "who", "refusal", "told", "way_out"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_once_with_the_way_out_and_the_proposal_goes_on(
    request_: str, who: Any, refusal: Answer, told: str, way_out: str
) -> None:
    with playing({PULL: seen(), request_: refusal}) as script:
        forge = script.bot.forge
        for _ in range(2):
            if request_ == REVIEWERS:
                forge.ask_for_review(1, *who)
            else:
                (forge.label if request_ == LABELS else forge.assign)(1, who)
        (warning,) = script.warned
    assert "pull request #1 continues without " in warning
    assert told in warning.partition(" -> ")[0]
    assert way_out in warning.partition(" -> ")[2]


@pytest.mark.parametrize(
    "answer",
    [said(401, "no"), said(500, "no"), said(429, "slow down", {"Retry-After": "3600"})],
    ids=["token", "fault", "limit"],
)
def test_what_is_no_refusal_of_a_label_is_no_warning(answer: Answer) -> None:
    with playing({PULL: seen(), LABELS: answer}) as script:
        with pytest.raises(ForgeError):
            script.bot.forge.label(1, ["release"])
        assert script.warned == []


def test_the_name_of_a_label_cannot_lead_elsewhere() -> None:
    with playing({"DELETE /issues/1/labels/a/../../b?c#d": Answer.json(200, [])}, broken=True) as script:
        script.bot.forge.unlabel(1, "a/../../b?c#d")
        (_, target, _) = script.server.seen[0]
    assert target.endswith("/issues/1/labels/a%2F..%2F..%2Fb%3Fc%23d")


def test_a_label_that_may_not_be_taken_away_is_an_error_unless_it_is_gone() -> None:
    path = "DELETE /issues/1/labels/hold"
    for refusal in (said(403, INTEGRATION), said(404, "Not Found")):
        with playing({path: refusal}) as script, pytest.raises(ForgeError, match="pull-requests: write"):
            script.bot.forge.unlabel(1, "hold")
    with playing({path: said(404, "Label does not exist")}) as script:
        script.bot.forge.unlabel(1, "hold")


# --- reviewers ----------------------------------------------------------------------------------------------------


def test_a_team_that_cannot_be_asked_does_not_keep_people_from_being_asked() -> None:
    fine = Answer.json(201, recorded("POST", "/pulls/{pull_number}/requested_reviewers", 201))
    with playing({REVIEWERS: [said(422, "Validation Failed", **NODE), fine]}) as script:
        script.bot.forge.ask_for_review(1, ["alice"], ["platform"])
        assert script.sent == [{"reviewers": ["alice"], "team_reviewers": ["platform"]}, {"reviewers": ["alice"]}]
        (warning,) = script.warned
    assert "without a review by team:platform:" in warning
    assert "make the team visible" in warning


# --- assignees ----------------------------------------------------------------------------------------------------


def assigned(*logins: str) -> Answer:
    example = recorded("POST", "/issues/{issue_number}/assignees", 201)
    return Answer.json(201, {**example, "assignees": [{**example["user"], "login": login} for login in logins]})


def test_whom_github_leaves_out_without_a_word_is_told() -> None:
    with playing({ASSIGNEES: assigned("bob")}) as script:
        script.bot.forge.assign(1, ["bob", "mallory"])
        (warning,) = script.warned
    assert "did not assign mallory to pull request #1" in warning
    assert "assign people with write access" in warning


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        (ASSIGNEES, Answer.json(201, {"assignees": None})),
        (ASSIGNEES, Answer.json(201, {"assignees": [7]})),
        *(
            (each, answer)
            for each in (ASSIGNEES, LABELS, REVIEWERS)
            for answer in (Answer(204), Answer.json(200, None))
        ),
    ],
)
def test_an_answer_that_does_not_say_that_it_was_done_is_an_error(wanted: str, answer: Answer) -> None:
    with unreadable({PULL: seen(), wanted: answer}) as script:
        match wanted:
            case "POST /issues/1/labels":
                script.bot.forge.label(1, ["release"])
            case "POST /issues/1/assignees":
                script.bot.forge.assign(1, ["bob"])
            case _:
                script.bot.forge.ask_for_review(1, ["bob"], [])


POST, PATCH, READ = "POST /issues/1/comments", "PATCH /issues/comments/7", "GET /issues/1/comments"
DELETE = "DELETE /issues/comments/9"
TEXT = "<!-- gitops-bot:person -->\nleft alone"


def written(status: int = 201) -> Answer:
    return Answer.json(status, recorded("POST", "/issues/{issue_number}/comments", 201))


def comments(*found: str | tuple[str, int, str]) -> Answer:
    """Comments by their texts, or by text, number and author."""
    (example,) = recorded("GET", "/issues/{issue_number}/comments", 200)
    each = [(one, 1, "octocat") if isinstance(one, str) else one for one in found]
    return Answer.json(
        200,
        [
            {**example, "body": body, "id": number, "user": {**example["user"], "login": login}}
            for body, number, login in each
        ],
    )


def test_of_a_comment_that_is_there_several_times_the_first_one_stays() -> None:
    read = comments((TEXT, 9, "octocat"), (TEXT, 8, "octocat"), ("other", 5, "octocat"), (TEXT, 4, "octodog"))
    with playing({POST: written(), READ: read, DELETE: said(404, "Not Found")}) as script:
        script.bot.forge.comment(1, TEXT)
        assert script.asked == [POST, READ, DELETE]


def test_a_comment_that_was_deleted_meanwhile_is_written_anew() -> None:
    with playing({PATCH: said(404, "Not Found"), POST: written(), READ: comments(TEXT)}) as script:
        script.bot.forge.comment(1, TEXT, edits=7)
        assert (script.asked, script.sent[1]) == ([PATCH, POST, READ], {"body": TEXT})


@pytest.mark.parametrize("edits", [None, 7])
def test_a_comment_that_is_not_allowed_is_an_error(edits: int | None) -> None:
    refusal = said(403, "Resource not accessible by integration")
    with playing({POST: refusal, PATCH: refusal}) as script, pytest.raises(ForgeError, match="may not do that"):
        script.bot.forge.comment(1, TEXT, edits=edits)


@rows("pages asked", {
    "said already": ([("hello", f"{TEXT}\r\n".replace("\n", "\r\n"))], [READ]),
    "three pages are read": ([("x",) * 100], [*[READ] * 3, POST, *[READ] * 3]),
})  # fmt: skip
def test_where_comments_were_not_found_before_the_same_is_not_said_twice(
    pages: list[tuple[str, ...]], asked: list[str]
) -> None:
    plays: dict[str, Any] = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, []),
        READ: [comments(*page) for page in pages],
        POST: written(),
    }
    with playing(plays) as script:
        script.bot.forge.find([BRANCH], BASE)
        script.asked.clear()
        script.bot.forge.comment(1, TEXT)
        assert script.asked == asked
