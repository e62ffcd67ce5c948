"""What the forge tells of a token, and what it leaves open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gitops_bot.doctor import token
from gitops_bot.edges.facts import Greeting, Grounds
from gitops_bot.proposals.budget import Left

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLASSIC = Greeting("classic", frozenset({"repo"}), None, None, None, None)
FINE = replace(CLASSIC, kind="fine-grained", scopes=None)
APP = replace(FINE, kind="app")
HERE = Grounds("main", archived=False, private=True, may_push=True, admin=False, auto_merge=None, methods=None)
READS = replace(HERE, may_push=False)
OPEN = replace(HERE, private=False)


@pytest.mark.parametrize(
    ("greeting", "says"),
    [
        pytest.param(CLASSIC, "classic personal access token with the scope repo", id="one scope"),
        pytest.param(
            replace(CLASSIC, scopes=frozenset({"workflow", "repo"})), "with the scopes repo, workflow", id="two scopes"
        ),
        pytest.param(replace(CLASSIC, scopes=frozenset()), "with no scopes", id="no scopes"),
        pytest.param(FINE, "GH_TOKEN holds a fine-grained personal access token", id="fine-grained"),
        pytest.param(APP, "the token of a GitHub App or a workflow", id="app"),
        pytest.param(replace(FINE, kind=None), "holds a token", id="nobody knows"),
    ],
)
def test_a_token_is_told_by_its_kind(greeting: Greeting, says: str) -> None:
    found = token.token(greeting, "GH_TOKEN", "github.com", NOW)
    assert (found.verdict, found.next) == ("good", "")
    assert found.text.endswith(says)


@pytest.mark.parametrize(("days", "verdict"), [(8, "good"), (7, "warning"), (0, "warning")])
def test_a_token_that_ends_within_a_week_is_a_warning(days: int, verdict: str) -> None:
    found = token.token(replace(FINE, expires=NOW + timedelta(days=days)), "GITHUB_TOKEN", "github.com", NOW)
    assert found.verdict == verdict
    assert f"it expires on {NOW + timedelta(days=days):%Y-%m-%d} 12:00 UTC" in found.text


@pytest.mark.parametrize(
    ("greeting", "grounds", "verdict", "says"),
    [
        pytest.param(CLASSIC, HERE, "good", "may open pull requests", id="classic with a role"),
        pytest.param(replace(CLASSIC, scopes=frozenset({"public_repo"})), OPEN, "good", "may open", id="public"),
        pytest.param(
            replace(CLASSIC, scopes=frozenset({"public_repo"})), HERE, "wrong", "the scope public_repo", id="private"
        ),
        pytest.param(
            replace(CLASSIC, scopes=frozenset({"public_repo"})),
            replace(HERE, private=None),
            "wrong",
            "public_repo",
            id="perhaps private",
        ),
        pytest.param(replace(CLASSIC, scopes=frozenset()), OPEN, "wrong", "has no scopes", id="no scopes"),
        pytest.param(CLASSIC, READS, "wrong", "can read this repository, but not write", id="classic without a role"),
        pytest.param(FINE, READS, "wrong", "can read this repository, but not write", id="fine-grained without a role"),
        pytest.param(FINE, HERE, "unknown", "shows only when it does", id="fine-grained tells nothing"),
        pytest.param(APP, READS, "unknown", "shows only when it does", id="of an App GitHub says no role"),
        pytest.param(
            replace(FINE, kind="other"), READS, "unknown", "shows only when it does", id="another server's token"
        ),
        pytest.param(CLASSIC, replace(HERE, archived=True), "wrong", "is archived", id="archived"),
    ],
)
def test_whether_pull_requests_can_be_opened(greeting: Greeting, grounds: Grounds, verdict: str, says: str) -> None:
    found = token.pull_requests(greeting, grounds, "acme/deploy", actions=False)
    assert (found.name, found.subject, found.verdict) == ("pull-requests", "acme/deploy", verdict)
    assert says in found.text
    assert (found.problem is not None) == (verdict == "wrong")


def test_a_workflow_is_told_where_actions_are_allowed_to_propose() -> None:
    found = token.pull_requests(APP, READS, "acme/deploy", actions=True)
    assert found.verdict == "unknown"
    assert "Settings > Actions > General" in found.next
    assert "Settings > Actions" not in token.pull_requests(FINE, HERE, "acme/deploy", actions=True).next


@pytest.mark.parametrize(
    ("left", "verdict", "says"),
    [
        (None, "good", "there is none"),
        (4987, "good", "4,987 requests left until 12:00 UTC"),
        (100, "good", "100 requests"),
        (99, "warning", "99 requests"),
        (0, "wrong", "no requests left until 12:00 UTC"),
    ],
)
def test_a_rate_limit_has_enough_left(left: int | None, verdict: str, says: str) -> None:
    found = token.rate_limit(None if left is None else Left(left, NOW), "github.com")
    assert (found.verdict, says in found.text) == (verdict, True)
