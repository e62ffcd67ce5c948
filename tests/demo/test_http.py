from __future__ import annotations

import gzip
import socket
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import BODY_LIMIT, Answer, Request, Server
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator


def echo(request: Request) -> Answer:
    body = f"{request.method} {request.path} {dict(request.query)} {len(request.body)} ".encode() + request.body[:40]
    return Answer(200, body, {"Content-Type": "text/plain", "X-Accept": request.headers.get("accept", "")})


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo) as running:
        yield running


def talk(server: Server, sent: bytes) -> bytes:
    """Send bytes, say that no more come, and give back everything that is answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent.replace(b"HOST", server.host.encode()))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def request(rest: bytes = b"", *, line: bytes = b"POST /a HTTP/1.1", host: bytes = b"HOST") -> bytes:
    return line + b"\r\nHost: " + host + b"\r\n" + rest


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(request(b"Content-Length: 5\r\n\r\nhello"), b"POST /a {} 5 hello", id="a body with its length"),
        pytest.param(
            request(b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"),
            b"POST /a {} 5 hello",
            id="a body in chunks",
        ),
        pytest.param(
            request(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(b"hello", mtime=0)))
            + gzip.compress(b"hello", mtime=0),
            b"POST /a {} 5 hello",
            id="a packed body",
        ),
        pytest.param(
            request(b"\r\n", line=b"GET /a%2Fb?x=1&y= HTTP/1.1"), b"GET /a/b {'x': '1', 'y': ''} 0", id="a query"
        ),
        pytest.param(request(b"\r\n", host=b"localhost:PORT"), b"POST /a {} 0", id="by the name localhost"),
    ],
)
def test_a_request_arrives_as_it_was_meant(server: Server, sent: bytes, expected: bytes) -> None:
    answer = talk(server, sent.replace(b"PORT", str(server.port).encode()))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert expected in answer


@rows("sent status", {
    "another host: a name that was rebound": (request(b"\r\n", host=b"evil.example"), 403),
    "two hosts": (request(b"Host: HOST\r\n\r\n"), 403),
    "a web page, even one of ours": (request(b"Origin: http://HOST\r\n\r\n"), 403),
    "a body over the limit": (request(b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)), 413),
    "a chunk over the limit": (request(b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (BODY_LIMIT + 1)), 413),
    "a negative length": (request(b"Content-Length: -1\r\n\r\n"), 400),
    "two lengths": (request(b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400),
    "length and chunks": (request(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
    "a body that was cut off": (request(b"Content-Length: 9\r\n\r\nhello"), 400),
    "a chunk without a size": (request(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400),
    "a chunk longer than it says": (request(b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n"), 400),
    "a body that is no gzip": (request(b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz"), 400),
    "a packed body that was cut off": (
        request(b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n") + gzip.compress(b"hello")[:12], 413,
    ),
    "a control character in the path": (request(b"\r\n", line=b"GET /a%00b HTTP/1.1"), 400),
    "a method that nobody needs": (request(b"\r\n", line=b"TRACE /a HTTP/1.1"), 501),
})  # fmt: skip
def test_a_hostile_request_is_refused(server: Server, sent: bytes, status: int) -> None:
    assert talk(server, sent).startswith(b"HTTP/1.1 %d " % status)


def test_a_packed_body_does_not_unpack_beyond_the_limit(server: Server) -> None:
    bomb = gzip.compress(b"\0" * (BODY_LIMIT + 1))
    sent = request(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)) + bomb
    assert talk(server, sent).startswith(b"HTTP/1.1 413 ")


def test_after_a_refusal_without_reading_the_body_the_connection_ends(server: Server) -> None:
    smuggled = request(b"Origin: x\r\nContent-Length: 60\r\n\r\n") + request(b"\r\n", line=b"GET /smuggled HTTP/1.1")
    answer = talk(server, smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in answer


def test_the_client_that_waits_for_leave_to_send_its_body_gets_it_before_the_body_is_there(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = request(b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        connection.sendall(head.replace(b"HOST", server.host.encode()))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_stopped_server_does_not_go_on_answering_through_an_open_connection() -> None:
    server = Server(echo).start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request(b"\r\n", line=b"GET /a HTTP/1.1").replace(b"HOST", server.host.encode()))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        server.stop()
        assert connection.recv(1000) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=10)
    server.stop()


def test_it_listens_on_loopback_only(server: Server) -> None:
    assert server._server.server_address[0] == "127.0.0.1"
