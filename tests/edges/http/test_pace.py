from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gitops_bot.edges.http.client import Pace
from gitops_bot.edges.http.transport import NoResponse
from tests.counterparts.clock import StillClock


def test_without_a_rate_nobody_waits() -> None:
    clock = StillClock()
    pace = Pace(clock)
    for _ in range(100):
        with pace.turn(60):
            pass
    assert clock.slept == []


def test_a_rate_spaces_the_requests_out() -> None:
    clock = StillClock()
    pace = Pace(clock, rate=4)
    for _ in range(5):
        with pace.turn(60):
            pass
    assert clock.slept == [pytest.approx(0.25)] * 4


def test_no_more_requests_are_under_way_than_allowed() -> None:
    pace = Pace(StillClock(), concurrency=3)
    all_in, inside, most = threading.Barrier(3), threading.Semaphore(3), []

    def visit(_: int) -> None:
        with pace.turn(60):
            most.append(inside.acquire(blocking=False))
            all_in.wait(30)
            inside.release()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(visit, range(12)))
    assert most == [True] * 12


def test_after_a_429_everybody_waits_as_long_as_the_host_asked_for() -> None:
    clock = StillClock()
    pace = Pace(clock)
    with pace.turn(60) as seen:
        pace.slow_down(seen, 7)
    with pace.turn(60):
        pass
    assert clock.slept == [pytest.approx(7)]


def test_after_a_429_requests_keep_a_distance() -> None:
    clock = StillClock()
    pace = Pace(clock)
    with pace.turn(60) as seen:
        pace.slow_down(seen, 1)
    for _ in range(3):
        with pace.turn(60):
            pass
    assert clock.slept == [pytest.approx(1), pytest.approx(0.2), pytest.approx(0.2)]


def test_many_429_of_one_burst_slow_down_once_and_a_later_one_again() -> None:
    clock = StillClock()
    pace = Pace(clock)
    burst = []
    for _ in range(16):
        with pace.turn(60) as seen:
            burst.append(seen)
    for seen in burst:
        pace.slow_down(seen, 0)
    for _ in range(2):
        with pace.turn(60) as seen:
            pass
    assert clock.slept == [pytest.approx(0.2)]
    pace.slow_down(seen, 0)
    for _ in range(3):
        with pace.turn(60):
            pass
    assert clock.slept[-1] == pytest.approx(0.4)


def test_the_distance_has_an_end_and_a_configured_one_is_never_shortened() -> None:
    for rate, longest in ((None, 3.0), (0.1, 10.0)):
        clock = StillClock()
        pace = Pace(clock, rate=rate)
        for _ in range(20):
            with pace.turn(1000) as seen:
                pace.slow_down(seen, 0)
        for _ in range(2):
            with pace.turn(1000):
                pass
        assert clock.slept[-1] == pytest.approx(longest)


def test_a_pause_longer_than_the_patience_is_not_waited_for() -> None:
    clock = StillClock()
    pace = Pace(clock)
    with pace.turn(60) as seen:
        pace.slow_down(seen, 3600)
    with pytest.raises(NoResponse, match="asks for none for 3600 s"), pace.turn(60):
        pass
    assert clock.slept == []


def test_a_slow_configured_rate_is_no_pause() -> None:
    clock = StillClock()
    pace = Pace(clock, rate=1 / 200)
    for _ in range(2):
        with pace.turn(60):
            pass
    assert clock.slept == [pytest.approx(200)]


def test_who_waited_while_the_host_closed_waits_again() -> None:
    class Interrupted(StillClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 1:
                pace.slow_down(0, 30)

    clock = Interrupted()
    pace = Pace(clock, rate=1)
    with pace.turn(60):
        pass
    with pace.turn(60):
        pass
    assert clock.slept == [pytest.approx(1), pytest.approx(30)]


def test_a_place_is_given_back_when_the_host_is_closed() -> None:
    pace = Pace(StillClock(), concurrency=1)
    with pace.turn(60) as seen:
        pace.slow_down(seen, 3600)
    for _ in range(3):
        with pytest.raises(NoResponse), pace.turn(60):
            pass
