"""The gates that every decision goes through, in their order: each lets it pass, or holds it and says why.

A gate that lacks a fact raises `Needs`: the engine asks, and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeGuard

from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.choice import hold, reasons, stepped_back
from gitops_bot.releases.history import trail
from gitops_bot.releases.plan import Change, Failed, Held

if TYPE_CHECKING:
    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.open_proposals import OpenProposals
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
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


def left_before(decision: Decision, known: Known) -> Decision:
    """Hold what the environment left by going backwards; what was proposed on this very commit was looked up then."""
    if not _is_open(decision) or known.request.exempt.holds:
        return decision
    entry = decision.entry
    if (entry.key, stepped_back.wanted(decision)) in known.state.fresh:
        return decision
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, entry.overlay))
    return stepped_back.checked(decision, line, entry.rules)


def platforms(decision: Decision, known: Known) -> Decision:
    """Hold an image that cannot be pulled on every platform that its index names. `set` and `rollback` pass.

    Some clean-ups delete manifests without a tag, and those of an index have none. A proposal that has the very pin
    loses it.
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
        missing = known.facts.missing(image, pin.digest or known.facts.digest(image, pin.tag or ""))
    except RegistryError as error:
        # What waits is asked for again, and fails only once nothing else is in the way.
        return decision if isinstance(decision, Held) else Failed(decision.entry, error.problem)
    if not missing:
        return decision
    lost = choice.incomplete(decision.entry.image, pin, missing)
    reason = replace(
        lost, text=f"{lost.text}; push it again, and keep clean-up jobs from deleting manifests that an index lists"
    )
    if isinstance(decision, Held):
        held = reasons.add(decision, reason)
    else:
        held = Held(decision.entry, decision.before, pin, reason)
    return replace(held, withdraws=held.withdraws or known.state.proposed.get(decision.entry.key) == pin)


def declared_hold(decision: Decision, known: Known) -> Decision:
    """Hold what somebody wrote down to be held, whatever is decided about it."""
    if decision.entry is None or known.request.exempt.holds:
        return decision
    written = known.snapshot.hold(decision.entry)
    return decision if written is None else hold.hold(decision, written)


GATES: Final = (left_before, platforms, declared_hold)


def through(decision: Decision, known: Known) -> Decision:
    """The decision behind all gates."""
    for gate in GATES:
        decision = gate(decision, known)
    return decision


def _is_open(decision: Decision) -> TypeGuard[Change | Held]:
    """Whether it changes something, or only has to wait: the reason that lasts longest is the one to tell."""
    return isinstance(decision, Change) or (isinstance(decision, Held) and decision.reason.ends is not None)
