"""What https://api.github.com would answer, without any socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Published:
    """Answers by method and URL; an exception is raised. `requests` are those that came."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Callable[[], httpx.Response]] = {}
        self.requests: list[httpx.Request] = []

    def give(
        self,
        method: str,
        url: str,
        answer: Any = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with this JSON, or raise this exception."""

        def respond() -> httpx.Response:
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(json.dumps(answer).encode()))

        self.answers[method, url] = respond

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answers[request.method, str(request.url).partition("?")[0]]()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """Takes the place of every connection to GitHub."""
    servers = Published()
    transport = httpx.MockTransport(servers.respond)
    monkeypatch.setattr("gitops_bot.edges.github.wire.connect", lambda *_: transport)
    return servers
