"""Pull requests are opened, refreshed and closed by as few requests as possible; what the rate limit has left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError, UsageError
from gitops_bot.proposals.pull_request import RateLimit
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    NO_GRAPHQL,
    TOKEN,
    Bot,
    having,
    listed,
    opened,
    playing,
    pull,
    recorded,
    said,
)
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping


CREATE, EDIT = "POST /pulls", "PATCH /pulls/1"
TEXTS: Mapping[str, Any] = {"branch": BRANCH, "base": BASE, "title": "web v2", "body": "what", "draft": False}


def created(**changes: Any) -> Answer:
    return Answer.json(201, pull(**changes))


def edited(**changes: Any) -> Answer:
    return Answer.json(200, pull(**changes))


# --- what the rate limit has left ---------------------------------------------------------------------------------

RESET = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)


def limited(remaining: object = 42, reset: object = int(RESET.timestamp()), resource: str = "core") -> dict[str, str]:
    told = {"Remaining": remaining, "Reset": reset, "Resource": resource}
    return {f"X-RateLimit-{name}": str(value) for name, value in told.items()}


def test_what_is_left_is_known_from_the_last_answer() -> None:
    answers = [Answer.json(201, pull(), limited(43)), Answer.json(201, pull(), limited(42))]
    with playing({CREATE: answers}) as script:
        for _ in answers:
            script.bot.forge.open(**TEXTS)
        assert script.bot.forge.rate_limit() == RateLimit(42, RESET)
        assert script.asked == [CREATE, CREATE]


@rows("headers", {
    "no header": {},
    "another limit": limited(resource="search"),
    "no number": limited(remaining="many"),
    "no moment": limited(reset="9" * 11),
})  # fmt: skip
def test_what_no_answer_has_told_is_asked_for(headers: Mapping[str, str]) -> None:
    document = recorded("GET", "//rate_limit", 200)
    core = {**document["resources"]["core"], "remaining": 7, "reset": int(RESET.timestamp())}
    rates = {**document, "resources": {**document["resources"], "core": core}}
    plays = {CREATE: Answer.json(201, pull(), headers), "GET //rate_limit": Answer.json(200, rates)}
    with playing(plays) as script:
        script.bot.forge.open(**TEXTS)
        assert script.bot.forge.rate_limit() == RateLimit(7, RESET)
        assert script.asked == [CREATE, "GET //rate_limit"]


@pytest.mark.parametrize(
    "answer",
    [said(404, "Rate limiting is not enabled."), Answer.json(200, {}), Answer.json(200, {"resources": {"core": 7}})],
    ids=["none", "empty", "no numbers"],
)
def test_a_server_without_a_limit_has_none(answer: Answer) -> None:
    with playing({"GET //rate_limit": answer}) as script:
        assert script.bot.forge.rate_limit() is None


# --- open ---------------------------------------------------------------------------------------------------------


def test_a_repository_without_drafts_gets_it_as_ready_and_that_is_told() -> None:
    refusal = said(422, "Draft pull requests are not supported in this repository.")
    with playing({CREATE: [refusal, created()]}) as script:
        assert script.bot.forge.open(**{**TEXTS, "draft": True}).number == 1
        assert ["draft" in each for each in script.sent] == [True, False]
        (warning,) = script.warned
    assert "acme/deploy does not support drafts" in warning
    assert "remove `draft:`" in warning


EXISTS: Mapping[str, Any] = {
    "errors": [
        {"resource": "PullRequest", "code": "custom", "message": f"A pull request already exists for acme:{BRANCH}."}
    ]
}


def test_a_branch_that_has_a_pull_request_gets_no_second_one() -> None:
    plays = {
        CREATE: said(422, "Validation Failed", **EXISTS),
        "GET /pulls": Answer.json(200, [listed(title="web v1")]),
        EDIT: edited(),
    }
    with playing(plays) as script:
        assert script.bot.forge.open(**TEXTS).number == 1
        assert script.asked == [CREATE, "GET /pulls", EDIT]
        assert script.sent[-1] == {"title": "web v2"}
        (_, target, _) = script.server.seen[1]
    assert "head=acme%3Agitops-bot%2Fproduction%2Fall&" in target
    with (
        playing({**plays, "GET /pulls": Answer.json(200, [])}) as script,
        pytest.raises(ForgeError, match="already exists"),
    ):
        script.bot.forge.open(**TEXTS)


# --- refresh ------------------------------------------------------------------------------------------------------


@rows("title body sent", {
    "the title": ("web v3", "what", {"title": "web v3"}),
    "the body": ("web v2", "more", {"body": "more"}),
})  # fmt: skip
def test_a_refresh_writes_only_what_differs(title: str, body: str, sent: Mapping[str, str]) -> None:
    ended = edited(title=title, body=body, state="closed", merged_at="2026-01-02T03:04:05Z")
    with playing({"Proposals": having(opened()), EDIT: ended}) as script:
        script.bot.forge.find([BRANCH], BASE)
        found = script.bot.forge.refresh(1, title=title, body=body)
        assert script.sent[1:] == [sent]
    assert (found.title, found.body, found.state) == (title, body, "merged")


def test_what_rest_does_not_tell_of_a_pull_request_stays_known() -> None:
    comment = {"databaseId": 7, "body": "<!-- gitops-bot:x -->", "viewerDidAuthor": True}
    before = opened(reviewDecision="APPROVED", isInMergeQueue=True, comments={"nodes": [comment]})
    with playing({"Proposals": having(before), EDIT: edited(title="new")}) as script:
        (found,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        again = script.bot.forge.refresh(1, title="new", body="what")
    assert (again.approved, again.queued, again.comments) == (True, True, found.comments)


def test_a_title_and_a_body_that_are_too_long_are_cut_to_what_github_takes() -> None:
    cut = {"title": "x" * 255 + "…", "body": "y" * 65_536}
    with playing({CREATE: created(**cut)}) as script:
        script.bot.forge.open(**{**TEXTS, "title": "x" * 300, "body": "y" * 70_000})
        assert script.sent == [{**cut, "head": BRANCH, "base": BASE}]
        script.bot.forge.refresh(1, title="x" * 300, body="y" * 70_000)
        assert script.asked == [CREATE]


# --- by REST, only our own branch ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repository", "found"),
    [("Acme/Deploy", 1), ("mallory/deploy", 0), ("acme/deploy-fork", 0), (None, 0)],
    ids=["ours, in other letters", "a fork", "a fork of the same owner", "a fork that was deleted"],
)
def test_only_our_own_branch_is_found_whatever_github_lists(repository: str | None, found: int) -> None:
    whole, other = listed(state="closed"), listed(number=2, state="closed")
    other["head"] |= {"ref": f"{BRANCH}2"}  # the filter was ignored
    whole["head"] |= {"repo": repository and whole["head"]["repo"] | {"full_name": repository}}
    with playing({"Proposals": NO_GRAPHQL, "GET /pulls": Answer.json(200, [whole, other])}, broken=True) as script:
        assert len(script.bot.forge.find([BRANCH], BASE)[BRANCH]) == found


# --- where no token may go, and what is none ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1.example.com", "anyone in between could read the token"),
        ("http://10.0.0.1", "anyone in between could read the token"),
        ("ftp://github.com", "is not an API URL"),
        ("https://user:secret@github.com", "is not an API URL"),
        ("https://github.com/?x=1", "is not an API URL"),
        ("https://", "is not an API URL"),
        ("https://[", "is not an API URL"),
        ("https://host:port", "is not an API URL"),
    ],
)
def test_an_address_to_which_no_token_may_go_is_refused(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        Bot(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("token", ["", "ghs_x\n", "ghs_x y", "ghs_é"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(UsageError) as error:
        Bot("https://api.github.com", token)
    assert "the GitHub token is empty or has invalid characters" in str(error.value)
    assert "ghs_" not in str(error.value)


@pytest.mark.parametrize("repository", ["", "acme", "acme/deploy/x", "acme/..", "acme/de ploy"])
def test_a_repository_that_is_none_is_refused(repository: str) -> None:
    with pytest.raises(UsageError, match="is not a repository on GitHub"):
        Bot("https://api.github.com", repository=repository)


def test_closing_is_one_request_with_the_text_and_none_once_that_is_so() -> None:
    text = "what\n<!-- closed by gitops-bot -->"
    with playing({"GET /pulls/1": edited(), EDIT: edited(state="closed", body=text)}) as script:
        for _ in range(2):
            done = script.bot.forge.close(1, body=text)
            assert (done.state, done.body) == ("closed", text)
        assert (script.asked, script.sent[1]) == (["GET /pulls/1", EDIT], {"state": "closed", "body": text})


def test_one_that_is_open_into_another_base_is_found_unless_there_is_one_into_this() -> None:
    elsewhere, here = opened(number=1, baseRefName="release"), opened(number=2)
    for pulls, expected in (([elsewhere], [(1, "release", True)]), ([elsewhere, here], [(2, BASE, False)])):
        with playing({"Proposals": having(*pulls)}) as script:
            found = script.bot.forge.find([BRANCH], BASE)[BRANCH]
        assert [(pull.number, pull.base, pull.retargeted) for pull in found] == expected


def test_the_token_is_in_nothing_that_can_be_printed() -> None:
    with playing({"Proposals": said(401, f"Bad credentials: {TOKEN}")}) as script:
        with pytest.raises(ForgeError) as error:
            script.bot.forge.find([BRANCH], BASE)
        told = (
            f"{error.value} {error.value!r} {script.bot.forge!r} {error.value.__cause__!r} {error.value.__context__!r}"
        )
    assert error.value.problem.code == "failed.auth"
    assert TOKEN not in told
