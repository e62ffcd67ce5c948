"""GitHub's refusals, as github.com answers them, and the words that the user sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
import responses
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from gitops_bot.edges.github.forge import GitHub
from gitops_bot.errors import ForgeError, Problem
from tests.counterparts.clock import StillClock

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


def invalid(**error: str) -> dict[str, Any]:
    return {"message": "Validation Failed", "errors": [{"resource": "PullRequest", **error}]}


def in_the_future(**delta: int) -> str:
    return str(int((NOW + timedelta(**delta)).timestamp()))


POOL = HTTPConnectionPool("api.github.com")
SILENCE = MaxRetryError(POOL, "/", ReadTimeoutError(POOL, "/", "Read timed out."))
CREATE_FORBIDDEN = "GitHub Actions is not permitted to create or approve pull requests."


@responses.activate
@pytest.mark.parametrize(
    ("status", "answer", "headers", "code", "message", "way_out"),
    [
        pytest.param(401, {"message": "Bad credentials"}, {}, "failed.auth", "does not accept the token", "not expired",
            id="a wrong token"),
        pytest.param(403, {"message": CREATE_FORBIDDEN}, {}, "failed.auth",
            "GitHub Actions may not create pull requests",
            "Settings > Actions > General > Workflow permissions, for the organisation and the repository",
            id="Actions may not create pull requests"),
        pytest.param(403, {"message": "Resource not accessible by integration"}, {}, "failed.auth",
            "the token of this workflow or GitHub App may not do that",
            "permissions: {contents: write, pull-requests: write}", id="a workflow or App without the permission"),
        pytest.param(403, {"message": "Resource not accessible by personal access token"}, {}, "failed.auth",
            "the fine-grained token may not do that", "read and write access",
            id="a fine-grained token without the permission"),
        pytest.param(403, {"message": "Repository was archived so is read-only."}, {}, "failed.auth",
            "the repository is archived", "unarchive it", id="an archived repository"),
        pytest.param(403,
            {"message": "Resource protected by organization SAML enforcement. You must grant your token access."}, {},
            "failed.auth", "the organisation requires single sign-on", "Configure SSO", id="single sign-on"),
        pytest.param(
            403,
            {
                "message": "Although you appear to have the correct authorization credentials, the `acme` "
                "organization has an IP allow list enabled, and your IP address is not permitted."
            },
            {},
            "failed.auth",
            "does not allow this machine's IP address",
            "IP allow list",
            id="an IP allow list",
        ),
        pytest.param(403, {"message": "Must have admin rights to Repository."},
            {"X-OAuth-Scopes": "read:org", "X-Accepted-OAuth-Scopes": "repo"}, "failed.auth",
            "the classic token lacks a scope", "the scope `repo`", id="a classic token without the scope"),
        pytest.param(403, {"message": "Forbidden"}, {}, "failed.auth", "the token has no write access",
            "`contents: write`", id="other 403"),
        pytest.param(404, {"message": "Not Found"}, {}, "failed.auth", "the token can read but not write",
            "`pull-requests: write`", id="404 to a write"),
        pytest.param(422, invalid(code="custom", message="No commits between main and x"), {}, "failed.forge",
            "the branch has no commits that its base lacks", "run again", id="no commits"),
        pytest.param(422, invalid(code="invalid", field="head"), {}, "failed.forge",
            "the branch to propose does not exist", "somebody has deleted it", id="the branch is gone"),
        pytest.param(422, invalid(code="invalid", field="base"), {}, "failed.forge",
            "the branch to merge into does not exist", "correct `branch:`", id="the base is gone"),
        pytest.param(422, invalid(code="custom", message="Something new"), {}, "failed.forge",
            "GitHub says: Validation Failed; Something new", "see GitHub's message", id="another 422"),
        pytest.param(307, {"message": "Moved Permanently"}, {"Location": "https://api.github.com/repositories/1/pulls"},
            "failed.forge", "acme/deploy has moved", "the repository's current name",
            id="a repository that was renamed"),
        pytest.param(502, {"message": "Server Error"}, {}, "failed.forge", "it answered 502", "githubstatus.com",
            id="a disturbance"),
        pytest.param(418, {}, {}, "failed.forge", "answered 418", "run again", id="anything else"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_it_is_and_the_way_out(
    status: int, answer: Mapping[str, Any], headers: Mapping[str, str], code: str, message: str, way_out: str
) -> None:
    responses.post(PULLS, json=answer, status=status, headers=headers)
    problem = writing()
    assert problem.code == code
    assert message in problem.message
    assert way_out in problem.next


@responses.activate
@pytest.mark.parametrize(
    ("status", "said", "headers", "way_out"),
    [
        pytest.param(403, "API rate limit exceeded for installation ID 1.",
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_the_future(days=40_000)}, "run again after 2135-",
            id="primary"),
        pytest.param(429, "Too many requests", {"Retry-After": "1380"},
            "run again after 2026-01-02 03:27:05 UTC (in 23 min)", id="secondary"),
        pytest.param(429, "Too many requests",
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_the_future(seconds=90)},
            "run again after 2026-01-02 03:05:35 UTC (in 90 s)", id="primary as 429"),
        pytest.param(429, "Too many requests",
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_the_future(seconds=-90)}, "UTC (in 0 s)",
            id="primary that has ended"),
        pytest.param(429, "Too many requests", {}, "run again in a few minutes", id="without a time"),
        pytest.param(429, "x", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 11}, "in a few minutes",
            id="no time"),
    ],
)  # fmt: skip
def test_a_rate_limit_says_when_it_ends(status: int, said: str, headers: Mapping[str, str], way_out: str) -> None:
    responses.post(GRAPHQL, json={"message": said}, status=status, headers=headers)
    problem = reading()
    assert (problem.code, problem.message) == ("failed.forge", "the rate limit of api.github.com is used up")
    assert way_out in problem.next


@responses.activate
def test_a_repository_that_cannot_be_seen_names_every_way_why() -> None:
    responses.post(GRAPHQL, status=404)
    responses.get(PULLS, json={"message": "Not Found"}, status=404)
    problem = reading()
    assert problem.code == "failed.auth"
    assert problem.message == "acme/deploy does not exist, or the token cannot see it (GitHub says: Not Found)"
    assert "a fine-grained token must include this repository" in problem.next


@responses.activate
@pytest.mark.parametrize(
    ("error", "headers", "code", "message", "way_out"),
    [
        pytest.param({"type": "NOT_FOUND", "message": "Could not resolve to a Repository with the name 'acme/deploy'."},
            {}, "failed.auth",
            "acme/deploy does not exist, or the token cannot see it (GitHub says: Could not resolve to a Repository",
            "a fine-grained token must include this repository", id="a fine-grained token without the repository"),
        pytest.param({"type": "FORBIDDEN", "message": "Resource not accessible by integration"}, {}, "failed.auth",
            "the token of this workflow or GitHub App may not do that",
            "permissions: {contents: write, pull-requests: write}", id="a workflow without the permission"),
        pytest.param(
            {
                "type": "FORBIDDEN",
                "message": "Resource protected by organization SAML enforcement. You must grant your Personal Access "
                "token access to this organization.",
                "extensions": {"saml_failure": True},
            },
            {},
            "failed.auth",
            "the organisation requires single sign-on",
            "Configure SSO",
            id="single sign-on",
        ),
        pytest.param(
            {
                "type": "INSUFFICIENT_SCOPES",
                "message": "Your token has not been granted the required scopes to execute this query. The 'name' "
                "field requires one of the following scopes: ['repo'], but your token has only been granted the: "
                "['read:org'] scopes.",
            },
            {},
            "failed.auth",
            "the classic token lacks a scope",
            "the scope `repo`",
            id="a classic token without the scope",
        ),
        pytest.param({"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."},
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in_the_future(seconds=90)}, "failed.forge",
            "the rate limit of api.github.com is used up", "run again after 2026-01-02 03:05:35 UTC (in 90 s)",
            id="a primary limit"),
        *(
            pytest.param({"type": kind, "message": "Try again later."}, {}, "failed.forge",
                "the rate limit of api.github.com is used up", "", id=f"{kind}, in other words")
            for kind in ("RATE_LIMITED", "RATE_LIMIT")
        ),
        pytest.param(
            {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."},
            {"Retry-After": "1380"},
            "failed.forge",
            "the rate limit of api.github.com is used up",
            "in 23 min",
            id="a secondary limit",
        ),
        pytest.param(
            {
                "message": "Something went wrong while executing your query. This may be the result of a timeout, or "
                "it could be a GitHub bug. Please include `6B1A:2` when reporting this issue."
            },
            {},
            "failed.forge",
            "api.github.com timed out reading the pull requests of acme/deploy",
            "run again later",
            id="a time-out",
        ),
        pytest.param({"type": "INTERNAL", "message": "Something else"}, {}, "failed.forge",
            "api.github.com has a problem: it answered 502 (GitHub says: Something else)", "githubstatus.com",
            id="anything else"),
    ],
)  # fmt: skip
def test_a_refusal_in_graphql_says_the_same_as_one_in_rest(
    error: Mapping[str, Any], headers: Mapping[str, str], code: str, message: str, way_out: str
) -> None:
    answer = {"data": {"repository": None}, "errors": [{**error, "path": ["repository"]}]}
    responses.post(GRAPHQL, json=answer, headers=headers)
    problem = reading()
    assert problem.code == code
    assert message in problem.message
    assert way_out in problem.next


@responses.activate
@pytest.mark.parametrize(
    ("raised", "message", "way_out"),
    [
        (requests.exceptions.ConnectionError("token ghs_secret"), "cannot be reached", "check the network"),
        (requests.exceptions.ReadTimeout("x"), "did not answer within 15 seconds", "githubstatus.com"),
        (requests.exceptions.ConnectionError(SILENCE), "did not answer within 15 seconds", "githubstatus.com"),
        (requests.exceptions.SSLError("x"), "a certificate that is not trusted", "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.ProxyError("http://user:pass@proxy"), "cannot be reached", "the proxy"),
    ],
    ids=["connection", "timeout", "timeout after the last try", "certificate", "proxy"],
)
def test_github_that_cannot_be_reached_says_so_without_the_librarys_words(
    raised: Exception, message: str, way_out: str
) -> None:
    responses.post(PULLS, body=raised)
    problem = writing()
    assert problem.message.startswith("api.github.com ")
    assert message in problem.message
    assert way_out in problem.next
    assert "pass" not in str(problem)


@responses.activate
def test_a_second_answer_that_it_exists_already_without_any_is_told_as_it_is() -> None:
    responses.post(PULLS, json=invalid(code="custom", message="A pull request already exists for acme:x."), status=422)
    responses.get(PULLS, json=[], status=200)
    assert "already exists" in writing().message
