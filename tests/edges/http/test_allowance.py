from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from gitops_bot.edges.http import Allowance, Http, Limit, NoResponse, Tuning
from gitops_bot.edges.patience import TOTAL_SECONDS
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

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


def test_tries_and_waits_take_of_the_time_and_the_last_answer_is_given() -> None:
    clock = StillClock()
    began = clock.now()
    with Http(clock, {}, {}, transport=taking(clock, 20, status=503)) as http, http.within(allowed(clock, 50)):
        assert http.request("GET", URL, {}, limit=10).status == 503
    assert (clock.now() - began).total_seconds() <= 70


def test_a_try_may_take_what_is_left_and_its_own_time_at_most() -> None:
    clock = StillClock()
    script = taking(clock, 20)
    with Http(clock, {}, {}, seconds=15, transport=script) as http, http.within(allowed(clock, 50)):
        for _ in range(3):
            http.request("GET", URL, {}, limit=10)
    assert [request.extensions["bound"].seconds for request in script.requests] == [15, 15, 10]


def test_each_question_has_its_own_time() -> None:
    clock = StillClock()
    with Http(clock, {}, {}, transport=taking(clock, 20)) as http:
        for _ in range(2):
            with http.within(allowed(clock, 30)):
                assert [http.request("GET", URL, {}, limit=10).status for _ in range(2)] == [200, 200]


def test_without_a_question_each_request_has_the_whole_time() -> None:
    clock = StillClock()
    script = taking(clock, TOTAL_SECONDS - 1)
    with Http(clock, {}, {}, transport=script) as http:
        for _ in range(3):
            http.request("GET", URL, {}, limit=10)
    assert len(script.requests) == 3


def test_waiting_for_a_turn_that_the_configuration_bounds_is_free() -> None:
    clock = StillClock()
    with (
        Http(clock, {}, {"registry.test": Tuning(rate=0.1)}, transport=Script(reply(200))) as http,
        http.within(allowed(clock, 5)),
    ):
        assert [http.request("GET", URL, {}, limit=10).status for _ in range(10)] == [200] * 10
    assert sum(clock.slept) == pytest.approx(90)


def test_a_pause_that_the_host_asks_for_is_not_begun_where_it_is_longer_than_what_is_left() -> None:
    clock = StillClock()
    with Http(clock, {}, {}, transport=Script(reply(429, headers={"Retry-After": "40"}))) as http:
        with http.within(allowed(clock, 30)):
            assert http.request("GET", URL, {}, limit=10).status == 429
        with http.within(allowed(clock, 30)), pytest.raises(NoResponse, match="asks for none for 40 s"):
            http.request("GET", URL, {}, limit=10)
    assert clock.slept == []


def test_a_limit_holds_from_the_moment_when_the_first_request_begins() -> None:
    clock, limits = StillClock(), [Limit(5, "later"), Limit(50, "first")]
    allowance = Allowance(clock, lambda: limits.pop() if len(limits) > 1 else limits[0])
    with suppress(NoResponse), allowance.counting():
        clock.sleep(20)
    clock.sleep(1000)
    assert (allowance.left.seconds, allowance.left.late.what, allowance.spent) == (30, "first", 20)
