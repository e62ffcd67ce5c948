"""A small HTTP server for probes, metrics and the status page, in a thread of its own.

Anyone who reaches it may send requests, so everything is bounded: bytes and seconds of a request, and connections. It
answers one request per connection and reads nothing but the first line.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from gitops_bot.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of a request's head, and seconds from the connection to the last byte of the answer.
HEAD, TIMEOUT = 8 * 1024, 5.0
#: Connections at once. One more, and the oldest goes: slow clients must not keep the probes out.
CONNECTIONS = 64

_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]\r\n")
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]{2,45})\]|(?P<name>[A-Za-z0-9.-]{1,253})):(?P<port>[0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Response:
    """What a path answers."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


class HealthServer:
    """Serves `page` (None for an unknown path) at HOST:PORT; a context manager. Port 0 takes a free one.

    `page` is called from the server's thread. A connection lasts `seconds` at most.

    Raises:
        UsageError: this is not an address, or it cannot be listened on.
    """

    def __init__(self, listen: str, page: Callable[[str], Response | None], *, seconds: float = TIMEOUT) -> None:
        self._page, self._seconds = page, seconds
        self._socket = _listen(listen)
        host, port = self._socket.getsockname()[:2]
        #: Where it listens, as HOST:PORT.
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._open: dict[asyncio.Task[None], None] = {}
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except RuntimeError:  # the machine cannot start more threads
            self._loop.close()
            self._socket.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # its end closes every connection
            runner.run(self._accept())

    async def _accept(self) -> None:
        # Errors of anyone's connection do not belong in the log.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        server = await asyncio.start_server(self._serve_connection, sock=self._socket, limit=HEAD)
        await self._over.wait()
        server.close()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio starts one for each connection
        if len(self._open) >= CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]  # at once, or the next connection would cancel the same one
            oldest.cancel()
        self._open[task] = None
        try:
            async with asyncio.timeout(self._seconds):
                writer.write(await self._answer(reader))
                await writer.drain()
                writer.write_eof()
                # A connection that is closed with unread data is reset, and the client may never see the answer.
                await reader.read(HEAD)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.pop(task, None)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(Response(431, "request head too large\n"))
        match = _LINE.match(head)
        if match is None:
            return _response(Response(400, "not an HTTP request\n"))
        method, path = match[1], match[2].partition(b"?")[0].decode("ascii")
        if method not in (b"GET", b"HEAD"):
            return _response(Response(405, "only GET and HEAD\n"), "Allow: GET, HEAD")
        page = self._page(path) or Response(404, "try /, /healthz, /readyz or /metrics\n")
        return _response(page, body=method == b"GET")


def _response(page: Response, *headers: str, body: bool = True) -> bytes:
    data = page.text.encode()
    lines = [
        f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}",
        f"Content-Type: {page.kind}",
        f"Content-Length: {len(data)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (data if body else b"")


def _listen(listen: str) -> socket.socket:
    match = _ADDRESS.match(listen)
    if match is None or int(match["port"]) > 65535:
        message = f"--listen {listen[:100]!r} is not HOST:PORT"
        raise UsageError(Problem("failed.usage", message, "write 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080"))
    family, host = (socket.AF_INET6, match["six"]) if match["six"] else (socket.AF_INET, match["name"])
    try:
        return socket.create_server((host, int(match["port"])), family=family)
    except OSError as error:
        message = f"--listen {listen}: {error.strerror or error}"
        raise UsageError(Problem("failed.usage", message, "choose another address or port")) from error
