"""A promotion between environments whose globs cannot correspond: a mistake of the configuration, before anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import CONFIG

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

IMPOSSIBLE = (
    CONFIG
    + b"""\
    promote_from: staging
  staging:
    overlays: ["staging/{app}"]
"""
)


def test_every_command_refuses_it_at_its_place_and_writes_nothing(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.remote.commit("main", {"gitops-bot.yaml": IMPOSSIBLE}, message="promote")
    before = shop.remote.git("for-each-ref")
    for command in (("plan",), ("plan", "staging"), ("update",), ("set", "production", "web=1.1.0")):
        done = shop.ask(*command)
        assert done.code == 2
        (problem,) = done.json["problems"]
        assert (problem["file"], problem["line"], problem["column"]) == ("gitops-bot.yaml", 9, 19)
        assert problem["message"].startswith(
            "production cannot be promoted from staging: `apps/*/production` captures a wildcard, which nothing in "
            "`staging/{app}` can match: "
        )
        assert problem["next"].startswith("correct the `overlays` of one of the two")
    assert shop.remote.git("for-each-ref") == before
