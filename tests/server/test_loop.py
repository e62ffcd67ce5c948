from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.server.loop import CycleResult, Every, Liveness, overran, run
from tests.counterparts.clock import StillClock

if TYPE_CHECKING:
    from collections.abc import Sequence

FIVE = Every(timedelta(minutes=5))
DONE = CycleResult("done")


class Enough(BaseException):
    """The test has seen enough."""


@dataclass(slots=True)
class Work:
    """Cycles that take so many seconds each, by a clock that stands still meanwhile."""

    clock: StillClock
    seconds: Sequence[float]
    results: Sequence[CycleResult] = ()
    began: list[str] = field(default_factory=list)
    limits: list[timedelta] = field(default_factory=list)
    told: list[tuple[int, str, float, str]] = field(default_factory=list)

    def cycle(self, number: int, limit: timedelta) -> CycleResult:
        if number > len(self.seconds):
            raise Enough
        self.began.append(_time(self.clock.now()))
        self.limits.append(limit)
        self.clock.moment += timedelta(seconds=self.seconds[number - 1])
        return self.results[number - 1] if self.results else DONE

    def tell(self, number: int, ended: CycleResult, took: timedelta, begin: datetime) -> None:
        self.told.append((number, ended.result, took.total_seconds(), _time(begin)))

    def run(self, every: Every = FIVE) -> Liveness:
        pulse = Liveness(every, self.clock)
        with pytest.raises(Enough):
            run(every, timedelta(0), self.clock, self.cycle, pulse, self.tell)
        return pulse


def _time(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S")


def test_the_first_cycle_begins_at_once_and_each_other_one_on_its_tick() -> None:
    work = Work(StillClock(), [10, 0, 299])
    work.run()
    assert work.began == ["12:00:00", "12:05:00", "12:10:00"]
    assert work.told == [(1, "done", 10, "12:05:00"), (2, "done", 0, "12:10:00"), (3, "done", 299, "12:15:00")]


def test_a_cycle_that_overruns_skips_the_ticks_it_missed_and_makes_up_for_none() -> None:
    work = Work(StillClock(), [11 * 60, 0, 0])
    work.run()
    assert work.began == ["12:00:00", "12:15:00", "12:20:00"]


def test_a_cycle_that_failed_or_was_broken_off_is_followed_by_the_next() -> None:
    work = Work(StillClock(), [1, 1, 1], [CycleResult("failed", "no route"), overran(timedelta(minutes=15)), DONE])
    work.run()
    assert [result for _, result, _, _ in work.told] == ["failed", "overran", "done"]
    assert work.began == ["12:00:00", "12:05:00", "12:10:00"]


def test_a_cycle_may_take_three_periods_and_a_quarter_of_an_hour_in_any_case() -> None:
    hour, week = Every(timedelta(hours=1)), Every(timedelta(days=7))
    for every, limit in ((Every(timedelta(seconds=1)), 15), (FIVE, 15), (hour, 180), (week, 360)):
        work = Work(StillClock(), [0])
        work.run(every)
        assert work.limits == [timedelta(minutes=limit)]


def test_nobody_waits_an_hour_longer_when_the_clock_is_set_back_meanwhile() -> None:
    class SetBack(StillClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 3:
                self.moment -= timedelta(hours=1)

    clock = SetBack()
    Work(clock, [0, 0]).run()
    # Five minutes for each of the two, whatever the clock says.
    assert sum(clock.slept) == 600


# Probes


NOON = StillClock().moment


Pulse = tuple[Liveness, StillClock]


def pulse(*history: tuple[int, CycleResult | None]) -> Pulse:
    """Cycles that began (None) or ended so many minutes after noon."""
    clock = StillClock()
    found = Liveness(FIVE, clock)
    for minutes, ended in history:
        clock.moment = NOON + timedelta(minutes=minutes)
        if ended is None:
            found.started(clock.now())
        else:
            found.ended(clock.now(), ended)
    return found, clock


FAILED = CycleResult("failed", "deploy.git cannot be read")
UNREADY: dict[str, tuple[Pulse, int, str | None]] = {
    "before the first cycle": (pulse(), 0, "no cycle has completed yet"),
    "in the first cycle": (
        pulse((0, None)),
        1,
        "no cycle has completed yet; one has been running since 2026-11-21T12:00:00Z",
    ),
    "after a cycle": (pulse((0, None), (1, DONE)), 1, None),
    "after one of which a part failed": (pulse((0, None), (1, CycleResult("partial"))), 2, None),
    "three periods after it": (pulse((0, None), (1, DONE)), 16, None),
    "later than that": (pulse((0, None), (1, DONE)), 17, "no cycle since 2026-11-21T12:01:00Z"),
    "in a long cycle": (
        pulse((0, None), (1, DONE), (5, None)),
        17,
        "no cycle since 2026-11-21T12:01:00Z; one has been running since 2026-11-21T12:05:00Z",
    ),
    "after one that failed, soon after one that did not": (
        pulse((0, None), (1, DONE), (5, None), (6, FAILED)),
        7,
        None,
    ),
    "when all fail": (
        pulse((0, None), (1, FAILED)),
        2,
        "no cycle has completed yet; the last one: deploy.git cannot be read",
    ),
    "when they do no more": (pulse((0, None), (1, FAILED), (5, None), (6, DONE)), 7, None),
}


@pytest.mark.parametrize(("pulse", "minutes", "said"), UNREADY.values(), ids=UNREADY)
def test_it_is_ready_when_a_cycle_ended_within_three_periods_and_says_why_not(
    pulse: Pulse, minutes: int, said: str | None
) -> None:
    liveness, clock = pulse
    clock.moment = NOON + timedelta(minutes=minutes)
    assert liveness.why_unready() == said


DEAD: dict[str, tuple[Pulse, int, str | None]] = {
    "before the first cycle": (pulse(), 1000, None),
    "between two": (pulse((0, None), (1, DONE)), 1000, None),
    "within the time of a cycle": (pulse((0, None)), 15, None),
    "while it is broken off": (pulse((0, None)), 16, None),
    "when that did not help": (
        pulse((0, None)),
        17,
        "the cycle that started at 2026-11-21T12:00:00Z cannot be stopped",
    ),
}


@pytest.mark.parametrize(("pulse", "minutes", "said"), DEAD.values(), ids=DEAD)
def test_it_is_alive_until_a_cycle_cannot_even_be_broken_off(pulse: Pulse, minutes: int, said: str | None) -> None:
    liveness, clock = pulse
    clock.moment = NOON + timedelta(minutes=minutes)
    assert liveness.why_dead() == said


@pytest.mark.parametrize("days", [400, -400])
@pytest.mark.parametrize("within", [True, False], ids=["during a cycle", "between two"])
def test_a_clock_that_is_set_makes_nobody_dead_or_unready(days: int, within: bool) -> None:
    liveness, clock = pulse((0, None), (1, DONE), *([(5, None)] if within else []))
    clock.ahead = timedelta(days=days)
    clock.moment += timedelta(minutes=1)
    assert (liveness.why_dead(), liveness.why_unready()) == (None, None)
    clock.moment += timedelta(hours=1)
    assert (liveness.why_dead() is None) is not within
    assert liveness.why_unready() is not None
