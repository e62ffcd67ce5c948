from __future__ import annotations

from typing import TYPE_CHECKING

from tests.counterparts.forge import serving

if TYPE_CHECKING:
    from pathlib import Path


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
