"""Servers on real sockets that never come to an end, each byte well within the time that urllib3 would wait for it."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.facts import fixed
from gitops_bot.edges.github.wire import Wire
from gitops_bot.edges.http import NoResponse
from tests.counterparts.broken import ENDLESS, answer, broken_server, dripping
from tests.counterparts.clock import StillClock
from tests.counterparts.internet import document, internet

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "ghs_0123456789abcdef"
SECONDS = 0.1
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
def test_what_drips_without_end_is_given_up(first: bytes, drip: bytes) -> None:
    with dripping(first, drip) as host, pytest.raises(NoResponse) as error:
        wire(f"http://{host}").ask("GET", "/x")
    assert error.value.what == "took more than 0.1 s to send one answer"
    assert error.value.advice == "run again later; see githubstatus.com"


@pytest.mark.parametrize("proxy", [False, True], ids=["the host", "a proxy"])
def test_a_greeting_without_end_is_given_up(proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(b"", b"") as host:
        if proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{host}")
        with pytest.raises(NoResponse, match=r"took more than 0\.1 s"):
            wire("https://github.test" if proxy else f"https://{host}").ask("GET", "/x")


def test_bytes_before_the_answer_are_bounded_however_fast_they_come() -> None:
    flood = CONTINUE[2] * 20_000 + answer("200 OK", JSON)
    with broken_server([flood]) as server, pytest.raises(NoResponse, match="more than 262144 bytes before the answer"):
        wire(f"http://{server.host}", 20).ask("GET", "/x")
    with broken_server([answer("200 OK", b'"' + b"x" * 1_000_000 + b'"')]) as server:  # a body is no head
        assert len(wire(f"http://{server.host}", 20).ask("GET", "/x")) == 1_000_000


def test_an_informational_answer_is_none() -> None:
    with broken_server([b"HTTP/1.1 103 Early Hints\r\n\r\n"]) as server, pytest.raises(Exception, match="103"):
        wire(f"http://{server.host}", 20).ask("POST", "/x", body={})


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
        ours = wire(address, 0.1)
        for _ in range(3):
            assert ours.ask("GET", "/x") == {"fine": True}
        thread.join()
    for connection in kept:
        connection.close()


# --- names ---


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the name github.test have these addresses."""
    real = socket.getaddrinfo

    def known(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        told = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]
        return told if host == "github.test" else real(host, port, *rest, **more)

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
        with pytest.raises(NoResponse, match=r"took more than 0\.1 s"):
            wire("http://github.test").ask("GET", "/x")
    finally:
        over.set()


def test_an_encrypted_connection_leads_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with internet(tmp_path, "api.github.com") as net:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(net.certificate))
        monkeypatch.setenv("HTTPS_PROXY", net.environ["HTTPS_PROXY"])
        net.answers["api.github.com"] = lambda _: document({"fine": True})
        with closing(wire("https://api.github.com", 20)) as ours:
            assert [ours.ask("GET", "/x") for _ in range(2)] == [{"fine": True}] * 2
        assert net.seen == ["GET api.github.com/x"] * 2
