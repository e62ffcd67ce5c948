"""The pictures of the page: where each line and each bar of them is. The template draws them as plain SVG."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.changes import short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.proposals.overview import Overview
    from gitops_bot.releases.history.delivery import Journey

#: Where the line of time begins and ends, and the height of one environment; in the units of the picture.
_LEFT, _RIGHT, _STEP = 95, 372, 22
_WIDTH: Final = 380
#: The width of a day, and the height of the highest bar.
_DAY, _HEIGHT = 12, 60
#: How many ways are drawn.
_DRAWN: Final = 12


class Stop(NamedTuple):
    """Where one environment got the pin."""

    name: str
    at: str
    x: int
    y: int


class Timeline(NamedTuple):
    """The way of one pin; `points` is the line through all stops, `text` the same in words."""

    name: str
    pin: str
    stops: Sequence[Stop]
    points: str
    height: int
    text: str
    width: int = _WIDTH
    left: int = _LEFT
    right: int = _RIGHT


class Bar(NamedTuple):
    """The releases of one day. `label` is the day where one is written below the bar."""

    day: str
    releases: int
    x: int
    y: int
    height: int
    label: str


class Chart(NamedTuple):
    """The releases of each day; `text` the same in words."""

    bars: Sequence[Bar]
    total: int
    highest: int
    width: int
    text: str


def timelines(overview: Overview) -> list[Timeline]:
    """The ways that are drawn: those that lead through several environments, where there are any."""
    ways = [journey for journey in overview.journeys if len(journey.arrivals) > 1] or overview.journeys
    return [_timeline(journey, overview.status.at) for journey in ways[:_DRAWN]]


def chart(overview: Overview) -> Chart | None:
    """Releases per day, where there is a history."""
    if not overview.deliveries:
        return None
    days, today = overview.deliveries[0].days, overview.status.at.date()
    counts = [
        (day, overview.per_day.get(day, 0)) for day in (today - timedelta(days=back) for back in range(days, -1, -1))
    ]
    highest = max(count for _, count in counts)
    bars = [
        Bar(
            day=f"{day:%Y-%m-%d}",
            releases=count,
            x=at * _DAY,
            y=_HEIGHT - (height := round(_HEIGHT * count / highest) if highest else 0),
            height=height,
            label=f"{day:%b} {day.day}" if not (len(counts) - 1 - at) % 7 else "",
        )
        for at, (day, count) in enumerate(counts)
    ]
    total = sum(count for _, count in counts)
    described = ", ".join(f"{count} on {day:%b} {day.day}" for day, count in counts if count)
    return Chart(bars, total, highest, len(counts) * _DAY, described or "no releases")


def _timeline(journey: Journey, now: datetime) -> Timeline:
    first = journey.arrivals[0].at
    span = max((now - first).total_seconds(), 1)
    stops = [
        Stop(
            plain(redact.strike(arrival.environment), 15),
            f"{arrival.at:%Y-%m-%d %H:%M}",
            _LEFT + round((_RIGHT - _LEFT) * min(1, max(0, (arrival.at - first).total_seconds() / span))),
            _STEP * at + _STEP // 2,
        )
        for at, arrival in enumerate(journey.arrivals)
    ]
    points = " ".join(f"{stop.x},{stop.y}" for stop in stops)
    text = ", then ".join(f"{stop.name} on {stop.at} UTC" for stop in stops)
    return Timeline(journey.name, short(journey.pin), stops, points, _STEP * len(stops), text)
