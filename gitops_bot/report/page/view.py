"""What the template needs besides the plain values of an overview: groups, links, texts, and where charts are drawn."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.images import duration
from gitops_bot.images.reference import is_digest
from gitops_bot.proposals.text.markdown import plain, source_repository
from gitops_bot.report.screen import short
from gitops_bot.report.status import age, behind, by_image
from gitops_bot.results.status import LONG_AGO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.delivery import Delivery, Journey
    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.status import EntryStatus, Overview, Status

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}(?:/[A-Za-z0-9._~/#@!$&*+,;=%-]{0,200})?\Z")

#: Where the line of time begins and ends, and the height of one environment; in the units of the picture.
_LEFT, _RIGHT, _STEP = 95, 372, 22
#: The height of the highest bar.
_HEIGHT = 60
#: How many journeys are drawn.
_DRAWN: Final = 12


class Part(NamedTuple):
    """One pin in a cell of the matrix: an entry that has it, how far it is behind, and in how many overlays it is."""

    entry: EntryStatus
    lag: str
    overlays: int


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


def functions(overview: Overview) -> Mapping[str, Callable[..., Any]]:
    """The functions of the template, by name."""
    source = source_repository(overview.home)
    return {
        "address": _address,
        "age": partial(age, overview.status),
        "behind": behind,
        "commit_url": source.commit if source is not None else lambda _commit: None,
        "day": lambda date: f"{date:%b} {date.day}",
        "described": _describe,
        "digest": _digest,
        "failures": _failures,
        "moment": _moment,
        "short": short,
        "since": partial(_since, overview.status),
        "span": _span,
    }


def matrix(status: Status) -> Iterator[tuple[str, Sequence[Sequence[Part]]]]:
    """Each image, with the different pins of it in every environment."""
    for image, pinned in by_image(status).items():
        groups = groupby(pinned, lambda item: item.environment.name)
        entries = {name: [item.entry for item in items] for name, items in groups}
        yield image, [_parts(entries.get(environment.name, ())) for environment in status.environments]


def _parts(entries: Sequence[EntryStatus]) -> list[Part]:
    alike: dict[tuple[object, ...], list[EntryStatus]] = {}
    for entry in entries:
        key = entry.pin, behind(entry), entry.drifts_since is None, entry.proposal, entry.hold is None
        alike.setdefault(key, []).append(entry)
    return [Part(same[0], str(key[1]), len(same)) for key, same in alike.items()]


def _digest(pin: Pin) -> str:
    """The first digits of a digest; a file may pin any text."""
    digest = pin.digest or ""
    return digest.partition(":")[2][:12] if is_digest(digest) else digest[:12]


def _since(status: Status, entry: EntryStatus) -> str:
    if entry.drifts_since is None or entry.drifts_since == LONG_AGO:
        return "longer than the history"
    return duration.roughly(status.at - entry.drifts_since)


def _describe(record: Record) -> list[str]:
    """What a release changed."""
    return [
        f"{change.name}: {short(change.before) if change.before else 'new'} → "
        f"{short(change.after) if change.after else 'removed'}"
        for change in record.changes
    ] or [f"configuration: {path}" for path in record.config]


def _failures(delivery: Delivery) -> str:
    if not delivery.deployments:
        return "none released"
    share = delivery.failures / delivery.deployments
    return f"{share:.0%} ({delivery.failures} of {delivery.deployments})"


def _span(span: timedelta | None) -> str:
    return duration.roughly(span) if span is not None else "not known"


def _address(url: str | None) -> str | None:
    """The address if it may be a link: a plain web address that every browser reads the same way."""
    return url if url is not None and _ADDRESS.match(url) else None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


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
