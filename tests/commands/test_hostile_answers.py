"""What GitHub, or something in front of it, answers that nobody would: it fails what was asked, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy

FORBIDDEN = Answer.json(403, {"message": "Forbidden"})
HEADERS = {"X-RateLimit-Limit": "abc", "X-RateLimit-Remaining": "inf", "X-RateLimit-Reset": "9" * 5000}


@pytest.mark.parametrize("status", [200, 403])
def test_a_header_that_says_nothing_is_as_none(shop: Deploy, status: int) -> None:
    shop.push("web", "1.1.0")

    def gate(_: Request, answer: Callable[[], Answer]) -> Answer:
        given = answer() if status == 200 else FORBIDDEN
        return replace(given, headers={**given.headers, **HEADERS})

    shop.gate(gate)
    done = shop.ask("update")
    shop.gate(None)
    assert done.code == (0 if status == 200 else 1)
    assert {problem["code"] for problem in done.json["problems"]} <= {"failed.auth", "failed.forge"}


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"])
def test_a_time_out_of_range_is_no_answer_of_github(shop: Deploy, time: str) -> None:
    shop.push("web", "1.1.0")
    assert shop.bot("update").code == 0

    def gate(_: Request, answer: Callable[[], Answer]) -> Answer:
        given = answer()
        text = json.dumps(_with_time(json.loads(given.body), time)) if given.body else ""
        return replace(given, body=text.encode())

    shop.gate(gate)
    done = shop.ask("update")
    shop.gate(None)
    assert done.code == 1
    assert {problem["code"] for problem in done.json["problems"]} == {"failed.forge"}
    assert "did not answer the way GitHub does" in done.json["problems"][0]["message"]


def _with_time(value: object, time: str) -> object:
    match value:
        case dict():
            return {
                key: time if key in ("createdAt", "created_at") else _with_time(item, time)
                for key, item in value.items()
            }
        case list():
            return [_with_time(item, time) for item in value]
        case _:
            return value
