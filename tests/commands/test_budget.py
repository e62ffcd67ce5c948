"""Before it writes, a run adds up what it needs; where the rate limit has less, it has written nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.scene import configure, news
from tests.commands.test_api_calls import rest_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
#: To open one: the commits between the images, the pull request, its label, the finished text, which is read before. To
#: refresh one: the commits, the text, which is read before.
NEW, NEWER = 5, 3


@pytest.fixture(autouse=True)
def replenished(worldwide: World) -> Iterator[None]:
    """The limits are those of the whole server: what a test uses up, no other may miss."""
    yield
    worldwide.forge.limit(remaining=5000)
    worldwide.forge.gates.pop("", None)


@pytest.mark.parametrize("opened", [False, True], ids=["a new proposal", "one to refresh"])
def test_too_little_for_all_of_it_writes_nothing_at_all(shop: Deploy, opened: bool) -> None:
    configure(shop, "{labels: [release], group: overlay}")
    if opened:
        shop.push("web", "1.1.0")
        shop.bot("update")
        shop.push("web", "1.2.0")
    shop.push("api", "1.1.0")
    forge = shop.world.forge
    needed = NEW + NEWER if opened else NEW
    forge.limit(remaining=needed - 1, resources=("core",))
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.forge"
    assert f"this run needs up to {needed} requests, but the rate limit has {needed - 1} left" in problem["message"]
    assert "run it again after" in problem["next"]
    assert done.json["complete"] is False

    forge.limit(remaining=needed, resources=("core",))
    assert shop.bot("update").code == 0
    forge.limit(remaining=5000)
    assert len(shop.pulls()) == 1 + opened


def test_a_look_at_a_pull_request_counts_where_it_has_no_limit_of_its_own(shop: Deploy) -> None:
    """By REST: the list, and the reviews of one that is open; of its own branch, and of that of a rollback."""
    configure(shop, "{labels: [release]}")
    shop.gate(rest_only)
    shop.push("web", "1.1.0")
    forge = shop.world.forge
    for needed in (NEW + 4, NEWER + 4):
        reads = 2 if needed == NEW + 4 else 3  # before that is known
        forge.limit(remaining=needed - 1 + reads, resources=("core",))
        with shop.watching() as seen:
            done = shop.ask("update")
        assert seen.nothing
        (problem,) = done.json["problems"]
        assert f"this run needs up to {needed} requests, but the rate limit has {needed - 1} left" in problem["message"]
        forge.limit(remaining=needed + reads, resources=("core",))
        assert shop.bot("update").code == 0
        shop.push("web", "1.2.0")
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}


def test_nothing_to_write_needs_nothing(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.world.forge.limit(remaining=0, resources=("core",))
    with shop.watching() as seen:
        done = shop.bot("update")
    assert seen.nothing
    assert (done.code, done.err) == (0, "")


def test_a_server_without_limits_is_asked_no_more_than_that(shop: Deploy) -> None:
    asked: list[str] = []

    def limitless(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.path == "/api/v3/rate_limit":
            asked.append(request.method)
            return Answer.json(404, {"message": "Rate limiting is not enabled."})
        answer = go()
        headers = {name: text for name, text in answer.headers.items() if not name.lower().startswith("x-ratelimit")}
        return Answer(answer.status, answer.body, headers)

    shop.gate(limitless)
    shop.world.forge.gates[""] = limitless  # no repository is named in that question
    shop.push("web", "1.1.0")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    assert news(shop, BRANCH) == {"web/web": "1.1.0"}
    assert asked == ["GET"]
