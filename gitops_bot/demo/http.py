"""A small HTTP/1.1 server for loopback: what the embedded registry and the embedded forge stand on.

It listens on 127.0.0.1 only, and still takes every request for hostile: a web page in the user's browser can reach
loopback too. So the Host header must name this server (DNS rebinding), requests that carry the Origin of another site
are refused (cross-site writes), and sizes and times are bounded.
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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: No body may be larger than this, in bytes: images and packs of a demo are far smaller.
BODY_LIMIT = 64 * 1024 * 1024
#: Seconds that a client may stay silent in the middle of a request, or between two.
_SILENCE = 30.0
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}\Z")
_LENGTH = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` is percent-decoded, header names are in lower case, a gzip body is unpacked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer with a JSON document."""
        head = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        return cls(status, json.dumps(value, separators=(",", ":")).encode(), head)


class Refused(Exception):  # noqa: N818 - an answer that is raised, not a fault of ours
    """Ends a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Route:
    """A method, the pattern of a whole path, and who answers: its named groups become keyword arguments."""

    method: str
    path: re.Pattern[str]
    answer: Callable[..., Answer]


def dispatch(routes: Sequence[Route], request: Request) -> Answer | None:
    """Answer by the first route that fits; None where no route does."""
    for route in routes:
        if route.method == request.method and (found := route.path.fullmatch(request.path)):
            return route.answer(request, **found.groupdict())
    return None


class Server:
    """Serves one handler on a loopback port; a context manager.

    `port=0` takes a free one, another number exactly that one: a state that was kept can be served at its old address.
    `seen` remembers the last requests as (method, target, status), which is how tests count them. `own_pages`: it shows
    pages whose forms come back to it; without, no request of a web page is answered.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, answer: Callable[[Request], Answer], *, port: int = 0, own_pages: bool = False) -> None:
        self.seen: deque[tuple[str, str, int]] = deque(maxlen=10_000)
        self._server = _Listener(("127.0.0.1", port), answer, self.seen, own_pages=own_pages)
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`, as it stands in the name of an image."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at the end."""
        return f"http://{self.host}"

    def start(self) -> Self:
        """Serve in a thread from now on."""
        if self._thread is None:
            self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """End, hang up on everyone and release the port; a second call does nothing."""
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
    # The bot opens sixteen connections at once; beyond the default of five they would wait a second for their turn.
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
        """Wake the threads of kept-alive connections: a stopped server must not go on answering through them."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else is a bug, and its traceback is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _plain(status: int, text: str) -> Answer:
    return Answer(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})


class _Handling(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "gitops-bot-demo", ""
    timeout = _SILENCE
    # The stdlib answers in many small writes; without this each one waits for the client's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent: standard error belongs to the command that runs this server."""

    def handle_expect_100(self) -> bool:
        """Say at once that the body may come: the client waits for it, and the answer is buffered."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _serve(self) -> None:
        try:
            request = self._request()
            given = self.server.answer(request)
        except Refused as refused:
            given = refused.answer
        self.server.seen.append((self.command, self.path, given.status))
        self._send(given)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class asks for these

    def _request(self) -> Request:
        # A header that comes twice is one list (RFC 9110, 5.3): skopeo sends an Accept line for each media type.
        headers = {name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers}
        self._check_origin(headers)
        body = self._body(headers)
        if headers.get("content-encoding") == "gzip":
            body = _unpack(body)
        target = urlsplit(self.path)
        path = unquote(target.path, errors="replace")
        if not path.startswith("/") or any(ord(char) < 0x20 or ord(char) == 0x7F for char in path):
            raise Refused(_plain(400, "the path is not one"))
        query = dict(parse_qsl(target.query, keep_blank_values=True, max_num_fields=100))
        return Request(self.command, path, query, headers, body)

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        port = self.server.server_port
        host = headers.get("host", "")
        if host not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self._end(403, "this server answers to 127.0.0.1 and localhost only")
        if "origin" in headers and not (self.server.own_pages and headers["origin"] == f"http://{host}"):
            self._end(403, "this server does not answer to web pages of others")

    def _end(self, status: int, text: str) -> None:
        """Refuse without reading the body: then the connection cannot be used again."""
        self.close_connection = True
        raise Refused(_plain(status, text))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        length = headers.get("content-length")
        if headers.get("transfer-encoding", "").lower() == "chunked" and length is None:
            return self._chunks()
        if "transfer-encoding" in headers or (length is not None and not _LENGTH.match(length)):
            self._end(400, "the length of the body is not clear")
        if int(length or 0) > BODY_LIMIT:
            self._end(413, f"the body has more than {BODY_LIMIT} bytes")
        body = self.rfile.read(int(length or 0))
        if len(body) != int(length or 0):
            self._end(400, "the body was cut off")
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
                self._end(400, "the body was cut off")
            body += chunk
            if self.rfile.readline(1024).strip():
                self._end(400, "a chunk of the body is longer than it says")
            if not wanted:
                return bytes(body)

    def _send(self, given: Answer) -> None:
        self.send_response_only(given.status)
        # An answer may say another time: that of a server whose clock is wrong.
        named = {"Server": self.version_string(), "Date": self.date_time_string(), **given.headers}
        for name, value in named.items():
            self.send_header(name, value)
        if given.status not in (204, 304):
            if "Content-Length" not in given.headers:
                self.send_header("Content-Length", str(len(given.body)))
            self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and given.status not in (204, 304):
            self.wfile.write(given.body)
        self.wfile.flush()


def _unpack(body: bytes) -> bytes:
    """Unpack gzip, never to more than the limit of a body."""
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, BODY_LIMIT)
    except zlib.error:
        raise Refused(_plain(400, "the body is not gzip")) from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise Refused(_plain(413, f"the body unpacks to more than {BODY_LIMIT} bytes, or was cut off"))
    return unpacked
