from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.limits import Limits, Throttle
from tests.counterparts.forge import REPOSITORY, serving

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


def test_a_limit_that_nobody_set_is_counted_and_never_refuses() -> None:
    limits = Limits(Clock())
    for number in range(5000):
        assert limits.window("core").remaining == 5000 - number
        assert limits.refusal("core", "bot") is None
        limits.take("core")
    assert limits.window("core").remaining == 5000


def test_a_limit_that_was_set_refuses_when_it_is_used_up_until_it_resets() -> None:
    clock = Clock()
    limits = Limits(clock)
    limits.set("core", 1, 600)
    assert limits.refusal("core", "bot") is None
    limits.take("core")
    refused = limits.refusal("core", "bot")
    assert refused is not None
    assert (refused.status, json.loads(refused.body)["message"]) == (403, "API rate limit exceeded for bot.")
    headers = limits.headers("core", known=True)
    assert (headers["X-RateLimit-Remaining"], headers["X-RateLimit-Reset"]) == ("0", str(int(BEGIN.timestamp()) + 600))
    assert limits.refusal("graphql", "bot") is None
    clock.now += timedelta(seconds=600)
    assert limits.refusal("core", "bot") is None
    assert limits.window("core").remaining == 5000


def test_graphql_is_refused_in_its_own_way() -> None:
    limits = Limits(Clock())
    limits.set("graphql", 0, 60)
    refused = limits.refusal("graphql", None)
    assert refused is not None
    assert (refused.status, json.loads(refused.body)["errors"][0]["type"]) == (200, "RATE_LIMITED")


@pytest.mark.parametrize(("retry_after", "status", "header"), [(7, 403, "7"), (None, 403, None), (60, 429, "60")])
def test_a_secondary_limit_refuses_so_many_requests(retry_after: int | None, status: int, header: str | None) -> None:
    limits = Limits(Clock())
    limits.throttle = Throttle(2, retry_after, 429 if status == 429 else 403)
    for resource in ("core", "graphql"):
        refused = limits.refusal("core" if resource == "core" else "graphql", "bot")
        assert refused is not None
        assert (refused.status, refused.headers.get("Retry-After")) == (status, header)
        assert b"secondary rate limit" in refused.body
    assert limits.refusal("core", "bot") is None


def test_what_is_set_on_the_server_counts_for_every_request_to_it(tmp_path: Path) -> None:
    with serving(tmp_path / "forge") as site:
        site.bare.move("fix", site.bare.branches()["main"], expected=None)
        site.forge.limit(remaining=1, resets_in=60)
        assert site.call("GET", "/pulls").headers["x-ratelimit-remaining"] == "0"
        refused = site.call("DELETE", "/git/refs/heads/fix")
        assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (403, "0")
        assert list(site.bare.branches()) == ["fix", "main"]
        assert site.ask("GET", "/api/v3/rate_limit").json["rate"]["remaining"] == 0
        question = '{ repository(owner: "acme", name: "deploy") { nameWithOwner } }'
        assert site.graphql(question)["data"]["repository"]["nameWithOwner"] == REPOSITORY
        assert site.graphql(question)["errors"][0]["type"] == "RATE_LIMITED"
        site.forge.limit(remaining=100)
        site.forge.limits.throttle = Throttle(1, 3, 403)
        assert site.call("GET", "").headers["retry-after"] == "3"
        assert site.call("GET", "").json["full_name"] == REPOSITORY
