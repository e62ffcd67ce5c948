"""Servers on real sockets that never come to an end, each byte well within the time that httpx would wait for it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gitops_bot.edges.http import Allowance, Http, Limit, NoResponse, Tuning
from gitops_bot.edges.http.transport import HEAD, MOST_ADDRESSES, Deadline, attempts
from gitops_bot.edges.patience import ATTEMPTS
from tests.counterparts.broken import ENDLESS, HINT, answer, broken_server, dripping
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds that a request may take here; without a deadline the drips would go on for two.
DEADLINE = 0.2


@pytest.mark.parametrize(("first", "drip"), [row[1:] for row in ENDLESS], ids=[row[0] for row in ENDLESS])
def test_what_drips_without_end_is_given_up(first: bytes, drip: bytes) -> None:
    with (
        dripping(first, drip) as host,
        Http(StillClock(), {}, {}, seconds=DEADLINE) as http,
        pytest.raises(NoResponse, match=r"took more than 0\.2 s to send one answer") as failure,
    ):
        http.request("GET", httpx.URL(f"http://{host}/"), {}, limit=2000)
    assert failure.value.host == host


@pytest.mark.parametrize("proxy", [False, True], ids=["the host", "a proxy"])
def test_a_greeting_without_end_is_given_up(proxy: bool) -> None:
    with dripping(b"", b"") as host:
        environ = {"HTTPS_PROXY": f"http://{host}"} if proxy else {}
        url = httpx.URL("https://registry.test/" if proxy else f"https://{host}/")
        with (
            Http(StillClock(), environ, {}, seconds=DEADLINE) as http,
            pytest.raises(NoResponse, match=r"took more than 0\.2 s"),
        ):
            http.request("GET", url, {}, limit=10)


def test_informational_answers_are_bounded_however_fast_they_come() -> None:
    flood = HINT * (2 * HEAD // len(HINT)) + answer("200 OK", b"fine")
    with (
        broken_server([flood]) as server,
        Http(StillClock(), {}, {}) as http,
        pytest.raises(NoResponse, match=f"closed the connection: more than {HEAD} bytes before the answer"),
    ):
        http.request("GET", httpx.URL(f"http://{server.host}/"), {}, limit=10)
    assert len(server.heads) == ATTEMPTS


URL = httpx.URL("https://registry.test/v2/")


def allowed(clock: StillClock, seconds: float) -> Allowance:
    return Allowance(clock, lambda: Limit(seconds, "took too long"))


def taking(clock: StillClock, seconds: float, status: int = 200) -> Script:
    """A host that takes so long for each answer."""

    def serve(_: httpx.Request) -> httpx.Response:
        clock.sleep(seconds)
        return reply(status)

    return Script(serve)


def test_requests_for_one_question_end_when_their_time_is_over() -> None:
    clock = StillClock()
    began, script = clock.now(), taking(clock, 20)
    with Http(clock, {}, {}, transport=script) as http, http.within(allowed(clock, 50)):
        for _ in range(3):
            http.request("GET", URL, {}, limit=10)
        with pytest.raises(NoResponse, match="took too long") as late:
            http.request("GET", URL, {}, limit=10)
    assert late.value.host == "registry.test"
    assert len(script.requests) == 3
    assert (clock.now() - began).total_seconds() == 60


def test_a_try_may_take_what_is_left_and_its_own_time_at_most() -> None:
    clock = StillClock()
    script = taking(clock, 20)
    with Http(clock, {}, {}, seconds=15, transport=script) as http, http.within(allowed(clock, 50)):
        for _ in range(3):
            http.request("GET", URL, {}, limit=10)
    assert [request.extensions["bound"].seconds for request in script.requests] == [15, 15, 10]


def test_waiting_for_a_turn_that_the_configuration_bounds_is_free() -> None:
    clock = StillClock()
    with (
        Http(clock, {}, {"registry.test": Tuning(rate=0.1)}, transport=Script(reply(200))) as http,
        http.within(allowed(clock, 5)),
    ):
        assert [http.request("GET", URL, {}, limit=10).status for _ in range(10)] == [200] * 10
    assert sum(clock.slept) == pytest.approx(90)


def test_a_limit_holds_from_the_moment_when_the_first_request_begins() -> None:
    clock, limits = StillClock(), [Limit(5, "later"), Limit(50, "first")]
    allowance = Allowance(clock, lambda: limits.pop() if len(limits) > 1 else limits[0])
    with suppress(NoResponse), allowance.counting():
        clock.sleep(20)
    clock.sleep(1000)
    assert (allowance.left.seconds, allowance.left.late.what, allowance.spent) == (30, "first", 20)


def test_each_request_on_a_kept_connection_has_the_whole_measure() -> None:
    deadline = Deadline()
    for _ in range(2):
        deadline.begin(Limit(60, "late"))
        deadline.take(HEAD)
    with pytest.raises(NoResponse, match=f"more than {HEAD} bytes before the answer"):
        deadline.take(1)


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
