"""`gitops-bot run`: one cycle after another, forever.

No decision depends on an earlier cycle: Git is the only state, and a restart costs no more than the time of a cycle.
Cycles start at an interval, or by a cron expression.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, get_args

from gitops_bot.images import duration
from gitops_bot.images.reason import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from gitops_bot.engine.world import Clock

#: The default jitter, as a part of the time between two ticks, and its limit: a fleet that was started in one second
#: does not send its requests in one second.
_TENTH, _MOST = 10, timedelta(minutes=1)
_SHORTEST: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Every:
    """One tick in each period."""

    period: timedelta

    def next(self, last: datetime, now: datetime) -> datetime:
        """The first tick after `now`, a whole number of periods after `last`; missed ticks are skipped."""
        if last > now:  # the clock was set back: do not wait until it catches up
            return now + self.period
        return last + ((now - last) // self.period + 1) * self.period


#: How far a clock may be set back without the ticks in between coming again.
_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A tick whenever the clock of a time zone matches the expression."""

    expression: str
    zone: ZoneInfo

    def next(self, last: datetime, now: datetime) -> datetime:
        """The first tick behind both, unless the clock was set back by more than an hour: then the next one by now.

        Where clocks change, a daily one comes once, as in Debian's cron.

        Raises:
            ValueError: this is not a cron expression, or it names a day that never comes.
        """
        from cronsim import CronSim, CronSimError

        try:
            behind = last if timedelta(0) < last - now <= _AGAIN else now
            tick = next(CronSim(self.expression, behind.astimezone(self.zone)), None)
        except CronSimError as error:
            message = f"{self.expression[:100]!r} is not a cron expression: {str(error)[:1].lower()}{str(error)[1:]}"
            raise ValueError(message) from error
        if tick is None:
            raise ValueError(f"{self.expression[:100]!r} names a day that never comes")
        return tick.astimezone(UTC)


Schedule = Every | Cron


def parse(text: str, zone: ZoneInfo, now: datetime) -> Schedule:
    """Read `5m`, or a cron expression of five fields such as `*/10 8-18 * * mon-fri`.

    Raises:
        ValueError: it is neither, or shorter than a second; the message says what to write.
    """
    if len(text.split()) > 1:
        cron = Cron(text, zone)
        cron.next(now, now)
        return cron
    period = duration.parse(text)
    if period < _SHORTEST:
        raise ValueError(f"{text!r} is too short: cycles are at least a second apart")
    return Every(period)


def later(schedule: Schedule, moment: datetime, count: int) -> datetime:
    """The time of the `count`th tick after a moment; for `Every`, that many periods later."""
    for _ in range(count):
        moment = schedule.next(moment, moment)
    return moment


def jittered(schedule: Schedule, tick: datetime, most: timedelta | None) -> datetime:
    """A moment at random between a tick and `most` after it (None: a tenth of the time to the next, at most 1 min)."""
    gap = schedule.next(tick, tick) - tick
    spread = min(gap / _TENTH, _MOST) if most is None else min(most, gap)
    return tick + spread * random.random()  # noqa: S311 - spreads requests, guards no secret


#: How a cycle ended. `partial`: an item failed, the rest was done; `failed`: the repository or the configuration could
#: not be read; `overran`: it took too long and was stopped.
ResultName = Literal["done", "partial", "failed", "overran"]
RESULTS: Final[tuple[ResultName, ...]] = get_args(ResultName)

#: Periods that may pass without the end of a cycle.
PERIODS = 3
#: The least time that a cycle is given (thousands of images behind a registry with a rate limit), and the most, even
#: where it is due once a week.
LEAST_LIMIT, MOST_LIMIT = timedelta(minutes=15), timedelta(hours=6)
#: The time to stop a cycle, the current write included; beyond it the process hangs.
SLACK = timedelta(minutes=1)
#: Seconds of one sleep: the clock may be set in the meantime, and machines sleep.
_NAP = 30.0


@dataclass(frozen=True, slots=True)
class CycleResult:
    """How a cycle ended; `why` it did not complete, and further `facts` for the log."""

    result: ResultName
    why: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def completed(self) -> bool:
        """Whether it ran to its end, even if single items failed."""
        return self.result in ("done", "partial")


def overran(limit: timedelta) -> CycleResult:
    """The result of a cycle that was stopped because it took too long."""
    message = f"the cycle took longer than {duration.write(limit)} and was stopped"
    advice = "find out what answers slowly, or give cycles more time with a longer --every"
    return CycleResult("overran", message, {"message": message, "next": advice})


class Liveness:
    """Whether the loop is alive and ready: written by it, read by the probes in another thread.

    Its limits are measured in seconds of `Clock.monotonic`, so it does not matter to what the clock is set meanwhile.
    """

    def __init__(self, schedule: Schedule, clock: Clock) -> None:
        self._schedule, self._clock = schedule, clock
        #: When the present cycle began and the last one completed, each with the second at which that is too long ago.
        self._since: tuple[datetime, float] | None = None
        self._completed: tuple[datetime, float] | None = None
        self._why = ""

    def started(self, now: datetime) -> timedelta:
        """Record the start of a cycle; return the time that it may take."""
        limit = min(max(later(self._schedule, now, PERIODS) - now, LEAST_LIMIT), MOST_LIMIT)
        self._since = now, self._clock.monotonic() + (limit + SLACK).total_seconds()
        return limit

    def ended(self, now: datetime, result: CycleResult) -> None:
        """Record the end of a cycle."""
        self._why = result.why
        if result.completed:
            periods = later(self._schedule, now, PERIODS) - now
            self._completed = now, self._clock.monotonic() + periods.total_seconds()
        self._since = None

    def why_unready(self) -> str | None:
        """Why it is not ready: no cycle completed within three periods. None where one did."""
        completed, since = self._completed, self._since
        if completed is not None and self._clock.monotonic() <= completed[1]:
            return None
        message = "no cycle has completed yet" if completed is None else f"no cycle since {rfc3339(completed[0])}"
        if since is not None:
            message += f"; one has been running since {rfc3339(since[0])}"
        return f"{message}; the last one: {self._why}" if self._why else message

    def why_dead(self) -> str | None:
        """Why this process will not recover by itself; None where all is well."""
        since = self._since
        if since is None or self._clock.monotonic() <= since[1]:
            return None
        return f"the cycle that started at {rfc3339(since[0])} cannot be stopped"


def run(
    schedule: Schedule,
    jitter: timedelta | None,
    clock: Clock,
    cycle: Callable[[int, timedelta], CycleResult],
    liveness: Liveness,
    report: Callable[[int, CycleResult, timedelta, datetime], None],
) -> NoReturn:
    """Run a cycle now and whenever one is due. Only an exception ends it.

    `cycle` gets its number and the time that it has; `report` its number and result, the time that it took, and when
    the next one starts. A cycle that takes longer than a period skips the ticks that it missed.
    """
    tick, number = clock.now(), 0
    while True:
        number += 1
        begun = clock.monotonic()
        result = cycle(number, liveness.started(clock.now()))
        now, took = clock.now(), timedelta(seconds=clock.monotonic() - begun)
        liveness.ended(now, result)
        tick = schedule.next(tick, now)
        next_start = jittered(schedule, tick, jitter)
        report(number, result, took, next_start)
        _wait(clock, next_start)


def _wait(clock: Clock, until: datetime) -> None:
    """Wait until a moment, but never longer than it is away now, should the clock be set back."""
    remaining = longest = (until - clock.now()).total_seconds()
    while remaining > 0:
        slept = min(remaining, _NAP)
        clock.sleep(slept)
        longest -= slept
        remaining = min((until - clock.now()).total_seconds(), longest)
