"""What the forge tells of a token, and what it leaves open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from gitops_bot.doctor import forge
from gitops_bot.edges.facts import Permission, ServerFacts
from gitops_bot.proposals.pull_request import RateLimit

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GREETING = ServerFacts("the API", "a fine-grained token", None, None, None)


def test_a_token_is_told_in_the_words_of_the_forge() -> None:
    found = forge.token(GREETING, "GH_TOKEN", "forge.test", NOW)
    assert (found.verdict, found.next) == ("good", "")
    assert found.text == "GH_TOKEN holds a fine-grained token"


@pytest.mark.parametrize(("days", "verdict"), [(8, "good"), (7, "warning"), (0, "warning")])
def test_a_token_that_ends_within_a_week_is_a_warning(days: int, verdict: str) -> None:
    found = forge.token(GREETING._replace(expires=NOW + timedelta(days=days)), "GITHUB_TOKEN", "github.com", NOW)
    assert found.verdict == verdict
    assert f"it expires on {NOW + timedelta(days=days):%Y-%m-%d} 12:00 UTC" in found.text


@pytest.mark.parametrize(
    ("verdict", "found"), [("yes", "good"), ("no", "wrong"), ("unknown", "unknown")], ids=["yes", "no", "unknown"]
)
def test_what_the_token_may_do_is_found(verdict: Literal["yes", "no", "unknown"], found: str) -> None:
    finding = forge.judge_permission("deployments", Permission(verdict, "a text", "an advice"), "acme/deploy")
    assert (finding.name, finding.subject, finding.verdict) == ("deployments", "acme/deploy", found)
    assert finding.text == "a text"
    assert finding.next == ("" if verdict == "yes" else "an advice")
    assert (finding.problem is not None) == (verdict == "no")


@pytest.mark.parametrize(
    ("left", "verdict", "says"),
    [
        (None, "good", "this server has no rate limit"),
        (4987, "good", "4,987 requests left until 12:00 UTC"),
        (100, "good", "100 requests"),
        (99, "warning", "99 requests"),
        (0, "wrong", "no requests left until 12:00 UTC"),
    ],
)
def test_a_rate_limit_has_enough_left(left: int | None, verdict: str, says: str) -> None:
    found = forge.rate_limit(None if left is None else RateLimit(left, NOW), "github.com")
    assert (found.verdict, says in found.text) == (verdict, True)
