"""Candidates of a promotion: the pins that the source environment runs, as its base branch has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from gitops_bot.engine import pullable
from gitops_bot.engine.context import Candidate, Candidates, Context, Entrant, as_it_is
from gitops_bot.engine.facts import RELEASE_TAGS, ChecksQuestion, Facts, several
from gitops_bot.engine.pullable import no_image, unless_absent
from gitops_bot.errors import GitError, Problem, RegistryError, UsageError
from gitops_bot.images import kinds, version
from gitops_bot.images.order import rank
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.proposals.branches import BotBranch
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases import blue_green
from gitops_bot.releases.choice import promotion, required, soak
from gitops_bot.releases.choice.promotion import Artifact, Offer
from gitops_bot.releases.choice.soak import had_by_all, served
from gitops_bot.releases.decisions import Change, Decision, EntryKey, Failed, Held, Kept, Managed
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.releases import all_releases
from gitops_bot.releases.history.trail import Run
from gitops_bot.releases.layout import correspondence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.engine.read import Snapshot
    from gitops_bot.engine.request import Promote
    from gitops_bot.images.build import Build
    from gitops_bot.releases.history.line import Line, Step


#: While the newest pin waits for checks, so many older ones are looked at.
_MOST_OLDER: Final = 10


async def candidates(context: Context, asked: Promote) -> Candidates:
    """What the source runs, for the entries that the request names; a UsageError where it names nothing that exists."""
    entries, unknown = _meant(context, asked)
    if not entries:
        context.refuse(unknown)
    unread = context.snapshot.states[asked.source].failed
    there = " that could be read" if unread else ""
    sources, reason = context.sources, Reason("unmanaged", f"{asked.source} has no such entry to promote{there}")
    offered = [(entry, sources[entry.key]) for entry in entries if entry.key in sources]
    alone = [Held(entry, None, reason) for entry in entries if entry.key not in sources]
    only_in_source = []
    if not asked.images and not asked.overlays:
        matched = {partner.key for partners in sources.values() for partner in partners}
        reason = Reason("unmanaged", f"{context.environment.name} has no such entry")
        only_in_source = [
            Held(entry, None, reason)
            for entry in context.snapshot.states[asked.source].entries
            if entry.key not in matched and not entry.choices
        ]
    entrants = [as_it_is(failed) for failed in (*unread, *context.causes(unknown))]
    entrants += await offers(context, offered, await _upcoming(context.facts, asked.source))
    entrants += [as_it_is(held) for held in alone]
    named = frozenset(entry.key for entry in entries if asked.images)
    return Candidates(context, entrants, named, tuple(only_in_source))


def _meant(context: Context, asked: Promote) -> tuple[list[Managed], list[Problem]]:
    """The entries of the target that the request names, in their order, and the names that match none."""
    state = context.state
    entries = [
        entry
        for entry in state.entries
        if not asked.overlays or any(glob.means(entry.overlay, entry.file) for glob in asked.overlays)
    ]
    if asked.overlays and not entries:
        texts = ", ".join(glob.text for glob in asked.overlays)
        message = f"no overlay of {state.environment.name} is in {texts}"
        raise UsageError(Problem("failed.usage", message, "correct --overlay"))
    if not asked.images:
        return [entry for entry in entries if not entry.choices], []
    keys: set[EntryKey] = set()
    unknown = []
    for image in asked.images:
        if meant := {entry.key for entry in state.meant(image)} & {entry.key for entry in entries}:
            keys |= meant
        else:
            unknown.append(context.unknown(image, entries))
    return [entry for entry in entries if entry.key in keys], unknown


async def _upcoming(facts: Facts, source: str) -> Mapping[EntryKey, tuple[int, str]]:
    """What open proposals of the source will pin there: people may expect to promote that, and get a note."""
    names = facts.snapshot.own_branches_of(source)
    branches, pulls = await facts.branches(names), await facts.pull_requests(names)
    upcoming: dict[EntryKey, tuple[int, str]] = {}
    for name in names:
        branch = BotBranch(name, branches[name], pulls[name])
        if branch.opened is not None:
            upcoming |= {pin.key: (branch.opened.number, plain(str(pin.after))) for pin in branch.proposed}
    return upcoming


async def offers(
    context: Context,
    entries: Sequence[tuple[Managed, Sequence[Managed]]],
    upcoming: Mapping[EntryKey, tuple[int, str]] | None = None,
) -> list[Entrant]:
    """The candidates of the entries that the source has too; `upcoming` is what open proposals will pin there.

    A registry is only asked whether the target's repository has it. History is read only where a pin would change.
    """
    release_tag, proposed = context.environment.release_tag, context.branches.promoted
    pairs = [PromotionPair(entry, sources, proposed.get(entry.key)) for entry, sources in entries]
    settled = [promotion.settle(pair.entry, pair.running, release_tag=release_tag) for pair in pairs]
    asked = [pair for pair, decision in zip(pairs, settled, strict=True) if decision is None]
    pins = iter(await source_pins(context, asked) if asked else ())
    entrants = []
    for pair, decision in zip(pairs, settled, strict=True):
        if decision is not None:
            entrants.append(as_it_is(decision))
        else:
            following = (upcoming[source.key] for source in pair.sources if upcoming and source.key in upcoming)
            candidate = _candidate(context, pair.entry, *next(pins), next(following, None))
            entrants.append(Entrant(pair.entry, candidate))
    return entrants


async def _candidate(
    context: Context, entry: Managed, present: Sequence[Run], soaked: Run | None, upcoming: tuple[int, str] | None
) -> Candidate:
    """What the source runs; while that soaks, the newest earlier pin that has soaked, if the target may have that."""
    untagged = not context.environment.release_tag and soaked is not None and promotion.untagged(entry, soaked)
    # One that is held in any case: no registry has to be asked for it.
    barred = untagged or soaked is None or promotion.no_room(entry, soaked) or context.hold(soaked.entry, travels=True)
    if soaked is not None and not barred:
        decision, offer = await _offer(context, entry, Offer(soaked, None, timedelta(0), upcoming))
        # Where the target has it or something newer, the newest pin is the one to report.
        if not isinstance(decision, Kept) and promotion.downgrade(entry, offer) is None:
            return Candidate(decision, offer)
    running = promotion.common_run(entry, present)
    if isinstance(running, Held):
        release_tag = context.environment.release_tag
        has_it = soaked is not None and promotion.is_current(entry, soaked.pin, release_tag=release_tag)
        return Candidate(promotion.newest_in_common(entry, present) if has_it else running)
    return Candidate(*await _offer(context, entry, Offer(running, None, _soak(context), upcoming)))


def _soak(context: Context) -> timedelta:
    return context.environment.promotion.soak if context.environment.promotion is not None else timedelta(0)


async def _offer(context: Context, entry: Managed, offer: Offer) -> tuple[Decision, Offer]:
    """What becomes of a pin of the source, and the offer with what the registry has."""
    running = offer.running
    if promotion.no_room(entry, running) is not None:  # a gate holds it
        return Change(entry, running.pin, "promotion", "forward", Reason("promoted", "")), offer
    is_unknown = context.environment.match_by == "revision" or promotion.is_same(entry.pin, running.pin)
    if context.request.offline and is_unknown:
        reason = Reason("nothing_new", "only the registry tells whether the images differ")
        return Kept(entry, reason, "promotion"), offer
    try:
        offered = await _artifact(context, entry, running)
    except RegistryError as error:
        return Failed(entry, error.problem), offer
    if isinstance(offered, Held):
        return offered, offer
    offer = replace(offer, artifact=offered, passed=_passed(context, entry, running))
    return promotion.promote(entry, offer, offered, context.snapshot.at), offer


def _passed(context: Context, entry: Managed, running: Run) -> Mapping[str, str]:
    """What the environments run that a person goes past, in words, by their names; not those that run the same."""
    waves = context.snapshot.config.waves_before(context.environment.name)
    between = waves[: waves.index(running.environment)] if running.environment in waves else waves[:1]
    return {
        earlier.environment: earlier.pin.short
        for earlier in (context.before([entry]) if between else ())
        if earlier.environment in between and not promotion.is_same(earlier.pin, running.pin)
    }


def refuse_impossible(snapshot: Snapshot, source: str) -> None:
    """Raises a UsageError where source and target are the same, or no overlay of one can correspond to the other's."""
    for environment in snapshot.environments:
        target = environment.name
        if source == target:
            message = f"{target} cannot be promoted to itself"
            raise UsageError(Problem("failed.usage", message, "give two different environments"))
        globs = snapshot.config.environments[source].overlays
        if (why := correspondence.impossible(globs, environment.overlays)) is not None:
            message = f"{source} and {target} cannot correspond: {why}"
            raise UsageError(Problem("failed.usage", message, "correct `overlays`"))


class PromotionPair(NamedTuple):
    """An entry of the target, those of the source that it follows, and what an open proposal promotes to it."""

    entry: Managed
    sources: Sequence[Managed]
    proposed: Pin | None = None

    @property
    def running(self) -> tuple[Run, ...]:
        """What the source runs, without its history."""
        return tuple(Run(source, source.pin) for source in self.sources)


async def source_pins(context: Context, pairs: Sequence[PromotionPair]) -> list[tuple[tuple[Run, ...], Run | None]]:
    """What each source runs, and the newest earlier pin that has soaked where that has not, or is not one pin.

    For a person only the present pin counts, or the newest that all ran.
    """
    snapshot, now = context.snapshot, context.snapshot.at
    wait = timedelta(0) if context.by_hand is not None else _soak(context)

    def is_known(line: Line, pair: PromotionPair) -> bool:
        if any(_arrival(snapshot, line, source) is None for source in pair.sources):
            return False
        return (
            has_soaked(line, pair)
            or soaked(line, pair) is not None
            or all(trail.enough(line, source.overlay) for source in pair.sources)
        )

    def has_soaked(line: Line, pair: PromotionPair) -> bool:
        """Whether every overlay of the source runs the same pin for long enough."""
        if promotion.run_apart(pair.running):
            return False
        arrived = [_arrival(snapshot, line, source) for source in pair.sources] if wait else []
        return all(step is not None and not soak.left(step.at, now, wait) for step in arrived)

    def soaked(line: Line, pair: PromotionPair) -> Run | None:
        return next(_earlier(context, line, pair, wait), None)

    line = await context.facts.line(lambda line: all(is_known(line, pair) for pair in pairs))
    numbers = await _numbers(context, line, pairs)

    def with_number(running: Run) -> Run:
        return replace(running, number=numbers.get(running.arrived.commit)) if running.arrived is not None else running

    pins = []
    for pair in pairs:
        arrived = ((source, _arrival(snapshot, line, source)) for source in pair.sources)
        present = tuple(with_number(Run(source, source.pin, step)) for source, step in arrived)
        earlier = None if has_soaked(line, pair) else soaked(line, pair)
        pins.append((present, with_number(earlier) if earlier is not None else None))
    return pins


def _earlier(context: Context, line: Line, pair: PromotionPair, wait: timedelta) -> Iterator[Run]:
    """The earlier pins that every overlay of the source ran for long enough, the newest first, down to the target's."""
    apart, release_tag = promotion.run_apart(pair.running), context.environment.release_tag
    if any(context.snapshot.slots_of(source) is not None for source in pair.sources):
        return  # what a slot had before, its source need not have run
    runs = [
        served(
            line,
            source,
            now=context.snapshot.at,
            wait=wait,
            is_current=lambda pin: promotion.is_current(pair.entry, pin, release_tag=release_tag),
            is_proposed=lambda pin: pair.proposed is not None and promotion.is_same(pin, pair.proposed),
            one_of_several=apart,
        )
        for source in pair.sources
    ]
    yield from (replace(run, entry=pair.sources[0]) for run in had_by_all(runs))


async def older(context: Context, entry: Managed, newest: Offer) -> list[Offer]:
    """What may go while a newer pin waits for checks: the pins before it that soaked, a few of them."""
    pair = PromotionPair(entry, context.sources[entry.key], context.branches.promoted.get(entry.key))
    line = await context.facts.line(lambda line: all(trail.enough(line, source.overlay) for source in pair.sources))
    earlier = _earlier(context, line, pair, _soak(context))
    runs = [*islice((run for run in earlier if run.ahead > newest.running.ahead), _MOST_OLDER)]
    if any(its.checks for its in context.environment.requires):  # in one request for all of them
        stood = [required.commits_with(line, run)[-required.MOST_COMMITS :] for run in runs]
        await several([ChecksQuestion(None, commit) for commits in stood for commit in commits])
    numbers = await _numbers(context, line, [pair]) if runs else {}
    numbered = (replace(run, number=numbers.get(run.arrived.commit if run.arrived is not None else "")) for run in runs)
    return [replace(newest, running=run, artifact=None, wait=timedelta(0)) for run in numbered]


async def offer_older(context: Context, entry: Managed, offer: Offer) -> Candidate:
    """The candidate of an older pin."""
    return Candidate(*await _offer(context, entry, offer))


async def _numbers(context: Context, line: Line, pairs: Sequence[PromotionPair]) -> Mapping[str, int | None]:
    """The releases of the sources, by their commits; people may have given them numbers by tags, too."""
    snapshot, names = context.snapshot, {running.environment for pair in pairs for running in pair.running}
    try:
        tags = await RELEASE_TAGS
    except GitError:
        return {}  # no promotion fails for want of a number
    every = all_releases(line, snapshot.layout.owners, tags)
    known = (release for name in names for release in every.get(name, ()))
    return {release.commit: release.number for release in known}


def _arrival(snapshot: Snapshot, line: Line, source: Managed) -> Step | None:
    """The commit since which the source runs what it pins; in a slot, the pin may have waited for the switch."""
    slots = snapshot.slots_of(source)
    return trail.arrival(line, source, source.pin) if slots is None else blue_green.live_since(slots, source, line)


async def _artifact(context: Context, entry: Managed, running: Run) -> Artifact | Held:
    """What the target would get, asked of the registries; held where it wants a version tag and there is none."""
    facts, environment = context.facts, context.environment
    source, target = running.entry.repository, entry.repository
    if source is None or target is None:
        raise RegistryError(no_image(running.entry if source is None else entry))
    if context.request.offline:
        return Artifact(running.pin, exists=True)
    digest = running.pin.digest
    way: Literal["copied", "resolved"] = "copied"
    if digest is None and (entry.rules.pin != "tag" or environment.release_tag):
        # The proposal says so: nobody wrote down what the source's tag meant when it was tested.
        digest, way = await facts.digest(source, running.pin.tag or "", will_read=True), "resolved"
    if environment.match_by == "revision" and digest is not None:
        return await _find_rebuild(facts, entry, running, source, target, digest)
    if digest is not None:
        exists = await pullable.find(facts, target, digest) is not None
    else:
        exists = bool(running.pin.tag and await unless_absent(facts.digest(target, running.pin.tag)))
    alone = entry.rules.pin == "tag" and not environment.release_tag
    if exists and alone and digest is not None and running.pin.tag:
        # The tag alone is what is written: it has to be there, and to name what was tested.
        exists = await _names(facts, target, running.pin.tag, digest)
    if environment.release_tag and digest is not None and exists:
        tag = await _of_digest(facts, target, digest, running.pin.tag)
        if tag is None:
            return promotion.no_release_tag(entry, running)
        return Artifact(Pin(tag, digest), exists, way, renamed=tag != running.pin.tag)
    return Artifact(Pin(running.pin.tag, digest), exists, way)


async def _find_rebuild(
    facts: Facts, entry: Managed, running: Run, source: ImageName, target: ImageName, digest: str
) -> Artifact | Held:
    build = await facts.describe(source, digest)
    if build.revision is None:
        what = "does not say which revision it was built from, and `match: revision` needs that"
        text, advice = f"{source}: {digest[:19]} {what}", "label it with org.opencontainers.image.revision"
        raise RegistryError(Problem("failed.registry", text, advice, about=str(source)))
    release = await _of_revision(facts, target, build)
    if release is None:
        return promotion.no_release_tag(entry, running, build.revision)
    tag, theirs = release
    if theirs == digest:
        return Artifact(Pin(tag, theirs), exists=True, renamed=tag != running.pin.tag)
    return Artifact(Pin(tag, theirs), exists=True, way="rebuilt", revision=build.revision)


#: So many of the newest versions are looked at: a request each, two where the revision is wanted.
_MOST = 50


async def _of_digest(facts: Facts, image: ImageName, digest: str, present: str | None) -> str | None:
    """The full version whose tag names this very digest: the `present` tag, else the newest; None where none does."""
    if present is not None and _is_full(present) and await _names(facts, image, present, digest):
        return present
    for tag in await _versions(facts, image, await unless_absent(facts.describe(image, digest))):
        if await _names(facts, image, tag, digest):
            return tag
    return None


async def _of_revision(facts: Facts, image: ImageName, build: Build) -> tuple[str, str] | None:
    """The newest full version that was built of the same revision, and its digest."""
    for tag in await _versions(facts, image, build):
        digest = await unless_absent(facts.digest(image, tag, will_read=True))
        described = await unless_absent(facts.describe(image, digest)) if digest is not None else None
        if digest is None or described is None or described.revision != build.revision:
            continue
        if await pullable.artifact(facts, image, digest) is None:  # a chart has the revision of its image
            return tag, digest
    return None


async def _names(facts: Facts, image: ImageName, tag: str, digest: str) -> bool:
    return await unless_absent(facts.digest(image, tag)) == digest


async def _versions(facts: Facts, image: ImageName, hint: Build | None) -> list[str]:
    """Full versions (`1.2` moves), the newest first; the version that the image itself claims comes before them all."""
    tags = await facts.tags(image)
    claimed = hint.version if hint is not None else None
    named = [tag for tag in (claimed, f"v{claimed}") if tag in tags and _is_full(tag)] if claimed else []
    return list(dict.fromkeys([*named, *rank(kinds.Semver("*"), [*filter(_is_full, tags)], _MOST)]))


def _is_full(tag: str) -> bool:
    read = version.parse(tag)
    return read is not None and read.parts == 3
