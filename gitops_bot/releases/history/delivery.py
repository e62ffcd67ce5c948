"""Delivery metrics of an environment, from Git: how often, how fast, and how often it was rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.images.age import EARLIEST
from gitops_bot.images.reference import Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from gitops_bot.releases.history.changes import EntryChange
    from gitops_bot.releases.history.record import Record


@dataclass(frozen=True, slots=True)
class Delivery:
    """The releases of an environment within some days.

    `deployments` changed a pin; `failures` are those that were taken back. `lead` is the median time from the build of
    an image (if unknown, from the first commit that pinned it elsewhere) to the commit that pinned it here, `restore`
    that from a release to the one that took it back.
    """

    environment: str
    days: int
    deployments: int
    failures: int
    lead: timedelta | None
    restore: timedelta | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an environment first got a pin."""

    environment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Journey:
    """The way of one pin through the environments, the earliest first."""

    name: str
    pin: Pin
    arrivals: tuple[Arrival, ...]


def delivery(
    environment: str,
    records: Sequence[Record],
    first: Mapping[str, Arrival],
    since: datetime,
    days: int,
    built: Mapping[str, datetime],
) -> Delivery:
    """The figures of one environment since a time; `built` are the known build times, by digest.

    `records` are the newest first, including older ones.
    """
    leads: list[timedelta] = []
    restored: list[timedelta | None] = []
    deployments = 0
    arrived: dict[tuple[str, str], dict[str, _Seen]] = {}
    for record in reversed(records):
        back = [at for change in record.changes if (at := _taken_back(change, arrived)) is not None]
        for change in record.changes:
            if change.after is not None:
                pins = arrived.setdefault((change.overlay, change.name), {})
                pin = identity(change.after)
                pins[pin] = _Seen(pins[pin].first if pin in pins else record.at, record.at)
        if record.at < since or not record.changes:
            continue
        deployments += 1
        if back or record.kind == "rollback":
            restored += [record.at - min(back)] if back else [None]
            continue
        brought = (identity(change.after) for change in record.changes if change.after is not None)
        starts = [at for pin in brought if (at := _start(record, first.get(pin), built.get(pin))) is not None]
        leads += [record.at - min(starts)] if starts else []
    times = [time for time in restored if time is not None]
    return Delivery(environment, days, deployments, len(restored), _median(leads), _median(times))


def _start(record: Record, first: Arrival | None, built: datetime | None) -> datetime | None:
    """When the way of a pin to a release began; a build time that cannot be true does not count."""
    if built is not None and EARLIEST <= built <= record.at:
        return built
    return first.at if first is not None and first.environment != record.release.environment else None


def journeys(records: Mapping[str, Sequence[Record]]) -> tuple[Journey, ...]:
    """The ways of all pins, the latest first; `records` are by environment."""
    ways: dict[str, tuple[str, Pin, dict[str, Arrival]]] = {}
    for environment, known in records.items():
        for record in known:  # the newest first: what is left is the first time
            for change in record.changes:
                if change.after is not None and change.after != Pin():
                    _, _, arrivals = ways.setdefault(identity(change.after), (change.name, change.after, {}))
                    arrivals[environment] = Arrival(environment, record.at)
    journeys = [
        Journey(name, pin, tuple(sorted(arrivals.values(), key=lambda arrival: arrival.at)))
        for name, pin, arrivals in ways.values()
    ]
    return tuple(sorted(journeys, key=lambda journey: journey.arrivals[-1].at, reverse=True))


def first_arrivals(ways: Iterable[Journey]) -> Mapping[str, Arrival]:
    """Where and when each pin first arrived."""
    return {identity(journey.pin): journey.arrivals[0] for journey in ways}


def identity(pin: Pin) -> str:
    """What identifies the build of a pin: its digest, else its tag."""
    return pin.digest or pin.tag or ""


class _Seen(NamedTuple):
    """When an entry got a pin for the first time, and for the last."""

    first: datetime
    last: datetime


def _taken_back(change: EntryChange, arrived: Mapping[tuple[str, str], Mapping[str, _Seen]]) -> datetime | None:
    """When the pin arrived that a change replaces by an earlier one; None if it goes forward."""
    known = arrived.get((change.overlay, change.name), {})
    if change.before is None or change.after is None:
        return None
    left, back = known.get(identity(change.before)), known.get(identity(change.after))
    return left.last if left is not None and back is not None and back.first < left.first else None


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    ordered = sorted(spans)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2 if ordered else None
