"""When cycles start: at an interval, or by a cron expression. The present time is an argument."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from gitops_bot.images import duration

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

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
        passed = max(now - last, timedelta(0)) // self.period
        if last > now:  # the clock was set back: do not wait until it catches up
            return now + self.period
        return last + (passed + 1) * self.period


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
