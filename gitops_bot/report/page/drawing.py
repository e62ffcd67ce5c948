"""Where each stop and each bar of the page's charts is. The template draws them as plain SVG."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from gitops_bot.releases.history.delivery import Journey
    from gitops_bot.results.status import Overview

#: Where the line of time begins and ends, and the height of one environment; in the units of the picture.
_LEFT, _RIGHT, _STEP = 95, 372, 22
#: The height of the highest bar.
_HEIGHT = 60
#: How many journeys are drawn.
_DRAWN: Final = 12


class Stop(NamedTuple):
    """Where one environment got the pin."""

    name: str
    at: str
    x: int
    y: int


class Bar(NamedTuple):
    """The releases of one day."""

    day: date
    releases: int
    height: int


def timelines(overview: Overview) -> Iterator[tuple[Journey, Sequence[Stop]]]:
    """The journeys that are drawn: preferably those through several environments."""
    ways = [journey for journey in overview.journeys if len(journey.arrivals) > 1] or overview.journeys
    return ((journey, _stops(journey, overview.status.at)) for journey in ways[:_DRAWN])


def bars(overview: Overview) -> Sequence[Bar]:
    """Releases per day, where there is a history."""
    days = overview.deliveries[0].days if overview.deliveries else -1
    today = overview.status.at.date()
    counts = {day: overview.per_day.get(day, 0) for day in (today - timedelta(back) for back in range(days, -1, -1))}
    highest = max(counts.values(), default=0)
    return [Bar(day, count, round(_HEIGHT * count / highest) if highest else 0) for day, count in counts.items()]


def _stops(journey: Journey, now: datetime) -> list[Stop]:
    first = journey.arrivals[0].at
    span = max((now - first).total_seconds(), 1)
    return [
        Stop(
            plain(redact.strike(arrival.environment), 15),
            f"{arrival.at:%Y-%m-%d %H:%M}",
            _LEFT + round((_RIGHT - _LEFT) * min(1, max(0, (arrival.at - first).total_seconds() / span))),
            _STEP * at + _STEP // 2,
        )
        for at, arrival in enumerate(journey.arrivals)
    ]
