from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gitops_bot.demo.http import Answer, Request, Server
from gitops_bot.demo.images import PushError, push

BUILT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def image(host: str, *, created: datetime = BUILT, content: bytes = b"app", tag: str = "v1") -> str:
    return push(host, "acme/web", tag, created=created, revision="c0ffee", source="https://x/y", content=content)


def test_a_registry_that_refuses_is_quoted() -> None:
    def refusing(request: Request) -> Answer:
        return Answer(503, b"under repair")

    with (
        Server(refusing) as server,
        pytest.raises(PushError, match="POST /v2/acme/web/blobs/uploads/: 503 under repair"),
    ):
        image(server.host)


def test_a_registry_that_wants_the_blob_elsewhere_gets_nothing() -> None:
    def leading_away(request: Request) -> Answer:
        return Answer(202, headers={"Location": "http://elsewhere.example/upload"})

    with Server(leading_away) as server, pytest.raises(PushError, match=r"elsewhere\.example"):
        image(server.host)
