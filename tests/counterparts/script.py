from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Play = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def reply(status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> httpx.Response:
    """An answer with these headers and no others."""
    return httpx.Response(
        status, headers=headers, stream=httpx.ByteStream(body.encode() if isinstance(body, str) else body)
    )


class Script(httpx.BaseTransport):
    """Plays answers in turn instead of a network, the last one for ever; an exception among them is raised."""

    def __init__(self, *plays: Play) -> None:
        self._plays = plays
        self._lock = threading.Lock()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            play = self._plays[min(len(self.requests), len(self._plays) - 1)]
            self.requests.append(request)
        if isinstance(play, Exception):
            raise play
        return play(request) if callable(play) else play

    @property
    def lines(self) -> list[str]:
        """Method and address of each request."""
        return [f"{request.method} {request.url}" for request in self.requests]

    @property
    def shown(self) -> list[str | None]:
        """How each request authenticated itself."""
        return [request.headers.get("Authorization") for request in self.requests]
