"""Candidates of a promotion: the pins that the source environment runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.ask import Work
from gitops_bot.engine.candidates.artifact import artifact
from gitops_bot.engine.known import Candidate
from gitops_bot.errors import GitError, Problem, RegistryError, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import halves, promotion, soak, switch
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.choice.soak import newest_of_all, served
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.trail import Run
from gitops_bot.releases.layout import correspondence
from gitops_bot.releases.plan import Change, Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.known import Known
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.plan import Decision, Entry


Key = tuple[str, str]


def promoted(
    known: Known,
    entries: Sequence[tuple[Entry, Sequence[Entry]]],
    upcoming: Mapping[Key, tuple[int, str]] | None = None,
) -> list[Work[Candidate]]:
    """The candidates of the entries that the source has too; `upcoming` is what open proposals will pin there.

    The source's own pin is the truth; a registry is asked whether the target's repository has it. History is read only
    where a pin would change.
    """
    proposed = known.state.promoted
    pairs = [Pair(entry, sources, proposed.get(entry.key)) for entry, sources in entries]
    settled = {pair.entry.key: _refused(pair) or _settled(known, pair) for pair in pairs}
    asked = [pair for pair in pairs if settled[pair.entry.key] is None]
    wait = timedelta(0) if known.by_hand is not None else known.soak
    sources = source_pins(known, asked, wait=wait) if asked else []
    pins = {pair.entry.key: source for pair, source in zip(asked, sources, strict=True)}

    def work(pair: Pair) -> Work[Candidate]:
        entry = pair.entry
        if (decision := settled[entry.key]) is not None:
            return Work.of(Candidate(decision))
        following = (upcoming[source.key] for source in pair.sources if upcoming and source.key in upcoming)
        return Work(partial(_candidate, known, entry, pins[entry.key], next(following, None)), entry.repository)

    return [work(pair) for pair in pairs]


def _settled(known: Known, pair: Pair) -> Kept | Held | None:
    """What needs neither history nor a registry; None where these are asked."""
    entry = pair.entry
    running = promotion.agreed(entry, pair.running)
    if isinstance(running, Held):
        if not entry.rules.ignore:
            return running
        running = pair.running[0]
    return promotion.settled(entry, running, release_tag=known.environment.release_tag)


def _candidate(known: Known, entry: Entry, source: SourcePins, upcoming: tuple[int, str] | None) -> Candidate:
    """What the source runs; while that soaks, the newest earlier pin that has soaked, if the target may have that."""
    if source.soaked is not None and not _is_barred(known, entry, source.soaked):
        decision, offer = _offered(known, entry, Offer(source.soaked, None, timedelta(0), upcoming))
        # Where the target has it or something newer, the newest pin is the one to tell of.
        if not isinstance(decision, Kept) and promotion.downgrade(entry, offer) is None:
            return Candidate(decision, offer)
    running = promotion.agreed(entry, source.present)
    if isinstance(running, Held):
        return Candidate(running)
    return Candidate(*_offered(known, entry, Offer(running, None, known.soak, upcoming)))


def _is_barred(known: Known, entry: Entry, soaked: Run) -> bool:
    """Whether an earlier pin is held in any case, so that no registry has to be asked for it."""
    untagged = not known.environment.release_tag and halves.untagged(entry, soaked) is not None
    return untagged or halves.no_room(entry, soaked) is not None or known.hold(soaked.entry) is not None


def _offered(known: Known, entry: Entry, offer: Offer) -> tuple[Decision, Offer]:
    """What becomes of a pin of the source, and the offer with what the registry has."""
    running = offer.running
    if halves.no_room(entry, running) is not None:  # a gate holds it
        return Change(entry, running.pin, "promotion", "forward", Reason("promoted", "")), offer
    try:
        offered = artifact(known.facts, known.environment, entry, running)
    except RegistryError as error:
        return Failed(entry, error.problem), offer
    if isinstance(offered, Held):
        return offered, offer
    offer = replace(offer, artifact=offered)
    return promotion.promoted(entry, offer, offered, known.snapshot.at), offer


def refuse_impossible(snapshot: Snapshot, source: str) -> None:
    """Refuse a promotion from one environment to another where no overlay of one can correspond to one of the other.

    Raises:
        UsageError: that is so, or both are the same.
    """
    for environment in snapshot.environments:
        target = environment.name
        if source == target:
            message = f"{target} cannot be promoted to itself"
            raise UsageError(Problem("failed.usage", message, "give two different environments"))
        globs = snapshot.config.environments[source].overlays
        if (why := correspondence.impossible(globs, environment.overlays)) is not None:
            message = f"{source} and {target} cannot correspond: {why}"
            raise UsageError(Problem("failed.usage", message, "correct `overlays`"))


def _refused(pair: Pair) -> Failed | None:
    """An entry that cannot be read on either side; one that is ignored is not looked at."""
    if pair.entry.rules.ignore:
        return None
    refusal = next((side.refusal for side in (pair.entry, *pair.sources) if side.refusal), None)
    return Failed(pair.entry, refusal) if refusal is not None else None


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry of the target, those of the source that it stands for, and what an open proposal promotes to it."""

    entry: Entry
    sources: Sequence[Entry]
    proposed: Pin | None = None

    @property
    def running(self) -> tuple[Run, ...]:
        """What the source runs, without its history."""
        return tuple(Run(source, source.pin) for source in self.sources)


@dataclass(frozen=True, slots=True)
class SourcePins:
    """What a source runs, and while that soaks the newest earlier pin that has soaked."""

    present: tuple[Run, ...]
    soaked: Run | None


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

    def soaked(line: Line, pair: Pair) -> Run | None:
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
        return replace(earlier, entry=pair.sources[0])

    line = known.facts.line(snapshot, lambda line: all(is_told(line, pair) for pair in pairs))
    numbers = _numbers(known, line, pairs)

    def numbered(running: Run) -> Run:
        return replace(running, number=numbers.get(running.arrived.commit)) if running.arrived is not None else running

    pins = []
    for pair in pairs:
        arrived = ((source, _arrival(snapshot, line, source)) for source in pair.sources)
        present = tuple(numbered(Run(source, source.pin, step)) for source, step in arrived)
        earlier = None if has_soaked(line, pair) else soaked(line, pair)
        pins.append(SourcePins(present, numbered(earlier) if earlier is not None else None))
    return pins


def _in_slots(snapshot: Snapshot, pair: Pair) -> bool:
    """Whether a source is a slot: what that had before, it need not have run."""
    return any(snapshot.slots_of(source) is not None for source in pair.sources)


def _numbers(known: Known, line: Line, pairs: Sequence[Pair]) -> Mapping[str, int | None]:
    """The releases of the sources, by their commits; people may have given them numbers by tags, too."""
    snapshot, names = known.snapshot, {running.environment for pair in pairs for running in pair.running}
    try:
        tags = known.facts.release_tags()
    except GitError:
        return {}  # no promotion fails for want of a number
    return {
        release.commit: release.number
        for name in names
        for release in history.releases(name, line, snapshot.owners, tags)
    }


def _arrival(snapshot: Snapshot, line: Line, source: Entry) -> Step | None:
    """The commit since which the source runs its pin; in a slot, the pin may have waited for the switch."""
    slots = snapshot.slots_of(source)
    return trail.arrival(line, source, source.pin) if slots is None else switch.live_since(slots, source, line)
