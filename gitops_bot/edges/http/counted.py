"""Requests that are counted: who was asked, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

import httpx

#: Is told the host (with its port, if that is not the scheme's own) and the status; None where there was no answer.
Observe = Callable[[str, "int | None"], None]


class Counted(httpx.BaseTransport):
    """A transport that tells of each request, the repeated ones and those after a redirect too."""

    def __init__(self, inner: httpx.BaseTransport, host: str, observe: Observe) -> None:
        self._inner, self._host, self._observe = inner, host, observe

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask, and tell what came back."""
        status = None
        try:
            response = self._inner.handle_request(request)
            status = response.status_code
        finally:
            self._observe(self._host, status)
        return response

    def close(self) -> None:
        """Let go of every connection."""
        self._inner.close()
