"""`gitops-bot run`: one cycle after another, forever.

No decision depends on an earlier cycle: Git is the only state, and a restart costs no more than the time of a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, get_args

from gitops_bot.images import duration
from gitops_bot.server.ticks import jittered, later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from gitops_bot.engine.world import Clock
    from gitops_bot.server.ticks import Schedule

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
    """Whether the loop is alive and ready: written by it, read by the probes in another thread."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._since: datetime | None = None
        self._completed: datetime | None = None
        self._why = ""

    def started(self, now: datetime) -> timedelta:
        """Record the start of a cycle; return the time that it may take."""
        self._since = now
        return self._limit(now)

    def ended(self, now: datetime, result: CycleResult) -> None:
        """Record the end of a cycle."""
        self._why = result.why
        if result.completed:
            self._completed = now
        self._since = None

    def why_unready(self, now: datetime) -> str | None:
        """Why it is not ready: no cycle completed within three periods. None where one did."""
        completed, since = self._completed, self._since
        # A cycle that completed in the future does not count: the clock was set back since.
        if completed is not None and completed - SLACK <= now <= later(self._schedule, completed, PERIODS):
            return None
        message = "no cycle has completed yet" if completed is None else f"no cycle since {_time(completed)}"
        if since is not None:
            message += f"; one has been running since {_time(since)}"
        return f"{message}; the last one: {self._why}" if self._why else message

    def why_dead(self, now: datetime) -> str | None:
        """Why this process will not recover by itself; None where all is well."""
        since = self._since
        if since is None or now <= since + self._limit(since) + SLACK:
            return None
        return f"the cycle that started at {_time(since)} cannot be stopped"

    def _limit(self, since: datetime) -> timedelta:
        return min(max(later(self._schedule, since, PERIODS) - since, LEAST_LIMIT), MOST_LIMIT)


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
        start = clock.now()
        result = cycle(number, liveness.started(start))
        now = clock.now()
        liveness.ended(now, result)
        tick = schedule.next(tick, now)
        next_start = jittered(schedule, tick, jitter)
        report(number, result, now - start, next_start)
        _wait(clock, next_start)


def _wait(clock: Clock, until: datetime) -> None:
    """Wait until a moment, but never longer than it is away now, should the clock be set back."""
    remaining = longest = (until - clock.now()).total_seconds()
    while remaining > 0:
        slept = min(remaining, _NAP)
        clock.sleep(slept)
        longest -= slept
        remaining = min((until - clock.now()).total_seconds(), longest)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
