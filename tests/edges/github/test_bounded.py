"""Servers on real sockets that never come to an end, each byte well within the time that urllib3 would wait for it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.facts import fixed
from gitops_bot.edges.github.wire import Wire
from gitops_bot.edges.http import NoResponse
from tests.counterparts import token_server
from tests.counterparts.broken import ENDLESS, answer, broken_server, dripping
from tests.counterparts.clock import StillClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ghs_0123456789abcdef"
SECONDS = 0.2
JSON = b'{"fine": true}'
CONTINUE = ("100 Continue", b"", b"HTTP/1.1 100 Continue\r\n\r\n")
TABLE = [*(row for row in ENDLESS if row[0] != "informational answers"), CONTINUE]


def wire(address: str, seconds: float = SECONDS) -> Wire:
    return Wire(address, fixed(TOKEN), StillClock(), seconds=seconds)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy but those that a test names."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(("first", "drip"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_drips_without_end_is_given_up(first: bytes, drip: bytes, method: str) -> None:
    with dripping(first, drip) as host, pytest.raises(NoResponse) as error:
        wire(f"http://{host}").ask(method, "/x")
    assert error.value.what == "took more than 0.2 s to send one answer"
    assert error.value.advice == "run again later; see githubstatus.com"


@pytest.mark.parametrize("proxy", [False, True], ids=["the host", "a proxy"])
def test_a_greeting_without_end_is_given_up(proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(b"", b"") as host:
        if proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{host}")
        with pytest.raises(NoResponse, match=r"took more than 0\.2 s"):
            wire("https://github.test" if proxy else f"https://{host}").ask("GET", "/x")


def test_a_proxy_whose_answer_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x") as host:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{host}")
        with pytest.raises(NoResponse, match=r"took more than 0\.2 s"):
            wire("https://github.test").ask("GET", "/x")


def test_bytes_before_the_answer_are_bounded_however_fast_they_come() -> None:
    flood = CONTINUE[2] * 20_000 + answer("200 OK", JSON)
    with broken_server([flood]) as server, pytest.raises(NoResponse, match="more than 262144 bytes before the answer"):
        wire(f"http://{server.host}", 20).ask("GET", "/x")


def test_the_body_of_a_fault_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitops_bot.edges.github.wire._LIMIT", 1_000_000)
    with broken_server([answer("502 Bad Gateway", b"x" * 2_000_000)]) as server, pytest.raises(NoResponse):
        wire(f"http://{server.host}", 20).ask("GET", "/x")
    assert len(server.heads) == 1


def test_an_informational_answer_is_none() -> None:
    with (
        broken_server([b"HTTP/1.1 103 Early Hints\r\n\r\n"]) as server,
        pytest.raises(Exception, match="103"),
    ):
        wire(f"http://{server.host}", 20).ask("POST", "/x", body={})


def test_a_long_body_is_not_measured_as_a_head() -> None:
    with broken_server([answer("200 OK", b'"' + b"x" * 1_000_000 + b'"')]) as server:
        assert len(wire(f"http://{server.host}", 20).ask("GET", "/x")) == 1_000_000


def test_each_try_has_the_whole_time() -> None:
    answers = [answer("502 Bad Gateway"), answer("502 Bad Gateway"), answer("200 OK", JSON)]
    with broken_server(answers) as server:
        assert wire(f"http://{server.host}", 20).ask("GET", "/x") == {"fine": True}
    assert len(server.heads) == 3


def test_after_two_answers_that_came_too_late_nothing_more_is_asked() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x") as host:
        slow = wire(f"http://{host}", 0.05)
        with pytest.raises(NoResponse, match="took more than"):
            slow.ask("GET", "/x")
    with pytest.raises(NoResponse, match="timed out 2 times in a row, so no more requests are sent"):
        slow.ask("GET", "/x")


def test_an_answer_in_time_makes_good_for_a_late_one() -> None:
    late = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for number in range(6):
                connection, _ = listener.accept()
                connection.recv(65_536)
                connection.sendall(answer("200 OK", JSON) if number % 2 else late)
                kept.append(connection)  # open: a late answer never ends

        thread = threading.Thread(target=serve)
        thread.start()
        address = "http://{}:{}".format(*listener.getsockname())
        ours = wire(address, 0.5)
        for _ in range(3):
            assert ours.ask("GET", "/x") == {"fine": True}
        thread.join()
    for connection in kept:
        connection.close()


# --- names ---


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name have these addresses."""

    def getaddrinfo(_: Any, port: Any, *__: Any, **___: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    real = socket.getaddrinfo

    def known(host: Any, *rest: Any, **more: Any) -> Any:
        return getaddrinfo(host, *rest, **more) if host == "github.test" else real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", known)


def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    with broken_server([answer("200 OK", JSON)]) as server:
        port = server.host.rpartition(":")[2]
        assert wire(f"http://github.test:{port}", 20).ask("GET", "/x") == {"fine": True}
    assert f"Host: github.test:{port}" in server.heads[0]


@pytest.mark.parametrize("addresses", [(), ("127.0.0.2",)], ids=["none", "one that refuses"])
def test_a_name_that_leads_nowhere_is_unanswered(monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]) -> None:
    resolving(monkeypatch, *addresses)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(NoResponse, match="cannot be reached"):
        wire(f"http://github.test:{port}", 20).ask("GET", "/x")


def test_a_resolver_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def getaddrinfo(*_: Any, **__: Any) -> Any:
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answered")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        with pytest.raises(NoResponse, match=r"took more than 0\.2 s"):
            wire("http://github.test").ask("GET", "/x")
    finally:
        over.set()


# --- TLS, and proxies that do what they should ---


@contextlib.contextmanager
def encrypted(folder: Path, connections: int) -> Iterator[int]:
    """A server for the name localhost that answers a request on each of so many connections; gives its port."""
    context = token_server.encrypted(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(connections):
                with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                    connection.recv(65_536)
                    connection.sendall(answer("200 OK", JSON))

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_encrypted_answers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    with encrypted(tmp_path, 3) as port:
        ours = wire(f"https://localhost:{port}", 20)
        assert [ours.ask("GET", "/x") for _ in range(3)] == [{"fine": True}] * 3


def test_an_encrypted_connection_leads_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    heads = []

    def relay(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    with encrypted(tmp_path, 1) as port, socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as client, socket.create_connection(("127.0.0.1", port)) as server:
                heads.append(client.recv(65_536).splitlines()[0])
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                threading.Thread(target=relay, args=(client, server), daemon=True).start()
                relay(server, client)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", "http://{}:{}".format(*listener.getsockname()))
        ours = wire(f"https://localhost:{port}", 20)
        assert ours.ask("GET", "/x") == {"fine": True}
        thread.join()
    assert heads == [f"CONNECT localhost:{port} HTTP/1.0".encode()]
