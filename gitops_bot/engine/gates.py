"""The gates that every decision goes through, in their order: each lets it pass, or holds it and says why.

A gate that lacks a fact raises `Needs`: the engine asks, and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeGuard

from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import hold, reasons, stepped_back, switch
from gitops_bot.releases.history import trail
from gitops_bot.releases.plan import Change, Failed, Held

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.open_proposals import OpenProposals
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.plan import Decision


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one environment: what decides it, and what it is arranged by."""

    snapshot: Snapshot
    facts: Facts
    request: Request
    state: OpenProposals

    @property
    def environment(self) -> Environment:
        """The environment itself."""
        return self.state.environment


def slot(decision: Decision, known: Known) -> Decision:
    """Hold a pin for the live slot of two, and one for a slot while a switch to it is proposed."""
    if not isinstance(decision, Change) or (slots := known.snapshot.slots_of(decision.entry)) is None:
        return decision
    switching = slots.selector is not None and known.state.is_proposed(slots.selector.key)
    return switch.allowed(decision, slots, switching=switching)


def left_before(decision: Decision, known: Known) -> Decision:
    """Hold what the environment left by going backwards; what was proposed on this very commit was looked up then."""
    if not _is_open(decision) or known.request.exempt.holds:
        return decision
    entry = decision.entry
    if entry.choices:
        return _switched_before(decision, known)
    if (entry.key, stepped_back.wanted(decision)) in known.state.fresh:
        return decision
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, entry.overlay))
    return stepped_back.checked(decision, line)


def _switched_before(decision: Change | Held, known: Known) -> Decision:
    slots, overlay = known.snapshot.slots_of(decision.entry), decision.entry.overlay
    if slots is None:
        return decision
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, overlay))
    return switch.left_before(decision, slots, line)


def platforms(decision: Decision, known: Known) -> Decision:
    """Hold an image that cannot be pulled on every platform that it is for. `set` and `rollback` pass.

    Some clean-ups delete manifests without a tag, and those of an index have none; and a build may leave out a platform
    that clusters need. A proposal that has the very pin loses it.
    """
    if not _is_open(decision) or (isinstance(decision, Change) and decision.source not in ("policy", "promotion")):
        return decision
    pin = stepped_back.wanted(decision)
    if pin is None:
        return decision
    try:
        image = ImageName.parse(decision.entry.image)
    except ValueError:
        return decision  # whoever decided has told
    try:
        reason = _unusable(decision, known.facts, image, pin)
    except RegistryError as error:
        # What waits is asked for again, and fails only once nothing else is in the way.
        return decision if isinstance(decision, Held) else Failed(decision.entry, error.problem)
    if reason is None:
        return decision
    held = reasons.add(decision, reason) if isinstance(decision, Held) else Held(decision.entry, pin, reason)
    return replace(held, withdraws=held.withdraws or known.state.proposed.get(decision.entry.key) == pin)


def _unusable(decision: Change | Held, facts: Facts, image: ImageName, pin: Pin) -> Reason | None:
    """Why an image cannot be pulled on a platform that it is for; None where it can be pulled on each.

    Raises:
        RegistryError: the registry does not tell.
    """
    entry = decision.entry
    digest = pin.digest or facts.digest(image, pin.tag or "")
    wanted = entry.rules.platforms
    if missing := [platform for platform in facts.missing(image, digest) if not wanted or platform in wanted]:
        lost = choice.incomplete(entry.image, pin, missing)
        advice = "push it again, and keep clean-up jobs from deleting manifests that an index lists"
        return replace(lost, text=f"{lost.text}; {advice}")
    if not wanted and not _may_lose(decision, facts, image, digest):
        return None
    before = decision.before if isinstance(decision, Change) else decision.current
    present = None if wanted else before
    wanted = wanted if present is None else _index_platforms(facts, image, present)
    if not wanted:
        return None
    built_for = facts.index_platforms(image, digest) or facts.describe(image, digest).platforms
    lacking = tuple(platform for platform in wanted if platform not in built_for)
    if not lacking or (present is not None and not built_for):
        return None
    return choice.unbuilt(entry.image, pin, lacking, present)


def _may_lose(decision: Change | Held, facts: Facts, image: ImageName, digest: str) -> bool:
    """Whether an image is compared with what is pinned, where nobody says which platforms are needed.

    What is promoted was compared when its source got it: a single image is not worth a request each.
    """
    polled = isinstance(decision, Change) and decision.source == "policy"
    return polled or bool(facts.index_platforms(image, digest))


def _index_platforms(facts: Facts, image: ImageName, pin: Pin) -> tuple[str, ...]:
    """The platforms that the index of a pin names; none of a single image, or of one that is gone."""
    try:
        digest = pin.digest or (facts.digest(image, pin.tag) if pin.tag is not None else None)
        return facts.index_platforms(image, digest) if digest is not None else ()
    except RegistryError:
        return ()


def declared_hold(decision: Decision, known: Known) -> Decision:
    """Hold what somebody wrote down to be held, whatever is decided about it."""
    if decision.entry is None or known.request.exempt.holds:
        return decision
    written = known.snapshot.hold(decision.entry)
    return decision if written is None else hold.hold(decision, written)


@dataclass(frozen=True, slots=True)
class Gate:
    """A rule that lets a decision pass, or holds it; `explain` shows its name."""

    name: str
    judge: Callable[[Decision, Known], Decision]


#: Every decision goes through all of them, from the first to the last. What a promotion is held by before that is in
#: `releases.choice.promotion`.
GATES: Final = (
    Gate("slot", slot),
    Gate("left before", left_before),
    Gate("platforms", platforms),
    Gate("declared hold", declared_hold),
)


def through(decision: Decision, known: Known) -> Decision:
    """The decision behind all gates."""
    for gate in GATES:
        decision = gate.judge(decision, known)
    return decision


def _is_open(decision: Decision) -> TypeGuard[Change | Held]:
    """Whether it changes something, or only has to wait: the reason that lasts longest is the one to tell."""
    return isinstance(decision, Change) or (isinstance(decision, Held) and decision.reason.ends is not None)
