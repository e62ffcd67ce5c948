"""The HTTP/1.1 server of the embedded registry and the embedded GitHub server.

It listens on 127.0.0.1 only, but every request is hostile: web pages in the user's browser can reach loopback too. So
the Host header must name this server (DNS rebinding), the Origin of another site is refused (cross-site requests), and
sizes and times are bounded.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: The largest body in bytes: images and packs of the demo are far smaller.
BODY_LIMIT = 64 * 1024 * 1024
#: Seconds that a client may be silent during a request or between two.
_IDLE = 30.0
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}\Z")
_LENGTH = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `path` is percent-decoded, header names are in lower case, a gzip body is decompressed."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
        """A JSON response."""
        head = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        return cls(status, json.dumps(value, separators=(",", ":")).encode(), head)


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Ends a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a pattern for the whole path, and a function that gets its named groups as keyword arguments."""

    method: str
    path: str
    answer: Callable[..., Answer]


def find(routes: Sequence[Route], method: str, path: str) -> Callable[[Any], Answer] | None:
    """The function of the first route that matches, with the groups of the path; None if none does."""
    for route in routes:
        if route.method == method and (match := re.fullmatch(route.path, path)):
            return partial(route.answer, **match.groupdict())
    return None


class Server:
    """Serves requests on a loopback port; a context manager.

    `port=0` takes a free port; a kept demo is served on its old one. `seen` has the last requests as (method, target,
    status), for tests. `own_pages`: the server has pages with forms; otherwise it refuses every `Origin`.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, answer: Callable[[Request], Answer], *, port: int = 0, own_pages: bool = False) -> None:
        self.seen: deque[tuple[str, str, int]] = deque(maxlen=10_000)
        self._server = _Listener(("127.0.0.1", port), answer, self.seen, own_pages=own_pages)
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`, as in image names."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL, without a final slash."""
        return f"http://{self.host}"

    def start(self) -> Self:
        """Start serving in a thread."""
        if self._thread is None:
            self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """Stop, close all connections and free the port; a second call does nothing."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._server.hang_up()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # gitops-bot opens sixteen connections at once; with the default of five, the others would wait a second.
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[Request], Answer],
        seen: deque[tuple[str, str, int]],
        *,
        own_pages: bool,
    ) -> None:
        self.answer, self.seen, self.own_pages = answer, seen, own_pages
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handling)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close keep-alive connections: a stopped server must not answer on them."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects; anything else is a bug, and its traceback is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _plain(status: int, text: str) -> Answer:
    return Answer(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})


class _Handling(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "gitops-bot-demo", ""
    timeout = _IDLE
    # The standard library writes responses in small parts; unbuffered, each would wait for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing: standard error belongs to the command that runs this server."""

    def handle_expect_100(self) -> bool:
        """Flush the buffered `100 Continue`: the client waits for it."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def _serve(self) -> None:
        try:
            request = self._request()
            answer = self.server.answer(request)
        except Refused as refused:
            answer = refused.answer
        self.server.seen.append((self.command, self.path, answer.status))
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class's names

    def _request(self) -> Request:
        # A repeated header is one list (RFC 9110, 5.3): skopeo sends one Accept line per media type.
        headers = {name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers}
        self._check_origin(headers)
        body = self._body(headers)
        if headers.get("content-encoding") == "gzip":
            body = _decompress(body)
        target = urlsplit(self.path)
        path = unquote(target.path, errors="replace")
        if not path.startswith("/") or any(ord(char) < 0x20 or ord(char) == 0x7F for char in path):
            raise Refused(_plain(400, "the path is invalid"))
        query = dict(parse_qsl(target.query, keep_blank_values=True, max_num_fields=100))
        return Request(self.command, path, query, headers, body)

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        port = self.server.server_port
        host = headers.get("host", "")
        if host not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self._end(403, "this server answers only as 127.0.0.1 or localhost")
        if "origin" in headers and not (self.server.own_pages and headers["origin"] == f"http://{host}"):
            self._end(403, "this server does not answer to web pages of other sites")

    def _end(self, status: int, text: str) -> None:
        """Refuse without reading the body, and close the connection."""
        self.close_connection = True
        raise Refused(_plain(status, text))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        length = headers.get("content-length")
        if headers.get("transfer-encoding", "").lower() == "chunked" and length is None:
            return self._chunks()
        if "transfer-encoding" in headers or (length is not None and not _LENGTH.match(length)):
            self._end(400, "the length of the body is ambiguous")
        if int(length or 0) > BODY_LIMIT:
            self._end(413, f"the body has more than {BODY_LIMIT} bytes")
        body = self.rfile.read(int(length or 0))
        if len(body) != int(length or 0):
            self._end(400, "the body is incomplete")
        return body

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = self.rfile.readline(1024).partition(b";")[0].strip()
            if not _CHUNK_SIZE.match(size):
                self._end(400, "a chunk of the body has no size")
            wanted = int(size, 16)
            if len(body) + wanted > BODY_LIMIT:
                self._end(413, f"the body has more than {BODY_LIMIT} bytes")
            chunk = self.rfile.read(wanted)
            if len(chunk) != wanted:
                self._end(400, "the body is incomplete")
            body += chunk
            if self.rfile.readline(1024).strip():
                self._end(400, "a chunk of the body is longer than it says")
            if not wanted:
                return bytes(body)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        # An answer may override `Date`: tests have servers with a wrong clock.
        headers = {"Server": self.version_string(), "Date": self.date_time_string(), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(answer.body)
        self.wfile.flush()


def _decompress(body: bytes) -> bytes:
    """Decompress gzip, up to the size limit of a body."""
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = decompressor.decompress(body, BODY_LIMIT)
    except zlib.error:
        raise Refused(_plain(400, "the body is not gzip")) from None
    if decompressor.unconsumed_tail or not decompressor.eof:
        raise Refused(_plain(413, f"the body decompresses to more than {BODY_LIMIT} bytes, or is incomplete"))
    return content
