"""The bounds of one request as a whole, kept where its bytes come in.

The timeouts of httpx are for the next bytes only. A server that sends one every few seconds, of a header, of the length
of a chunk or of ever new `103 Early Hints`, would hold its thread for ever.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from gitops_bot.edges.http.failure import late

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

#: Bytes that may come before the body of an answer: its head, those of informational answers and of a proxy, and what
#: one read takes of the body beside them.
HEAD = 256 * 1024


class Transport(httpx.HTTPTransport):
    """httpx's transport, where one request takes `seconds` at most, to the last byte of its body.

    By the machine's own clock, as sockets go by it. The body has to be read in the thread that asked. The look-up of a
    name in DNS is the one thing that nobody can interrupt; the resolver has limits of its own.
    """

    def __init__(self, trust: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None, seconds: float) -> None:
        super().__init__(verify=trust, limits=limits, proxy=proxy)
        self._left = _Left(seconds)
        # httpx has no argument for it. Reading what is replaced fails should a later version keep it elsewhere.
        self._pool._network_backend = _Backend(self._pool._network_backend, self._left)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask; gives the answer as soon as its head is there."""
        self._left.begin()
        response = super().handle_request(request)
        self._left.head = None
        return response


class _Left(threading.local):
    """What is left to the request that this thread has under way: time until a moment, and bytes before the body."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.begin()

    def begin(self) -> None:
        self.until = time.monotonic() + self.seconds
        self.head: int | None = HEAD

    def take(self, count: int) -> None:
        if self.head is not None:
            self.head -= count
            if self.head < 0:
                raise httpcore.RemoteProtocolError(f"more than {HEAD} bytes before the answer")

    @contextmanager
    def wait(self, timeout: float | None) -> Iterator[float]:
        """The seconds that a wait may take: its own timeout, or what is left where that is less."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise late(self.seconds)
        try:
            yield left if timeout is None else min(left, timeout)
        except httpcore.TimeoutException as error:
            if timeout is None or left <= timeout:
                raise late(self.seconds) from error
            raise


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, left: _Left) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._left.wait(timeout) as seconds:
            data = self._stream.read(max_bytes, seconds)
        self._left.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._left.wait(timeout) as seconds:
            self._stream.write(buffer, seconds)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with self._left.wait(timeout) as seconds:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._left)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, left: _Left) -> None:
        self._backend = backend
        self._left = left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        with self._left.wait(timeout) as seconds:
            return _Stream(self._backend.connect_tcp(host, port, seconds, local_address, socket_options), self._left)
