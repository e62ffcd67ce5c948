"""The gates that every decision goes through, in their order: each lets it pass, or holds it and says why.

A gate that lacks a fact raises `Needs`: the engine asks, and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gitops_bot.engine.candidates import roll_back as past
from gitops_bot.engine.platforms import platforms
from gitops_bot.engine.release_info import informed
from gitops_bot.engine.request import Pins, Poll, Promote, RollBack
from gitops_bot.images.kinds import Follow
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import hold, promotion, stepped_back, switch
from gitops_bot.releases.choice import partial_pins as halves
from gitops_bot.releases.choice.promotion import Offer
from gitops_bot.releases.choice.soak import left_behind
from gitops_bot.releases.decisions import Change, Held, asked_by_name, is_open
from gitops_bot.releases.history import trail

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.engine.context import Candidate, Context
    from gitops_bot.images.reason import Code, Reason
    from gitops_bot.releases.decisions import Decision, Managed
    from gitops_bot.releases.history.line import Line

#: Reasons that a person may have promoted in spite of: they hold what is promoted next, not what is proposed already.
_ASKED_BEFORE: tuple[Code, ...] = ("held.soak", "held.policy")


def available(decision: Decision, known: Context) -> Decision:
    """Hold what a rollback would bring back where the registry does not have it any more."""
    what, image = known.request.what, decision.entry.repository if decision.entry is not None else None
    if not isinstance(decision, Change) or not isinstance(what, RollBack) or what.offline or image is None:
        return decision
    return past.available(known.facts, image, decision)


def downgrade(decision: Decision, known: Context) -> Decision:
    """Hold a step back. The policy proposes none, and a rollback is one."""
    if isinstance(decision, Change) and _is_checked(decision, known):
        reason = choice.steps_back(decision, known.state.proposed.get(decision.entry.key))
        return decision if reason is None else decision.held(reason)
    return _promotion(decision, known, promotion.downgrade)


def moved(decision: Decision, known: Context) -> Decision:
    """Hold a tag that names other bytes than it did, unless such a tag may move."""
    if isinstance(known.given, Offer):
        return _promotion(decision, known, promotion.moved)
    now = _moved_to(decision, known) if isinstance(decision, Change) else None
    if not isinstance(decision, Change) or now is None or (reason := choice.moved(decision.entry, now)) is None:
        return decision
    return Held(decision.entry, now, reason)


def _moved_to(change: Change, known: Context) -> Pin | None:
    """What a tag names now, where that was moved; None where it was not, or a person gave the digest, too."""
    entry, given = change.entry, known.given
    if isinstance(known.request.what, Poll):
        tag = entry.policy.tag if isinstance(entry.policy, Follow) else entry.pin.tag
        if change.direction != "moved" or entry.repository is None or tag is None:
            return None
        return Pin(tag, known.facts.digest(entry.repository, tag))
    asked = isinstance(given, Assignment) and given.pin.digest is not None
    return change.after if _is_checked(change, known) and not asked and choice.moves(entry.pin, change.after) else None


def _is_checked(change: Change, known: Context) -> bool:
    """Whether a pin that a person gives may not go back; one of another repository cannot be compared."""
    what = known.request.what
    return isinstance(what, Pins) and not (what.allow_downgrade or change.new_name or change.entry.choices)


def absent(decision: Decision, known: Context) -> Decision:
    """Hold what the target's repository does not have."""
    return _promotion(decision, known, promotion.absent)


def policy(decision: Decision, known: Context) -> Decision:
    """Hold what a person promotes against the policy: that of the image, else that of the environment.

    Where the configuration promotes from this very source, that takes the place of the environment's policy.
    """

    def outside(entry: Managed, offer: Offer) -> Reason | None:
        configured, policy = known.environment.promotion, entry.rules.policy
        promotes = configured is not None and configured.source == offer.running.environment
        if known.by_hand is None or policy is None or offer.artifact is None:
            return None
        return choice.outside(policy, entry, offer.artifact.pin.tag) if entry.rules.own_policy or not promotes else None

    return _promotion(decision, known, outside)


def source_hold(decision: Decision, known: Context) -> Decision:
    """Hold what is held in the source itself."""

    def held(_: Managed, offer: Offer) -> Reason | None:
        written = known.hold(offer.running.entry)
        return promotion.held_in_source(offer, hold.reason(written)) if written is not None else None

    return _promotion(decision, known, held)


def release_tag(decision: Decision, known: Context) -> Decision:
    """Hold a digest without a tag where a tag is pinned."""
    if known.environment.release_tag:
        return decision
    return _promotion(decision, known, lambda entry, offer: halves.untagged(entry, offer.running))


def digest(decision: Decision, known: Context) -> Decision:
    """Hold what would lose its digest."""
    return _promotion(decision, known, lambda entry, offer: halves.no_room(entry, offer.running))


def soak(decision: Decision, known: Context) -> Decision:
    """Hold what the source has not run for long enough."""
    return _promotion(decision, known, lambda _, offer: promotion.unsoaked(offer, known.snapshot.at))


def _promotion(decision: Decision, known: Context, judge: Callable[[Managed, Offer], Reason | None]) -> Decision:
    """What becomes of a decision about what is promoted, where there is a reason against that."""
    if decision.entry is None or not isinstance(known.given, Offer):
        return decision
    reason = judge(decision.entry, known.given)
    return promotion.held(decision, known.given, reason, known.by_hand, known.snapshot.at)


def ignored(decision: Decision, known: Context) -> Decision:
    """Say so where an entry is ignored that was asked for by name."""
    match known.request.what:
        case Promote(images=images) | RollBack(images=images) if images:
            return asked_by_name(decision)
        case _:
            return decision


def withdrawn(decision: Decision, known: Context) -> Decision:
    """Where it is held, what an open proposal promotes goes too once its source is behind that no more.

    That is so when the very pin is held now, and when the source left it by going back. While only something newer
    has to wait, it stays; so does what a person promoted although it had not soaked or is outside the policy.
    """
    if not isinstance(decision, Held) or not (sources := known.sources.get(decision.entry.key)):
        return decision
    if (pin := known.state.promoted.get(decision.entry.key)) is None:
        return decision
    if decision.candidate is not None and promotion.is_same(decision.candidate, pin):
        return replace(decision, withdraws=any(reason.code not in _ASKED_BEFORE for reason in decision.reasons))
    line = known.facts.line(known.snapshot, lambda line: all(trail.enough(line, source.overlay) for source in sources))
    gone = any(
        left_behind(line, source, lambda its: promotion.is_same(its, pin)) or _switched_back(known, line, source, pin)
        for source in sources
    )
    return replace(decision, withdraws=gone)


def _switched_back(known: Context, line: Line, source: Managed, pin: Pin) -> bool:
    """Whether the source's slot with a pin was live, and the other one is again."""
    slots = known.snapshot.slots_of(source)
    other = slots.counterpart(source) if slots is not None else None
    if slots is None or slots.selector is None or other is None or not promotion.is_same(other.pin, pin):
        return False
    return switch.taken_back(slots, slots.selector, line) is not None


def slot(decision: Decision, known: Context) -> Decision:
    """Hold a pin for the live slot of two, and one for a slot while a switch to it is proposed."""
    if not isinstance(decision, Change) or (slots := known.snapshot.slots_of(decision.entry)) is None:
        return decision
    switching = slots.selector is not None and known.state.is_proposed(slots.selector.key)
    return switch.allowed(decision, slots, switching=switching)


def left_before(decision: Decision, known: Context) -> Decision:
    """Hold what the environment left by going backwards; what was proposed on this very commit was looked up then."""
    if not is_open(decision) or known.request.exempt.holds:
        return decision
    entry = decision.entry
    if entry.choices:
        return _switched_before(decision, known)
    if (entry.key, decision.candidate) in known.state.fresh:
        return decision
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, entry.overlay))
    return stepped_back.checked(decision, line)


def _switched_before(decision: Change | Held, known: Context) -> Decision:
    slots, overlay = known.snapshot.slots_of(decision.entry), decision.entry.overlay
    if slots is None:
        return decision
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, overlay))
    return switch.left_before(decision, slots, line)


def declared_hold(decision: Decision, known: Context) -> Decision:
    """Hold what somebody wrote down to be held, whatever is decided about it."""
    written = known.hold(decision.entry) if decision.entry is not None else None
    return decision if written is None else hold.hold(decision, written)


@dataclass(frozen=True, slots=True)
class Gate:
    """A rule that lets a decision pass, or holds it; `explain` shows its name, once for all gates that have it.

    `quiet`: only where it stops one.
    """

    name: str
    judge: Callable[[Decision, Context], Decision]
    quiet: bool = False


#: What a candidate is chosen by, as `explain` calls it.
CHOICE: Final = "choice"
#: Every decision goes through all of them, from the first to the last.
GATES: Final = (
    Gate(CHOICE, available),
    Gate(CHOICE, downgrade),
    Gate(CHOICE, moved),
    Gate(CHOICE, absent),
    Gate(CHOICE, policy),
    Gate(CHOICE, source_hold),
    Gate(CHOICE, release_tag),
    Gate(CHOICE, digest),
    Gate(CHOICE, soak),
    Gate(CHOICE, ignored),
    Gate(CHOICE, withdrawn),
    Gate("slot", slot),
    Gate("left before", left_before),
    Gate("platforms", platforms),
    Gate("declared hold", declared_hold),
    Gate("release info", informed, quiet=True),
)


def through(candidate: Candidate, known: Context) -> Decision:
    """The decision about a candidate, behind all gates."""
    decision, known = candidate.decision, replace(known, given=candidate.given)
    for gate in GATES:
        decision = gate.judge(decision, known)
    return decision
