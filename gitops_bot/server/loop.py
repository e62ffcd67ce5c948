"""`gitops-bot run`: one cycle after the other, for ever.

Nothing is kept from one cycle to the next that a decision depends on: Git is the only state, and a restart costs no
more than the time of a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from gitops_bot.images import duration
from gitops_bot.server.ticks import jittered, later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from gitops_bot.engine.world import Clock
    from gitops_bot.server.ticks import Schedule

#: How a cycle ended. `partial`: an item failed, the rest was done; `failed`: the repository or the configuration could
#: not be read; `overran`: it took longer than it may and was broken off.
Result = Literal["done", "partial", "failed", "overran"]
RESULTS: tuple[Result, ...] = ("done", "partial", "failed", "overran")

#: So many periods may pass without the end of a cycle.
PERIODS = 3
#: What a cycle may take in any case (thousands of images behind a registry that counts the requests of a second), and
#: what it may take at most, be it due once a week only.
PATIENCE, LONGEST = timedelta(minutes=15), timedelta(hours=6)
#: What it may take to break off a cycle, the write under way included; beyond it the process hangs.
SLACK = timedelta(minutes=1)
#: Seconds after which a clock that is waited for is looked at again: it may be set, and machines sleep.
_GLANCE = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cycle ended; `why` is what kept it from its end, `facts` what else is to be told of it."""

    result: Result
    why: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def through(self) -> bool:
        """Whether it came to its end, whatever became of single items."""
        return self.result in ("done", "partial")


def overran(limit: timedelta) -> Ended:
    """A cycle was broken off, for it took longer than it may."""
    message = f"it took longer than {duration.written(limit)} and was broken off"
    advice = "look at what answers slowly; a longer --every gives a cycle more time"
    return Ended("overran", message, {"message": message, "next": advice})


class Pulse:
    """What is known of the loop: written by it, read by whoever probes from another thread."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._since: datetime | None = None
        self._through: datetime | None = None
        self._why = ""

    def begins(self, now: datetime) -> timedelta:
        """A cycle begins; gives how long it may take."""
        self._since = now
        return self._limit(now)

    def ends(self, now: datetime, ended: Ended) -> None:
        """The cycle ended, or was broken off."""
        self._why = ended.why
        if ended.through:
            self._through = now
        self._since = None

    def unready(self, now: datetime) -> str | None:
        """Why no cycle ended within three periods; None where one did."""
        through, since = self._through, self._since
        # One that ended in the future tells nothing: the clock was set back since.
        if through is not None and through - SLACK <= now <= later(self._schedule, through, PERIODS):
            return None
        said = "no cycle has ended yet" if through is None else f"no cycle has ended since {_time(through)}"
        if since is not None:
            said += f"; one is under way since {_time(since)}"
        return f"{said}; the last one: {self._why}" if self._why else said

    def dead(self, now: datetime) -> str | None:
        """Why this process will not come back by itself; None where all is well."""
        since = self._since
        if since is None or now <= since + self._limit(since) + SLACK:
            return None
        return f"the cycle that began {_time(since)} cannot be broken off"

    def _limit(self, since: datetime) -> timedelta:
        return min(max(later(self._schedule, since, PERIODS) - since, PATIENCE), LONGEST)


def run(
    schedule: Schedule,
    jitter: timedelta | None,
    clock: Clock,
    cycle: Callable[[int, timedelta], Ended],
    pulse: Pulse,
    tell: Callable[[int, Ended, timedelta, datetime], None],
) -> NoReturn:
    """Run a cycle now and whenever one is due. Only an exception ends it.

    `cycle` is given its number and how long it may take; `tell` how it ended, what it took, and when the next begins.
    A cycle that takes longer than a period skips the ticks that it missed: none overlap, none pile up.
    """
    tick, number = clock.now(), 0
    while True:
        number += 1
        began = clock.now()
        ended = cycle(number, pulse.begins(began))
        now = clock.now()
        pulse.ends(now, ended)
        tick = schedule.next(tick, now)
        begin = jittered(schedule, tick, jitter)
        tell(number, ended, now - began, begin)
        _wait(clock, begin)


def _wait(clock: Clock, until: datetime) -> None:
    """Wait for a moment, and never longer than it was away at first, should the clock be set back."""
    left = longest = (until - clock.now()).total_seconds()
    while left > 0:
        slept = min(left, _GLANCE)
        clock.sleep(slept)
        longest -= slept
        left = min((until - clock.now()).total_seconds(), longest)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
