from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.limits import Limits, Throttle
from tests.counterparts.forge import serving

if TYPE_CHECKING:
    from pathlib import Path


def test_a_limit_refuses_when_it_was_set_and_is_used_up_until_it_resets() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    limits = Limits(lambda: now)
    for number in range(5000):
        assert limits.window("core").remaining == 5000 - number
        limits.take("core")
    assert (limits.window("core").remaining, limits.refusal("core", "bot")) == (5000, None)
    limits.set("core", 0, 600)
    assert limits.refusal("core", "bot") is not None
    now += timedelta(seconds=600)
    assert (limits.window("core").remaining, limits.refusal("core", "bot")) == (5000, None)


@pytest.mark.parametrize(("retry_after", "status", "header"), [(7, 403, "7"), (None, 403, None), (60, 429, "60")])
def test_a_secondary_limit_refuses_so_many_requests(retry_after: int | None, status: int, header: str | None) -> None:
    limits = Limits(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    limits.throttle = Throttle(1, retry_after, 429 if status == 429 else 403)
    refused = limits.refusal("core", "bot")
    assert refused is not None
    assert (refused.status, refused.headers.get("Retry-After")) == (status, header)
    assert b"secondary rate limit" in refused.body
    assert limits.refusal("core", "bot") is None


def test_what_is_set_on_the_server_counts_for_every_request_to_it(tmp_path: Path) -> None:
    question = '{ repository(owner: "acme", name: "deploy") { nameWithOwner } }'
    with serving(tmp_path / "forge") as site:
        site.bare.move("fix", site.bare.branches()["main"], expected=None)
        site.forge.limit(remaining=1, resets_in=60)
        assert site.call("GET", "/pulls").headers["x-ratelimit-remaining"] == "0"
        refused = site.call("DELETE", "/git/refs/heads/fix")
        assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (403, "0")
        assert list(site.bare.branches()) == ["fix", "main"]
        assert site.ask("GET", "/api/v3/rate_limit").json["rate"]["remaining"] == 0
        assert "data" in site.graphql(question)
        assert site.graphql(question)["errors"][0]["type"] == "RATE_LIMITED"
