from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gitops_bot.edges.http.client import Pace
from gitops_bot.edges.http.transport import NoResponse
from tests.counterparts.clock import StillClock


@pytest.mark.parametrize(
    ("rate", "pause", "waits"),
    [
        pytest.param(None, None, [], id="no rate"),
        pytest.param(4, None, [0.25, 0.25, 0.25], id="a rate"),
        pytest.param(1 / 200, None, [200, 200, 200], id="a slow rate is no pause"),
        pytest.param(None, 7, [7, 0.2, 0.2], id="the pause that a host asked for, then a distance"),
    ],
)
def test_requests_are_spaced_out(rate: float | None, pause: float | None, waits: list[float]) -> None:
    clock = StillClock()
    pace = Pace(clock, rate=rate)
    for number in range(4):
        with pace.turn(60) as seen:
            if pause is not None and number == 0:
                pace.slow_down(seen, pause)
    assert clock.slept == pytest.approx(waits)


def test_a_pause_longer_than_the_patience_is_not_waited_for_and_takes_no_place() -> None:
    clock = StillClock()
    pace = Pace(clock, concurrency=1)
    with pace.turn(60) as seen:
        pace.slow_down(seen, 3600)
    for _ in range(3):
        with pytest.raises(NoResponse, match="asks for none for 3600 s"), pace.turn(60):
            pass
    assert clock.slept == []


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
