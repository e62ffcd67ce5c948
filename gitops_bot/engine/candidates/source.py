"""What a source environment runs, since when, and which pins it ran for long enough before: by the branch's history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.releases.choice import promotion, soak, switch
from gitops_bot.releases.choice.running import Running
from gitops_bot.releases.choice.soaked import newest_of_all, served
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from gitops_bot.engine.known import Known
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.plan import Entry


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry of the target, those of the source that it stands for, and what an open proposal promotes to it."""

    entry: Entry
    sources: Sequence[Entry]
    proposed: Pin | None = None

    @property
    def running(self) -> tuple[Running, ...]:
        """What the source runs, without its history."""
        return tuple(Running(source, source.pin) for source in self.sources)


@dataclass(frozen=True, slots=True)
class SourcePins:
    """What a source runs, and while that soaks the newest earlier pin that has soaked."""

    present: tuple[Running, ...]
    soaked: Running | None


def source_pins(known: Known, pairs: Sequence[Pair], *, wait: timedelta) -> list[SourcePins]:
    """What each source runs and ran, from as much history as tells it. Without `wait` only its present pin counts."""
    snapshot, now, release_tag = known.snapshot, known.snapshot.at, known.environment.release_tag

    def is_told(line: Line, pair: Pair) -> bool:
        if any(_arrival(snapshot, line, source) is None for source in pair.sources):
            return False
        return (
            has_soaked(line, pair)
            or soaked(line, pair) is not None
            or all(trail.enough(line, source.overlay) for source in pair.sources)
        )

    def has_soaked(line: Line, pair: Pair) -> bool:
        """Whether every overlay of the source runs its present pin for long enough."""
        arrived = [_arrival(snapshot, line, source) for source in pair.sources] if wait else []
        return all(step is not None and not soak.left(step.at, now, wait) for step in arrived)

    def soaked(line: Line, pair: Pair) -> Running | None:
        """The newest earlier pin that every overlay of the source ran for long enough, unless the target has it."""

        def is_current(pin: Pin) -> bool:
            return promotion.is_current(pair.entry, pin, release_tag=release_tag)

        def is_proposed(pin: Pin) -> bool:
            return pair.proposed is not None and promotion.is_same(pin, pair.proposed)

        runs = [
            served(line, source, now=now, wait=wait, is_current=is_current, is_proposed=is_proposed)
            for source in pair.sources
        ]
        earlier = newest_of_all(runs) if not _in_slots(snapshot, pair) else None
        if earlier is None:
            return None
        return Running(pair.sources[0], earlier.pin, earlier.arrived, left=earlier.left, ahead=earlier.ahead)

    line = known.facts.line(snapshot, lambda line: all(is_told(line, pair) for pair in pairs))
    numbers = _numbers(snapshot, line, pairs)

    def numbered(running: Running) -> Running:
        return replace(running, number=numbers.get(running.arrived.commit)) if running.arrived is not None else running

    pins = []
    for pair in pairs:
        arrived = ((source, _arrival(snapshot, line, source)) for source in pair.sources)
        present = tuple(numbered(Running(source, source.pin, step)) for source, step in arrived)
        earlier = None if has_soaked(line, pair) else soaked(line, pair)
        pins.append(SourcePins(present, numbered(earlier) if earlier is not None else None))
    return pins


def _in_slots(snapshot: Snapshot, pair: Pair) -> bool:
    """Whether a source is a slot: what that had before, it need not have run."""
    return any(snapshot.slots_of(source) is not None for source in pair.sources)


def _numbers(snapshot: Snapshot, line: Line, pairs: Sequence[Pair]) -> Mapping[str, int | None]:
    """The releases of the sources, by their commits."""
    return {
        release.commit: release.number
        for name in {running.environment for pair in pairs for running in pair.running}
        for release in history.releases(name, line, snapshot.owners, {})
    }


def _arrival(snapshot: Snapshot, line: Line, source: Entry) -> Step | None:
    """The commit since which the source runs its pin; in a slot, the pin may have waited for the switch."""
    slots = snapshot.slots_of(source)
    return trail.arrival(line, source, source.pin) if slots is None else switch.live_since(slots, source, line)
