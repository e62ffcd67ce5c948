"""A run whose rate limit ends in the middle has lost nothing: the next one goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.scene import configure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.world import Deploy, World


@pytest.fixture(autouse=True)
def replenished(worldwide: World) -> Iterator[None]:
    """The limits are those of the whole server: what a test uses up, no other may miss."""
    yield
    worldwide.forge.limit(remaining=5000)


@pytest.mark.parametrize("remaining", range(1, 6, 2))
def test_a_limit_that_ends_in_the_middle_loses_nothing(shop: Deploy, remaining: int) -> None:
    configure(shop, "{labels: [release], group: overlay}")
    shop.push("web", "1.1.0")
    shop.push("api", "1.1.0")
    shop.world.forge.limit(remaining=remaining, resources=("core",))
    done = shop.ask("update")
    if done.code:
        assert "rate limit" in done.json["problems"][0]["message"]
        assert done.json["complete"] is False

    shop.world.forge.limit(remaining=5000)
    assert shop.bot("update").code == 0
    assert [[label["name"] for label in pull["labels"]] for pull in shop.pulls()] == [["release"]] * 2
    with shop.watching() as seen:
        assert shop.bot("update").code == 0
    assert seen.nothing
