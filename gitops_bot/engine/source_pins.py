"""Since when a source runs its pins, and which it ran for long enough before: read from the base branch's history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.releases.choice import promotion, soak
from gitops_bot.releases.choice.promotion import Running
from gitops_bot.releases.choice.served import newest_of_all, served
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from gitops_bot.engine.survey import Spot, Survey
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.line import Line, Step


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry of the target, those of the source that it stands for, and what an open proposal promotes to it."""

    spot: Spot
    sources: Sequence[Spot]
    proposed: Pin | None = None

    @property
    def running(self) -> tuple[Running, ...]:
        """What the source runs, without its history."""
        return tuple(_running(one, one.entry.pin, None) for one in self.sources)


@dataclass(frozen=True, slots=True)
class SourcePins:
    """What a source runs, and while that soaks the newest earlier pin that has soaked."""

    present: tuple[Running, ...]
    before: Running | None


def source_pins(
    survey: Survey, pairs: Sequence[Pair], *, now: datetime, wait: timedelta, release_tag: bool
) -> list[SourcePins]:
    """What each source runs and ran, from as much history as tells it. Without `wait` only its present pin counts.

    Raises:
        GitError: the remote cannot be read.
    """

    def is_told(line: Line, pair: Pair) -> bool:
        if any(_arrival(line, one) is None for one in pair.sources):
            return False
        return (
            _has_soaked(line, pair, now, wait)
            or _before(line, pair, now, wait, release_tag=release_tag) is not None
            or all(trail.enough(line, one.place.overlay) for one in pair.sources)
        )

    line = survey.line(lambda line: all(is_told(line, pair) for pair in pairs))
    numbers = {
        release.commit: release.number
        for name in {one.environment for pair in pairs for one in pair.running}
        for release in history.releases(name, line, survey.ground, {})
    }

    def numbered(running: Running) -> Running:
        step = running.arrived
        return replace(running, number=numbers.get(step.commit)) if step is not None else running

    found = []
    for pair in pairs:
        present = [_running(one, one.entry.pin, _arrival(line, one)) for one in pair.sources]
        before = None
        if not _has_soaked(line, pair, now, wait):
            before = _before(line, pair, now, wait, release_tag=release_tag)
        found.append(SourcePins(tuple(map(numbered, present)), numbered(before) if before is not None else None))
    return found


def _running(spot: Spot, pin: Pin, arrived: Step | None) -> Running:
    return Running(spot.place, pin, spot.rules.policy.policy if spot.rules.policy is not None else None, arrived)


def _arrival(line: Line, spot: Spot) -> Step | None:
    return trail.arrival(line, spot.place, spot.entry.pin)


def _has_soaked(line: Line, pair: Pair, now: datetime, wait: timedelta) -> bool:
    """Whether every overlay of the source runs its present pin for long enough."""
    if not wait:
        return True
    arrived = [_arrival(line, one) for one in pair.sources]
    return all(step is not None and not soak.left(step.at, now, wait) for step in arrived)


def _before(line: Line, pair: Pair, now: datetime, wait: timedelta, *, release_tag: bool) -> Running | None:
    """The newest earlier pin that every overlay of the source ran for long enough, unless the target has it."""
    spot, first = pair.spot, pair.sources[0]

    def is_current(pin: Pin) -> bool:
        return promotion.is_current(spot.entry.pin, spot.rules, pin, release_tag=release_tag)

    def is_proposed(pin: Pin) -> bool:
        return pair.proposed is not None and promotion.is_same(pin, pair.proposed)

    found = newest_of_all(
        [
            served(
                line,
                one.place,
                one.rules,
                now=now,
                wait=wait,
                is_current=is_current,
                is_proposed=is_proposed,
            )
            for one in pair.sources
        ]
    )
    if found is None:
        return None
    running = _running(first, found.pin, found.arrived)
    return replace(running, left=found.left, ahead=found.ahead)
