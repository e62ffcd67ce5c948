from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import UsageError
from gitops_bot.server.health import CONNECTIONS, HEAD, HealthServer, Response

if TYPE_CHECKING:
    from collections.abc import Iterator


def page(path: str) -> Response | None:
    match path:
        case "/healthz":
            return Response(200, "alive\n")
        case "/readyz":
            return Response(503, "no cycle has ended yet\n")
        case _:
            return None


@pytest.fixture
def server() -> Iterator[HealthServer]:
    with HealthServer("127.0.0.1:0", page, seconds=60) as running:
        yield running


def connect(server: HealthServer) -> socket.socket:
    host, _, port = server.address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=30)


def said(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    found = bytearray()
    while chunk := connection.recv(65_536):
        found += chunk
    return bytes(found)


def ask(server: HealthServer, sent: bytes) -> bytes:
    with connect(server) as connection:
        connection.sendall(sent)
        return said(connection)


GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
ASKED = {
    "alive": (GET % b"/healthz", b"200 OK", b"alive\n"),
    "not ready, and why": (GET % b"/readyz", b"503 Service Unavailable", b"no cycle has ended yet\n"),
    "with a query": (GET % b"/healthz?verbose=1", b"200 OK", b"alive\n"),
    "without a Host, by HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", b"200 OK", b"alive\n"),
    "HEAD": (b"HEAD /healthz HTTP/1.1\r\n\r\n", b"200 OK", b""),
    "a path that there is not": (
        GET % b"/etc/passwd",
        b"404 Not Found",
        b"try /, /healthz, /readyz or /metrics\n",
    ),
    "a path in disguise": (
        GET % b"//healthz",
        b"404 Not Found",
        b"try /, /healthz, /readyz or /metrics\n",
    ),
    "POST": (
        b"POST /healthz HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
        b"405 Method Not Allowed",
        b"only GET and HEAD\n",
    ),
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400 Bad Request", b"not an HTTP request\n"),
    "a line break in the path": (b"GET /he\nalthz HTTP/1.1\r\n\r\n", b"400 Bad Request", b"not an HTTP request\n"),
    "a whole address": (b"GET http://x/healthz HTTP/1.1\r\n\r\n", b"400 Bad Request", b"not an HTTP request\n"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\n", b"400 Bad Request", b"not an HTTP request\n"),
    "nothing before the empty line": (b"\r\n\r\n", b"400 Bad Request", b"not an HTTP request\n"),
}


@pytest.mark.parametrize(("sent", "status", "body"), ASKED.values(), ids=ASKED)
def test_each_request_gets_one_answer_and_the_end(
    server: HealthServer, sent: bytes, status: bytes, body: bytes
) -> None:
    head, _, found = ask(server, sent).partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 " + status
    assert found == body
    assert b"Connection: close" in head
    assert b"Cache-Control: no-store" in head


def test_a_head_that_does_not_end_is_refused(server: HealthServer) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /" + b"x" * (HEAD * 2))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 431 ")


def test_whoever_says_nothing_is_hung_up_on() -> None:
    with HealthServer("127.0.0.1:0", page, seconds=0.01) as server, connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):  # as good an end
            assert connection.recv(100) == b""


def test_slow_clients_do_not_keep_the_probes_out(server: HealthServer) -> None:
    slow = [connect(server) for _ in range(CONNECTIONS * 3)]
    try:
        for each in slow:
            each.sendall(b"GET /hea")
        assert b"alive" in ask(server, GET % b"/healthz")
        # The newest of them still has its turn.
        slow[-1].sendall(b"lthz HTTP/1.1\r\n\r\n")
        assert b"alive" in said(slow[-1])
    finally:
        for each in slow:
            each.close()


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    try:
        server = HealthServer("[::1]:0", page)
    except UsageError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert server.address.startswith("[::1]:")
        assert b"alive" in ask(server, GET % b"/healthz")


@pytest.mark.parametrize(
    "listen", ["", "8080", ":8080", "localhost", "localhost:", "localhost:65536", "::1:80", "a b:80", "x:80\n"]
)
def test_what_is_no_address_is_refused_with_what_to_write(listen: str) -> None:
    with pytest.raises(UsageError, match="is not HOST:PORT") as refused:
        HealthServer(listen, page)
    assert "0.0.0.0:8080" in refused.value.problem.next


def test_an_address_that_is_taken_is_told_at_the_start(server: HealthServer) -> None:
    with pytest.raises(UsageError, match="Address already in use"):
        HealthServer(server.address, page)


def test_connections_under_way_neither_keep_its_end_nor_spoil_it(capfd: pytest.CaptureFixture[str]) -> None:
    with HealthServer("127.0.0.1:0", page) as server:
        open_ones = [connect(server) for _ in range(8)]
        for each in open_ones[:4]:
            each.sendall(b"GET /hea")
        assert b"alive" in ask(server, GET % b"/healthz")
    for each in open_ones:
        each.close()
    assert capfd.readouterr() == ("", "")
