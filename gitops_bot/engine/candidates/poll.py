"""Candidates of a poll: the best tag that the registry has by an entry's policy, and the idle slot for a selector."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine import pullable
from gitops_bot.engine.context import Candidate, Candidates, Context, Entrant, as_it_is
from gitops_bot.engine.pullable import digest_of, no_image, problem_with
from gitops_bot.engine.read import without_partner
from gitops_bot.errors import RegistryError
from gitops_bot.images import age
from gitops_bot.images import policy as policies
from gitops_bot.images.build import BuildTimes
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver
from gitops_bot.images.order import lone_numbers, rank
from gitops_bot.images.reason import Reason, shortlist
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases import blue_green
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import IGNORED, Decision, Failed, Held, Kept, Managed
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gitops_bot.engine.facts import Facts


#: How many of the best tags are asked for their digest, to find the place of a pin that only a digest names.
_PLACES = 30
#: So many of the best tags may name no image; each takes a request, in every run.
MOST_LEFT_OUT = 30


async def candidates(context: Context) -> Candidates:
    """What registries have, or, for an entry that the source has too, what the source runs."""
    state, sources, now = context.state, context.sources, context.snapshot.at
    polled = [entry for entry in state.entries if entry.key not in sources]
    alone = without_partner(context.snapshot, context.environment.name)
    entrants = [
        as_it_is(Held(state.by_key[key], None, Reason("held.no_partner", f"{text}; {advice}")))
        for key, (text, advice) in alone.items()
    ]
    polled = [entry for entry in polled if entry.key not in alone]
    asked = [entry for entry in polled if not context.request.offline or entry.is_settled]
    entrants += [
        Entrant(entry, _switch(context, entry) if entry.choices else poll(context.facts, entry, now)) for entry in asked
    ]
    if context.request.offline:  # where nothing is decided, an open proposal goes on as it is, unless there is a hold
        undecided = [entry for entry in polled if not entry.is_settled and context.hold(entry) is not None]
        entrants += [as_it_is(Kept(entry, Reason("nothing_new", "no registry was asked"))) for entry in undecided]
    if sources:
        from gitops_bot.engine.candidates.promote import offers

        entrants += await offers(context, [(state.by_key[key], partners) for key, partners in sources.items()])
    return Candidates(context, entrants)


async def poll(facts: Facts, entry: Managed, now: datetime) -> Candidate:
    """What the registry has for an entry, by its policy."""
    rules = entry.rules
    if rules.ignore:
        return Candidate(Kept(entry, IGNORED))
    if rules.policy is None:
        return Candidate(Kept(entry, rules.unmanaged or Reason("unmanaged", "it has no policy")))
    if entry.mistake is not None:
        return Candidate(Failed(entry, entry.mistake))
    image = entry.repository
    if image is None:
        return Candidate(Failed(entry, no_image(entry)))
    left_out: Mapping[str, str] = {}
    try:
        match rules.policy.policy:
            case Follow(tag=tag):
                decision = await _follow(facts, entry, image, tag)
            case policy:
                decision, left_out = await _choose(facts, entry, image, policy, now)
    except RegistryError as error:
        decision = Failed(entry, problem_with(error, entry))
    if left_out and not isinstance(decision, Failed):
        names = shortlist([f"{tag} {why}" for tag, why in left_out.items()], policies.NAMED)
        decision = replace(decision, reason=decision.reason.with_more(f"left out: {names}"))
    return Candidate(decision, left_out=left_out)


async def _follow(facts: Facts, entry: Managed, image: ImageName, tag: str) -> Decision:
    try:
        digest = await digest_of(facts, entry, image, tag, entry.rules.policy)
    except RegistryError as error:
        if not error.no_tag or entry.pin.tag != tag:
            raise
        reason = Reason("held.vanished", f"the registry no longer has the tag {tag}: push it again, or follow another")
        return Held(entry, None, reason)
    return choice.follow(entry, tag, digest)


async def times_for(facts: Facts, image: ImageName, policy: Newest, tags: Sequence[str], present: Pin) -> BuildTimes:
    """The build times that an order by them goes by; nobody is asked where there is nothing to choose."""
    wanted = age.timed_tags(policy, tags)
    if set(wanted) <= {present.tag}:
        return BuildTimes({}, None, "created")
    return await facts.times(image, wanted, present)


async def _choose(
    facts: Facts, entry: Managed, image: ImageName, policy: Semver | Pattern | Newest, now: datetime
) -> tuple[Decision, Mapping[str, str]]:
    """The decision by the tags that name images, and those that name none, which are left out, each with why."""
    tags, left_out = entry.entry.of_major(await facts.tags(image)), dict[str, str]()
    times = await times_for(facts, image, policy, tags, entry.pin) if isinstance(policy, Newest) else None
    name = entry.rules.policy.name if entry.rules.policy is not None else None

    async def built(tag: str) -> datetime | None:
        return (await facts.times(image, (tag,), Pin())).times.get(tag)

    async def choose(pin: Pin) -> policies.Choice:
        while True:
            # A chart called 2.0.0 is a version all the same: `2026090805` is none beside it.
            out = {*left_out, *lone_numbers(policy, tags, entry.pin.tag)} if left_out else ()
            among = [tag for tag in tags if tag not in out] if out else tags
            if isinstance(policy, Newest):
                known = times or BuildTimes({}, None, "created")
                made = age.choose_newest(policy, among, known.times, pin, known.pinned, now, name)
            else:
                made = await age.choose_aged(policy, among, pin, built, now, name)
            match made:
                case (
                    policies.Chosen(tag=best) | policies.HeldChoice(candidate=str(best), reason=Reason(ends=datetime()))
                ):
                    why = await pullable.why_left_out(facts, entry, image, best)
                case _:
                    return made
            if why is None:
                return made
            left_out[best] = why
            if len(left_out) >= MOST_LEFT_OUT:
                what = f"the best {len(left_out)} tags that the policy admits name no images"
                reason = Reason("held.no_image", f"{what}; let the policy leave them out")
                return policies.HeldChoice(reason, next(iter(left_out)))

    made = await choose(entry.pin)
    is_lost = isinstance(made, policies.HeldChoice) and made.reason.code in ("held.unordered", "held.vanished")
    if is_lost and entry.pin.digest is not None and not isinstance(policy, Newest):
        placed = await _by_digest(facts, entry, image, rank(policy, tags, _PLACES), choose)
        if placed is not None:
            return placed, left_out
    return await _with_digest(facts, entry, image, made), left_out


async def _with_digest(facts: Facts, entry: Managed, image: ImageName, made: policies.Choice) -> Decision:
    """The decision by a choice, with the digest that its tag names now."""
    present = entry.pin
    match made:
        case policies.Chosen() as chosen:
            digest = None if entry.rules.pin == "tag" else await facts.digest(image, chosen.tag)
            return choice.advance(entry, chosen, digest)
        case policies.Current(reason=reason):
            if present.tag is None or present.digest is None:
                return Kept(entry, reason)
            return choice.stay(entry, await facts.digest(image, present.tag))
        case policies.HeldChoice(reason=reason, candidate=candidate):
            return Held(entry, Pin(candidate) if candidate else None, reason)
        case _:
            assert_never(made)


async def _by_digest(
    facts: Facts,
    entry: Managed,
    image: ImageName,
    ranked: Sequence[str],
    choose: Callable[[Pin], Awaitable[policies.Choice]],
) -> Decision | None:
    """Place a pin whose tag says nothing by a tag of its digest, if any; `choose` says what goes on from a tag."""
    present = entry.pin
    for position, tag in enumerate(ranked):
        if await pullable.unless_unknown(facts.digest(image, tag)) != present.digest:
            continue
        made = await choose(Pin(tag)) if position > 0 else None
        if made is None or isinstance(made, policies.Current):  # what is before it may be left out
            made = policies.Chosen(tag, Reason("adopted", f"the pinned digest is {tag}, the newest"))
            if present.tag is None:
                return Kept(entry, replace(made.reason, code="current"))
        elif isinstance(made, policies.Chosen):
            reason = Reason("chosen", f"the pinned digest is {tag}; {made.tag} is newer", made.reason.data)
            made = policies.Chosen(made.tag, reason)
        return await _with_digest(facts, entry, image, made)
    return None


async def _switch(context: Context, entry: Managed) -> Candidate:
    """What becomes of a selector. No registry is asked: what it selects was looked up when it was pinned."""
    if entry.rules.ignore:
        return Candidate(Kept(entry, IGNORED))
    if entry.refusal is not None:
        return Candidate(Failed(entry, entry.refusal))
    slots = context.state.slots_of(entry)
    if slots is None or slots.wrong is not None:
        why = slots.wrong.message if slots is not None and slots.wrong is not None else "no slots"
        return Candidate(Kept(entry, Reason("unmanaged", why)))
    line = await context.facts.line(lambda line: trail.enough(line, entry.overlay))
    released = context.request.release_hold
    decision: Decision = blue_green.decide_switch(slots, entry, line, context.snapshot.at, released=released)
    # What is frozen in the slot does not go live either.
    written = next(filter(None, map(context.hold, slots.entries[slots.idle])), None)
    return Candidate(decision if written is None else hold.hold(decision, written))
