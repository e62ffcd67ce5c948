"""Servers on real sockets that never come to an end, each byte well within the time that httpx would wait for it."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from gitops_bot.edges.http import Allowance, Http, Limit, NoResponse, Tuning
from gitops_bot.edges.http.transport import HEAD, Deadline
from gitops_bot.edges.patience import ATTEMPTS
from tests.counterparts.broken import ENDLESS, HINT, answer, broken_server, dripping
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

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
