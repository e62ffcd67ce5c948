"""What one run could not do or learn for a pull request, a later one makes up for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.stateful.again import put_back
from tests.stateful.world import ENVIRONMENT, Command, Shop, Wave

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitops_bot.demo.http import Request


def test_details_that_a_registry_did_not_give_are_there_after_the_next_run(tmp_path: Path) -> None:
    def blobs_fail(request: Request, go: Callable[[], Answer]) -> Answer:
        return Answer(501) if "/blobs/" in request.path else go()  # which no request is repeated after

    with Shop.open(tmp_path) as shop:
        shop.begin({"front": ["web"]}, {ENVIRONMENT: Wave({})})
        shop.push("web", "1.6.0")
        with put_back(shop):
            assert shop.command(Command()).code == 0
            (whole,) = (pull.body or "" for pull in shop.pulls())
        shop.images.gate = blobs_fail
        for _ in range(2):
            assert shop.command(Command()).code == 0
        (pull,) = shop.pulls()
        assert len(pull.body or "") < len(whole)
        shop.images.gate = None
        (proposal,) = shop.command(Command()).json["environments"][0]["proposals"]
        assert proposal["reason"]["text"] == "#1 has the commit, but still lacks details"
        (pull,) = shop.pulls()
        assert pull.body == whole
