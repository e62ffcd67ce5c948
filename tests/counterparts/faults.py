"""Faults on the way to a real server: a proxy that forwards each request, and does with its answer what a test says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Headers that are about one connection.
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request. Without anything of this it is answered as the server answers it.

    `reset`: it never gets there, and the connection is reset. `status`: it is answered with this status and these
    headers; it gets there first if `done`. `cut`: so many bytes of the answer's body come, then the connection is
    closed; -1: not even a head. `ends`: the body is cut, but the answer ends as a whole one does. `twice`: it gets
    there twice, and the second answer counts.
    """

    reset: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    cut: int | None = None
    ends: bool = False
    twice: bool = False


NONE = Fault()


class Faulty(ThreadingHTTPServer):
    """The running proxy; `seen` is method and path of each request, in their order."""

    def __init__(self, upstream: str, fault: Callable[[int, str], Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self._fault = urlsplit(upstream).netloc, fault
        self.seen: list[str] = []
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_fault(self, line: str) -> Fault:
        with self._lock:
            self.seen.append(line)
            return self._fault(len(self.seen) - 1, line)


@contextlib.contextmanager
def faulty(upstream: str, fault: Callable[[int, str], Fault]) -> Iterator[Faulty]:
    """Stand before the server at `upstream`; `fault` gets the number of a request, from 0, and its method and path."""
    with Faulty(upstream, fault) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Faulty
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        fault, body = self.server.next_fault(f"{self.command} {self.path}"), self._body()
        self.close_connection = True
        if fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        status, headers, data = fault.status or 200, dict(fault.headers), b""
        if fault.status is None or fault.done:
            for _ in range(2 if fault.twice else 1):
                answer = self._forward(body)
            status, headers, data = answer if fault.status is None else (status, headers, data)
        if fault.cut == -1:
            return
        sent = data[: fault.cut]
        self.send_response_only(status)
        length = len(sent if fault.ends else data)
        for name, value in {**headers, "Content-Length": str(length), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    do_POST = do_GET  # noqa: N815 - so it is called

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        with contextlib.closing(HTTPConnection(self.server.upstream, timeout=60)) as connection:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            return answer.status, kept, answer.read()
