"""GitHub's refusals, as github.com answers them, and the words that the user sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import requests
import responses
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from gitops_bot.edges.github.failure import Refused, explain
from gitops_bot.edges.github.forge import GitHub
from gitops_bot.errors import ForgeError, Problem
from tests.counterparts.clock import StillClock
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GRAPHQL = "https://api.github.com/graphql"
PULLS = "https://api.github.com/repos/acme/deploy/pulls"
BRANCH = "gitops-bot/production/all"


def github() -> GitHub:
    return GitHub("acme/deploy", "ghs_secret", clock=StillClock(NOW), warn=lambda _: None)


def reading() -> Problem:
    with pytest.raises(ForgeError) as error:
        github().find([BRANCH], "main")
    return error.value.problem


def writing() -> Problem:
    with pytest.raises(ForgeError) as error:
        github().open(branch=BRANCH, base="main", title="t", body="b", draft=False)
    assert "ghs_secret" not in str(error.value)
    return error.value.problem


POOL = HTTPConnectionPool("api.github.com")
SILENCE = MaxRetryError(POOL, "/", ReadTimeoutError(POOL, "/", "Read timed out."))
INVALID = "Validation Failed; "
WORKFLOW = "the token of this workflow or GitHub App may not do that"
#: Status and message of a refused write, what it means, and a part of the next step.
REFUSED: tuple[tuple[int, str, str, str], ...] = (
    (401, "Bad credentials", "does not accept the token", "not expired"),
    (403, "GitHub Actions is not permitted to create or approve pull requests.",
        "GitHub Actions may not create pull requests", "Workflow permissions, for the organisation and the repository"),
    (403, "Resource not accessible by integration", WORKFLOW, "{contents: write, pull-requests: write}"),
    (403, "Resource not accessible by personal access token", "fine-grained token may not", "read and write access"),
    (403, "Repository was archived so is read-only.", "the repository is archived", "unarchive it"),
    (403, "Resource protected by organization SAML enforcement. You must grant your token access.",
        "the organisation requires single sign-on", "Configure SSO"),
    (403, "the `acme` organization has an IP allow list enabled, and your IP address is not permitted.",
        "does not allow this machine's IP address", "IP allow list"),
    (403, "Forbidden", "the token has no write access", "`contents: write`"),
    (404, "Not Found", "the token can read but not write", "`pull-requests: write`"),
    (422, f"{INVALID}No commits between main and x", "no commits that its base lacks", "run again"),
    (422, f"{INVALID}head invalid", "the branch to propose does not exist", "somebody has deleted it"),
    (422, f"{INVALID}base invalid", "the branch to merge into does not exist", "correct `branch:`"),
    (422, f"{INVALID}Something new", "GitHub says: Validation Failed; Something new", "see GitHub's message"),
    (307, "", "acme/deploy has moved", "the repository's current name"),
    (502, "Server Error", "it answered 502 (GitHub says: Server Error)", "githubstatus.com"),
    (418, "", "answered 418", "run again"),
    (413, "timed out", "api.github.com timed out answering about acme/deploy", "run again later"),
)  # fmt: skip


@pytest.mark.parametrize(("status", "said", "message", "way_out"), REFUSED)
def test_a_refusal_says_what_it_is_and_the_way_out(status: int, said: str, message: str, way_out: str) -> None:
    refused = Refused(status, said, {}, write=True)
    problem = explain(refused, repository="acme/deploy", host="api.github.com", now=NOW).problem
    assert problem.code == ("failed.auth" if status in (401, 403, 404) else "failed.forge")
    assert message in problem.message
    assert way_out in problem.next


@responses.activate
def test_a_classic_token_without_the_scope_says_so() -> None:
    scopes = {"X-OAuth-Scopes": "read:org", "X-Accepted-OAuth-Scopes": "repo"}
    responses.post(PULLS, json={"message": "Must have admin rights to Repository."}, status=403, headers=scopes)
    problem = writing()
    assert "the classic token lacks a scope (GitHub says: Must have admin rights" in problem.message
    assert "the scope `repo`" in problem.next


def spent(**delta: int) -> dict[str, str]:
    return {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int((NOW + timedelta(**delta)).timestamp()))}


@rows("headers way_out", {
    "for long": (spent(days=40_000), "run again after 2135-"),
    "minutes": ({"retry-after": "1380"}, "run again after 2026-01-02 03:27:05 UTC (in 23 min)"),
    "seconds": (spent(seconds=119), "run again after 2026-01-02 03:06:04 UTC (in 119 s)"),
    "two minutes": (spent(seconds=120), "UTC (in 2 min)"),
    "it has ended": (spent(seconds=-90), "UTC (in 0 s)"),
    "without a time": ({}, "run again in a few minutes"),
})  # fmt: skip
def test_a_rate_limit_says_when_it_ends(headers: Mapping[str, str], way_out: str) -> None:
    refused = Refused(429, "Too many requests", headers, write=False)
    problem = explain(refused, repository="acme/deploy", host="api.github.com", now=NOW).problem
    assert (problem.code, problem.message) == ("failed.forge", "the rate limit of api.github.com is used up")
    assert way_out in problem.next


@responses.activate
def test_a_refusal_in_graphql_says_the_same_as_one_in_rest() -> None:
    error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1.", "path": ["repository"]}
    responses.post(GRAPHQL, json={"data": {"repository": None}, "errors": [error]}, headers=spent(seconds=90))
    problem = reading()
    assert (problem.code, problem.message) == ("failed.forge", "the rate limit of api.github.com is used up")
    assert "run again after 2026-01-02 03:05:35 UTC (in 90 s)" in problem.next


@responses.activate
@rows("raised message way_out", {
    "connection": (requests.exceptions.ConnectionError("token ghs_secret"), "cannot be reached", "check the network"),
    "timeout after the last try": (
        requests.exceptions.ConnectionError(SILENCE), "did not answer within 15 seconds", "githubstatus.com",
    ),
    "certificate": (requests.exceptions.SSLError("x"), "a certificate that is not trusted", "REQUESTS_CA_BUNDLE"),
    "proxy": (requests.exceptions.ProxyError("http://user:pass@proxy"), "cannot be reached", "the proxy"),
})  # fmt: skip
def test_github_that_cannot_be_reached_says_so_without_the_librarys_words(
    raised: Exception, message: str, way_out: str
) -> None:
    responses.post(PULLS, body=raised)
    problem = writing()
    assert problem.message.startswith("api.github.com ")
    assert message in problem.message
    assert way_out in problem.next
    assert "pass" not in str(problem)


def test_a_repository_that_cannot_be_seen_names_every_way_why() -> None:
    refused = Refused(404, "Not Found", {}, write=False)
    problem = explain(refused, repository="acme/deploy", host="api.github.com", now=NOW).problem
    assert problem.message == "acme/deploy does not exist, or the token cannot see it (GitHub says: Not Found)"
    assert "a fine-grained token must include this repository" in problem.next
