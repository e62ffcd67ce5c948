"""The gates of each kind of request, in their order: each lets a decision pass, or holds it and says why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot.engine import earlier_waves, pullable, required
from gitops_bot.engine.context import Candidate, Context, Gate, Judged
from gitops_bot.engine.followers import describe_release
from gitops_bot.engine.pullable import problem_with, unless_absent
from gitops_bot.engine.request import Pins, Poll, Promote, RollBack, RollBackFailed, Withdraw
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import runs_on
from gitops_bot.images.kinds import Follow
from gitops_bot.images.reason import Code, Reason
from gitops_bot.images.reference import Assignment, ImageName, Pin
from gitops_bot.releases import blue_green
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import hold, promotion, stepped_back
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.choice.soak import left_behind
from gitops_bot.releases.decisions import Change, Decision, Failed, Held, Kept, Managed, is_open
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.engine.drive import Deciding
    from gitops_bot.engine.facts import Facts
    from gitops_bot.releases.history.line import Line

#: Reasons that a person may have overridden: they hold the next promotion, not the one that is proposed already.
_OVERRIDABLE: tuple[Code, ...] = ("held.soak", "held.policy")
_OF_CHECKS: tuple[Code, ...] = ("held.check", "held.source_check", "held.deployment")


def _offered(name: str, why_held: Callable[[Managed, Offer, Context], Reason | None]) -> Gate:
    """A gate of an offer: it is held if `why_held` gives a reason."""

    async def judge_offer(decision: Decision, context: Context) -> Decision:
        offer, entry = context.basis, decision.entry
        if entry is None or not isinstance(offer, Offer):
            return decision
        reason = why_held(entry, offer, context)
        return promotion.hold_for(decision, offer, reason, context.by_hand, context.snapshot.at)

    return Gate(name, judge_offer, shown="choice")


def _beyond_policy(entry: Managed, offer: Offer, context: Context) -> Reason | None:
    """Why a person may not promote it: by the policy of the image, else of the environment.

    If the configuration promotes from this very source, only the policy of an image counts.
    """
    configured, policy = context.environment.promotion, entry.rules.policy
    promotes = configured is not None and configured.source == offer.running.environment
    if policy is None or offer.artifact is None or (promotes and not entry.rules.own_policy):
        return None
    return choice.outside(policy, entry, offer.artifact.pin.tag)


def _held_in_source(_: Managed, offer: Offer, context: Context) -> Reason | None:
    written = context.hold(offer.running.entry, travels=True)
    return promotion.held_in_source(offer, hold.reason(written)) if written is not None else None


def _without_tag(entry: Managed, offer: Offer, context: Context) -> Reason | None:
    return None if context.environment.release_tag else promotion.untagged(entry, offer.running)


async def source_left(decision: Decision, context: Context) -> Decision:
    """Hold a pin that any wave before the source went back from, and withdraw what is proposed of such a pin.

    What is proposed stays while only something newer has to wait, and if a person promoted it although it had not
    soaked or is outside the policy.
    """
    if not isinstance(decision, Change | Held) or not (sources := context.sources.get(decision.entry.key)):
        return decision
    pin, offer = context.branches.promoted.get(decision.entry.key), context.basis
    earlier = context.before(sources) if not context.request.release_hold else []
    if earlier and is_open(decision) and isinstance(offer, Offer):
        line = await _trails(context, earlier)
        if reason := next(filter(None, (_why_left(context, line, wave, offer.running.pin) for wave in earlier)), None):
            decision = decision.hold(reason)
    if not isinstance(decision, Held) or pin is None:
        return decision
    if decision.candidate is not None and promotion.is_same(decision.candidate, pin):
        return replace(decision, withdraws=any(reason.code not in _OVERRIDABLE for reason in decision.reasons))
    line = await _trails(context, (*sources, *earlier))
    return replace(decision, withdraws=any(_why_left(context, line, source, pin) for source in (*sources, *earlier)))


async def _trails(context: Context, sources: Sequence[Managed]) -> Line:
    return await context.facts.line(lambda line: all(trail.enough(line, source.overlay) for source in sources))


def _why_left(context: Context, line: Line, source: Managed, pin: Pin) -> Reason | None:
    """Why a pin of a source does not count: the source went back from it, or from the slot that has it."""
    step = left_behind(line, source, lambda left: promotion.is_same(left, pin))
    slots = context.snapshot.slots_of(source)
    other = slots.counterpart(source) if slots is not None else None
    if slots is not None and slots.selector and other is not None and promotion.is_same(other.pin, pin):
        step = step or blue_green.switch_back(slots, slots.selector, line)
    return stepped_back.in_source(source, pin, step) if step is not None else None


async def tag_moved(decision: Decision, context: Context) -> Decision:
    """Hold a tag that names other bytes than before, unless such a tag may move."""
    if not isinstance(decision, Change) or decision.direction != "moved":
        return decision
    entry = decision.entry
    tag = entry.policy.tag if isinstance(entry.policy, Follow) else entry.pin.tag
    if entry.repository is None or tag is None:
        return decision
    now = Pin(tag, await context.facts.digest(entry.repository, tag))
    reason = choice.moved(entry, now)
    return decision if reason is None else Held(entry, now, reason)


async def platforms(decision: Decision, context: Context) -> Decision:
    """Hold what is no image, and an image that cannot be pulled on every platform that it is for.

    Other things than images are pushed to the same repositories, some clean-ups delete manifests without a tag, and
    those of an index have none; and a build may leave out a platform. If the open proposal has this very pin, it is
    withdrawn. A digest that a person names is taken as it is: no registry is asked about it.
    """
    basis = context.basis
    if context.request.offline or not is_open(decision) or (pin := decision.candidate) is None:
        return decision
    image = ImageName.of((decision.new_name if isinstance(decision, Change) else None) or decision.entry.image)
    if image is None or (isinstance(basis, Assignment) and basis.pin.digest is not None):
        return decision  # a decision without an image says so already
    try:
        usable = await _usable(decision, context.facts, image, pin)
    except RegistryError as error:
        # A held entry is looked up again by the next run: it fails only once nothing else holds it.
        return decision if isinstance(decision, Held) else Failed(decision.entry, error.problem)
    if not isinstance(usable, Reason):
        return usable
    if isinstance(basis, Assignment):
        usable = usable.with_more(f"with its digest (`{pin.short}@sha256:...`) it is set anyway")
    held = decision.hold(usable)
    return replace(held, withdraws=held.withdraws or context.branches.proposed.get(decision.entry.key) == pin)


async def _usable(decision: Change | Held, facts: Facts, image: ImageName, pin: Pin) -> Decision | Reason:
    """The decision where an image can be pulled on each platform that it is for, or why it cannot."""
    entry = decision.entry
    digest = pin.digest or await facts.digest(image, pin.tag or "", will_read=True)
    if (artifact := await pullable.unlike_pinned(facts, entry, image, digest)) is not None:
        return choice.no_image(str(image), pin, artifact)
    manifest, wanted = await facts.manifest(image, digest), entry.rules.platforms
    missing = await pullable.lost(facts, image, manifest)
    if wanted:
        missing = tuple(name for name in missing if any(runs_on(name, platform) for platform in wanted))
    if missing:
        advice = "push it again, and keep clean-up jobs from deleting manifests that an index lists"
        return choice.incomplete(str(image), pin, missing).with_more(advice)
    if not wanted:
        return await _like_pinned(decision, facts, image, pin, digest)
    built_for = await pullable.platforms(facts, image, digest)
    lacking = _lacking(wanted, built_for)
    return choice.unbuilt(str(image), pin, built_for, lacking, None) if lacking else decision


async def _like_pinned(
    decision: Change | Held, facts: Facts, image: ImageName, pin: Pin, digest: str
) -> Decision | Reason:
    """The decision where an image is built for each platform of the pinned one, or why it is not."""
    entry = decision.entry
    running, pinned = entry.repository, await pullable.pinned_digest(facts, entry)
    if pinned is None or pinned == digest or running is None:
        return decision
    wanted, built_for, is_there = tuple[str, ...](), tuple[str, ...](), False
    with suppress(RegistryError):
        wanted = await pullable.platforms(facts, running, pinned)
    if not wanted:
        return decision
    with suppress(RegistryError):
        built_for = await pullable.platforms(facts, image, digest)
    lacking = _lacking(wanted, built_for)
    with suppress(RegistryError):
        # The pinned one may be known from a cache and be gone: no cache may decide.
        is_there = bool(lacking) and await facts.exists(running, pinned)
    if not is_there:
        return decision
    if not built_for:
        # The registry may fail for this one blob, and the image may be fine: the reason says so.
        note = f"which platforms it is built for is unknown, and what is pinned is for {', '.join(wanted)}"
        return replace(decision, reason=decision.reason.with_more(note))
    return choice.unbuilt(str(image), pin, built_for, lacking, entry.pin)


def _lacking(wanted: Sequence[str], built_for: Sequence[str]) -> tuple[str, ...]:
    return tuple(platform for platform in wanted if not any(runs_on(built, platform) for built in built_for))


async def available(decision: Decision, context: Context) -> Decision:
    """Hold what cannot be pulled on every platform any more."""
    image = decision.entry.repository if decision.entry is not None else None
    if not isinstance(decision, Change) or context.request.offline or image is None:
        return decision
    facts, digest, tag = context.facts, decision.after.digest, decision.after.tag or ""
    missing: tuple[str, ...] = ()
    try:
        if digest is None:
            exists = await unless_absent(facts.digest(image, tag)) is not None
        else:
            manifest = await pullable.find(facts, image, digest)
            exists, missing = manifest is not None, await pullable.lost(facts, image, manifest) if manifest else ()
    except RegistryError as error:
        return Failed(decision.entry, problem_with(error, decision.entry))
    from gitops_bot.releases.choice import rollback

    return rollback.check(decision, exists=exists, missing=missing)


async def step_back(decision: Decision, context: Context) -> Decision:
    """Hold an older pin that a person asks for. A policy never proposes one, and a rollback is meant to."""
    if not isinstance(decision, Change) or not _may_not_go_back(decision, context):
        return decision
    reason = choice.steps_back(decision, context.branches.proposed.get(decision.entry.key))
    return decision if reason is None else decision.hold(reason)


async def asked_tag_moved(decision: Decision, context: Context) -> Decision:
    """Hold a tag that a person asks for without a digest, if it names other bytes than before."""
    basis = context.basis
    if not isinstance(decision, Change) or (isinstance(basis, Assignment) and basis.pin.digest is not None):
        return decision
    entry, after = decision.entry, decision.after
    if not _may_not_go_back(decision, context) or not choice.moves(entry.pin, after):
        return decision
    reason = choice.moved(entry, after)
    return decision if reason is None else Held(entry, after, reason)


def _may_not_go_back(change: Change, context: Context) -> bool:
    """Whether a pin that a person asks for must not be older; one of another repository cannot be compared."""
    what = context.request.what
    return isinstance(what, Pins) and not (what.allow_downgrade or change.new_name or change.entry.choices)


async def ignored(decision: Decision, context: Context) -> Decision:
    """Report an ignored entry that was named, rather than pass over it in silence."""
    what = context.request.what
    asked = isinstance(what, Promote | RollBack) and what.images
    if asked and isinstance(decision, Kept) and decision.reason.code == "ignored":
        return Held(decision.entry, None, decision.reason)
    return decision


async def slot(decision: Decision, context: Context) -> Decision:
    """Hold a pin for the live slot of two, and one for a slot while a switch to it is proposed."""
    if not isinstance(decision, Change) or (slots := context.state.slots_of(decision.entry)) is None:
        return decision
    switching = slots.selector is not None and slots.selector.key in context.branches.changing
    return blue_green.decide_pin(decision, slots, switching=switching)


async def left_before(decision: Decision, context: Context) -> Decision:
    """Hold a pin that the environment left by going back. What is proposed on this very commit was checked then."""
    if not is_open(decision) or context.request.release_hold:
        return decision
    entry, facts = decision.entry, context.facts
    slots = context.state.slots_of(entry) if entry.choices else None
    proposed = not entry.choices and (entry.key, decision.candidate) in context.branches.proposed_at_this_commit
    if proposed or (entry.choices and slots is None):
        return decision
    line = await facts.line(lambda line: trail.enough(line, entry.overlay))
    return stepped_back.check(decision, line) if slots is None else blue_green.hold_if_taken_back(decision, slots, line)


async def declared_hold(decision: Decision, context: Context) -> Decision:
    """Hold an entry that `holds:` of the configuration names, whatever is decided about it."""
    written = context.hold(decision.entry) if decision.entry is not None else None
    return decision if written is None else hold.hold(decision, written)


#: Of a promotion: by the order of the target's policy or of the source's; where the source pins a tag without a digest;
#: what the target's repository has.
_OFFERED: Final = (
    _offered("no step back", lambda entry, offer, _: promotion.downgrade(entry, offer)),
    _offered("source's tag not moved", lambda entry, offer, _: promotion.moved(entry, offer)),
    _offered("in the target's registry", lambda entry, offer, _: promotion.absent(entry, offer)),
)
_HELD_OFFERS: Final = (
    _offered("not held in the source", _held_in_source),
    _offered("has a tag", _without_tag),
    _offered("room for its digest", lambda entry, offer, _: promotion.no_room(entry, offer.running)),
    _offered("soaked", lambda _, offer, context: promotion.unsoaked(offer, context.snapshot.at, context.facts.more)),
)
_LEFT: Final = Gate("no wave went back from it", source_left, shown="choice")
_IGNORED: Final = Gate("not ignored", ignored, shown="choice")
#: Of everything.
_PLACE: Final = (Gate("slot", slot, shown="data"), Gate("left before", left_before, "not rolled back before"))
_PLATFORMS: Final = Gate("platforms", platforms, "an image, there for every platform")
_ON_HOLD: Final = Gate("declared hold", declared_hold, "not on hold")
#: Behind the others, since these ask the forge about what would go on otherwise.
_REQUIRED: Final = Gate("require", required.require, "all that it requires succeeded", shown="stop")
_EARLIER: Final = Gate("earlier waves", earlier_waves.not_failed, "it failed in no earlier wave", shown="stop")
_INFO: Final = Gate("release info", describe_release, "its release info is known", shown="stop")

#: For `update` and `plan`: entries that follow a policy, and those that are promoted from a source environment.
POLL: Final = (Gate("tag not moved", tag_moved, shown="choice"), *_PLACE, _PLATFORMS, _ON_HOLD, _REQUIRED, _INFO)
POLL_SOURCE: Final = (
    *_OFFERED, *_HELD_OFFERS, _LEFT, *_PLACE, _PLATFORMS, _ON_HOLD, _EARLIER, _REQUIRED, _INFO,
)  # fmt: skip
PROMOTE: Final = (
    *_OFFERED, _offered("admitted by the policy", _beyond_policy), *_HELD_OFFERS, _IGNORED, _LEFT, *_PLACE, _PLATFORMS,
    _ON_HOLD, _EARLIER, _REQUIRED, _INFO,
)  # fmt: skip
PINS: Final = (
    Gate("no step back", step_back, shown="choice"), Gate("tag not moved", asked_tag_moved, shown="choice"), *_PLACE,
    _PLATFORMS, _ON_HOLD, _INFO,
)  # fmt: skip
ROLL_BACK: Final = (Gate("in the registry", available, shown="choice"), _IGNORED, *_PLACE, _ON_HOLD, _INFO)
#: For the pins that open proposals carry: everything else was judged when they were proposed.
CARRIED: Final = (
    Gate("carried slot", slot, shown="data"),
    Gate("carried left before", left_before, "the proposed pin was not rolled back since"),
)


async def judge(deciding: Deciding[Candidate], context: Context) -> Judged:
    """Pass a candidate through the gates of its kind of request."""
    candidate = await deciding
    entry = candidate.decision.entry
    gates: Sequence[Gate]
    match context.request.what:
        case Poll():
            gates = POLL_SOURCE if entry is not None and entry.key in context.sources else POLL
        case Promote():
            gates = PROMOTE
        case Pins():
            gates = PINS
        case RollBack() | RollBackFailed():
            gates = ROLL_BACK
        case Withdraw():
            gates = ()
        case _:
            assert_never(context.request.what)
    judged = await pass_gates(gates, candidate, context)
    if context.despite_checks and isinstance(judged.decision, Change):
        judged = replace(judged, decision=replace(judged.decision, despite_checks=True))
    if gates is POLL_SOURCE:
        judged = await _or_older(gates, judged, context)
    return await _with_proposed(gates, judged, context) if isinstance(context.request.what, Poll) else judged


async def _or_older(gates: Sequence[Gate], newest: Judged, context: Context) -> Judged:
    """The newest of the older pins that passes, where nothing but checks holds the newest.

    Whatever holds the newest: a pin that is proposed already is withdrawn once its checks have failed.
    """
    held, offer = newest.decision, newest.candidate.basis
    if not isinstance(held, Held) or not isinstance(offer, Offer) or not context.snapshot.sees_pull_requests:
        return newest
    proposed = context.branches.promoted.get(held.entry.key)
    for_checks = all(reason.code in _OF_CHECKS for reason in held.reasons)
    if not for_checks and (proposed is None or held.withdraws):
        return newest
    from gitops_bot.engine.candidates import promote

    for earlier in [offer, *await promote.older(context, held.entry, offer)]:
        is_proposed = proposed is not None and promotion.is_same(earlier.running.pin, proposed)
        if for_checks and is_proposed and held.entry.key in context.branches.despite_checks:
            return newest  # a person chose it: nothing older takes its place
        if earlier is offer if for_checks else not is_proposed:
            continue
        candidate = await promote.offer_older(context, held.entry, earlier)
        judged = await pass_gates(gates if for_checks else (_EARLIER, _REQUIRED), candidate, context)
        decision = judged.decision
        if isinstance(decision, Change) and for_checks:
            waits = f"{offer.running.pin.short} waits: {held.reason.text}"
            return replace(judged, decision=replace(decision, reason=decision.reason.with_more(waits)))
        if isinstance(decision, Held) and decision.withdraws:
            return judged
    return newest


async def _with_proposed(gates: Sequence[Gate], judged: Judged, context: Context) -> Judged:
    """The same with the decision about the pin that an open proposal keeps, if its status is to tell of another one."""
    decision, config, name = judged.decision, context.snapshot.config, context.environment.name
    if not isinstance(decision, Change | Held) or not (config.writes_status(name) and config.is_gated(name)):
        return judged
    entry, offer = decision.entry, judged.candidate.basis
    pin, stays = context.branches.shown.get(entry.key, (None, False))
    if pin is None or not (stays or isinstance(decision, Held)) or promotion.is_same(decision.candidate or Pin(), pin):
        return judged
    if gates is POLL:
        known = Change(entry, pin, "policy", "forward", Reason("chosen", "an open proposal has it"))
        passed = await pass_gates((_ON_HOLD, _REQUIRED), Candidate(known), context)
        return replace(judged, proposed=passed.decision)
    from gitops_bot.engine.candidates import promote

    for older in await promote.older(context, entry, offer) if isinstance(offer, Offer) else ():
        if context.environment.match_by == "revision" or promotion.is_same(older.running.pin, pin):
            candidate = await promote.offer_older(context, entry, older)
            its = candidate.decision
            if isinstance(its, Change | Held) and promotion.is_same(its.candidate or Pin(), pin):
                return replace(judged, proposed=(await pass_gates(gates, candidate, context)).decision)
    return judged


async def pass_gates(gates: Sequence[Gate], candidate: Candidate, context: Context) -> Judged:
    """Pass a candidate through gates, in their order."""
    decision, trace, context = candidate.decision, [], replace(context, basis=candidate.basis)
    for gate in gates:
        decision = await gate.judge(decision, context)
        trace.append((gate, decision))
    return Judged(decision, candidate, tuple(trace))
