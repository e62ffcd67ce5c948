"""Candidates of a promotion: the pins that the source environment runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.ask import Work
from gitops_bot.engine.candidates.artifact import artifact
from gitops_bot.engine.context import Candidate, Candidates
from gitops_bot.engine.open_proposals import proposed_on
from gitops_bot.errors import GitError, Problem, RegistryError, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import pull_request
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import partial_pins as halves
from gitops_bot.releases.choice import promotion, soak, switch
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.choice.soak import newest_of_all, served
from gitops_bot.releases.decisions import Change, Failed, Held, Kept
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.trail import Run
from gitops_bot.releases.layout import correspondence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.context import Context
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Promote
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Decision, Managed
    from gitops_bot.releases.history.line import Line, Step


Key = tuple[str, str]


def promoted(known: Context, asked: Promote) -> Candidates:
    """What the source runs, for the entries that are meant; those that it does not have are told.

    Raises:
        UsageError: no overlay is meant.
    """
    entries, unknown = _meant(known.snapshot, known.environment.name, asked)
    sources, alone = known.sources, Reason("unmanaged", f"{asked.source} has no such entry to promote")
    return Candidates(
        [
            *(Work.of(Candidate(failed)) for failed in unknown),
            *offers(
                known,
                [(entry, sources[entry.key]) for entry in entries if entry.key in sources],
                _upcoming(known.snapshot, known.facts, asked.source),
            ),
            *(Work.of(Candidate(Held(entry, None, alone))) for entry in entries if entry.key not in sources),
        ],
        frozenset(entry.key for entry in entries if asked.images),
    )


def _meant(snapshot: Snapshot, target: str, asked: Promote) -> tuple[list[Managed], list[Failed]]:
    """The entries of the target that are meant, in their order, and what matches none."""
    entries = [
        entry
        for entry in snapshot.entries(target)
        if not asked.overlays or any(glob.means(entry.overlay, entry.file) for glob in asked.overlays)
    ]
    if asked.overlays and not entries:
        texts = ", ".join(glob.text for glob in asked.overlays)
        raise UsageError(Problem("failed.usage", f"no overlay of {target} is in {texts}", "correct --overlay"))
    if not asked.images:
        return [entry for entry in entries if not entry.choices], []
    keys: set[Key] = set()
    unknown = []
    for image in asked.images:
        matching = {entry.key for entry in snapshot.meant(target, image)}
        if meant := matching & {entry.key for entry in entries}:
            keys |= meant
        else:
            unknown.append(Failed(None, snapshot.unknown(target, image, entries)))
    return [entry for entry in entries if entry.key in keys], unknown


def _upcoming(snapshot: Snapshot, facts: Facts, source: str) -> Mapping[Key, tuple[int, str]]:
    """What open proposals of the source will pin there: people may have meant that, and are told."""
    names = snapshot.own_branches_of(source)
    branches, pulls = facts.branches(names, snapshot), facts.pull_requests(names, snapshot.branch)
    upcoming: dict[Key, tuple[int, str]] = {}
    for name in names:
        opened = pull_request.opened(pulls[name])
        if opened is not None:
            carried = proposed_on(branches[name], pulls[name])
            upcoming |= {pin.key: (opened.number, plain(str(pin.after))) for pin in carried}
    return upcoming


def offers(
    known: Context,
    entries: Sequence[tuple[Managed, Sequence[Managed]]],
    upcoming: Mapping[Key, tuple[int, str]] | None = None,
) -> list[Work[Candidate]]:
    """The candidates of the entries that the source has too; `upcoming` is what open proposals will pin there.

    The source's own pin is the truth; a registry is asked whether the target's repository has it. History is read only
    where a pin would change.
    """
    release_tag, proposed = known.environment.release_tag, known.state.promoted
    pairs = [Pair(entry, sources, proposed.get(entry.key)) for entry, sources in entries]
    settled = [promotion.settled(pair.entry, pair.running, release_tag=release_tag) for pair in pairs]
    asked = [pair for pair, decision in zip(pairs, settled, strict=True) if decision is None]
    pins = iter(source_pins(known, asked) if asked else ())
    works = []
    for pair, decision in zip(pairs, settled, strict=True):
        if decision is not None:
            works.append(Work.of(Candidate(decision)))
        else:
            following = (upcoming[source.key] for source in pair.sources if upcoming and source.key in upcoming)
            work = partial(_candidate, known, pair.entry, next(pins), next(following, None))
            works.append(Work(work, pair.entry.repository))
    return works


def _candidate(known: Context, entry: Managed, source: SourcePins, upcoming: tuple[int, str] | None) -> Candidate:
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


def _is_barred(known: Context, entry: Managed, soaked: Run) -> bool:
    """Whether an earlier pin is held in any case, so that no registry has to be asked for it."""
    untagged = not known.environment.release_tag and halves.untagged(entry, soaked) is not None
    return untagged or halves.no_room(entry, soaked) is not None or known.hold(soaked.entry) is not None


def _offered(known: Context, entry: Managed, offer: Offer) -> tuple[Decision, Offer]:
    """What becomes of a pin of the source, and the offer with what the registry has."""
    running = offer.running
    if halves.no_room(entry, running) is not None:  # a gate holds it
        return Change(entry, entry.to(running.pin, "promotion"), "forward", Reason("promoted", "")), offer
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


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry of the target, those of the source that it stands for, and what an open proposal promotes to it."""

    entry: Managed
    sources: Sequence[Managed]
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


def source_pins(known: Context, pairs: Sequence[Pair]) -> list[SourcePins]:
    """What each source runs and ran, from as much history as tells it. For a person only its present pin counts."""
    snapshot, now, release_tag = known.snapshot, known.snapshot.at, known.environment.release_tag
    wait = timedelta(0) if known.by_hand is not None else known.soak

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
        runs = [
            served(
                line,
                source,
                now=now,
                wait=wait,
                is_current=lambda pin: promotion.is_current(pair.entry, pin, release_tag=release_tag),
                is_proposed=lambda pin: pair.proposed is not None and promotion.is_same(pin, pair.proposed),
            )
            for source in pair.sources
        ]
        # What a slot had before, its source need not have run.
        in_slots = any(snapshot.slots_of(source) is not None for source in pair.sources)
        earlier = newest_of_all(runs) if not in_slots else None
        return replace(earlier, entry=pair.sources[0]) if earlier is not None else None

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


def _numbers(known: Context, line: Line, pairs: Sequence[Pair]) -> Mapping[str, int | None]:
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


def _arrival(snapshot: Snapshot, line: Line, source: Managed) -> Step | None:
    """The commit since which the source runs its pin; in a slot, the pin may have waited for the switch."""
    slots = snapshot.slots_of(source)
    return trail.arrival(line, source, source.pin) if slots is None else switch.live_since(slots, source, line)
