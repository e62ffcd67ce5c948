from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gitops_bot.edges.http import Http, NoResponse
from gitops_bot.edges.http.transport import MOST_ADDRESSES, attempts
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REAL = socket.getaddrinfo


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Give the name `many.test` these addresses; tells which addresses were looked up since."""

    def resolve(*addresses: str) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
            asked.append(host)
            if host != "many.test":
                return REAL(host, port, *rest, **more)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return resolve


def test_each_address_has_a_share_of_the_time(resolving: Callable[..., list[str]]) -> None:
    resolving("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3")
    shares = list(attempts("many.test", 443, 30))
    assert [address for address, _ in shares] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert [seconds for _, seconds in shares] == pytest.approx([10, 15, 30], rel=0.5)


def test_a_name_with_fifty_addresses_is_tried_at_a_few(resolving: Callable[..., list[str]]) -> None:
    resolving(*(f"192.0.2.{number}" for number in range(50)))
    assert len(list(attempts("many.test", 443, 10))) == MOST_ADDRESSES


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.7"])
def test_an_address_is_not_looked_up(resolving: Callable[..., list[str]], host: str) -> None:
    asked = resolving()
    assert [address for address, _ in attempts(host, 443, 10)] == [host]
    assert asked == []


def test_the_next_address_is_tried_where_one_refuses(resolving: Callable[..., list[str]]) -> None:
    resolving("127.0.0.2", "127.0.0.1")
    with broken_server([answer("200 OK", b"fine")]) as server, Http(StillClock(), {}, {}) as http:
        url = httpx.URL(f"http://many.test:{server.host.rpartition(':')[2]}/")
        assert http.request("GET", url, {}, limit=10).body == b"fine"


def test_a_name_without_an_address_cannot_be_reached(resolving: Callable[..., list[str]]) -> None:
    resolving()
    with (
        Http(StillClock(), {}, {}, attempts=1) as http,
        pytest.raises(NoResponse, match="does not accept connections: the name has no address") as failure,
    ):
        http.request("GET", httpx.URL("http://many.test/"), {}, limit=10)
    assert not failure.value.reached


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that gives no answer."""
    over = threading.Event()

    def getaddrinfo(*_: Any, **__: Any) -> Any:
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answered")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    over.set()


@pytest.mark.usefixtures("stuck")
def test_a_resolver_that_does_not_answer_is_given_up() -> None:
    with (
        Http(StillClock(), {}, {}, seconds=0.1) as http,
        pytest.raises(NoResponse, match=r"took more than 0\.1 s to send one answer"),
    ):
        http.request("GET", httpx.URL("http://slow.test/"), {}, limit=10)


def test_where_no_thread_starts_the_name_is_looked_up_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert "127.0.0.1" in [address for address, _ in attempts("localhost", 80, 10)]
