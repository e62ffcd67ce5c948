"""What https://api.github.com would answer, without any socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


class Published:
    """Answers by method and URL; an exception is raised. `requests` are those that came."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], httpx.Response | Exception] = {}
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
        is_raised = isinstance(answer, Exception)
        self.answers[method, url] = answer if is_raised else httpx.Response(status, headers=headers, json=answer)

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        given = self.answers[request.method, str(request.url).partition("?")[0]]
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """Takes the place of every connection to GitHub."""
    servers = Published()
    transport = httpx.MockTransport(servers.respond)
    monkeypatch.setattr("gitops_bot.edges.github.wire.connect", lambda *_: transport)
    return servers
