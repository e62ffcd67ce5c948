"""Why an entry gets the pin that it gets: what `explain` tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, assert_never

from gitops_bot.images.explain import KNOWN, Selection, removed_by
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Promotion
    from gitops_bot.errors import Problem
    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Managed

EntryOutcome = Literal["chosen", "current", "held", "ignored", "failed"]
Kind = Literal["semver", "pattern", "newest", "digest", "promotion", "none"]


@dataclass(frozen=True, slots=True)
class PolicySource:
    """What chooses for an entry: `text` in short, and `place` as file:line, None where it is inferred."""

    name: str | None
    kind: Kind
    origin: Literal["config", "inferred"]
    text: str
    place: str | None = None


@dataclass(frozen=True, slots=True)
class PassedGate:
    """One gate that a decision went through: it let it pass, or says why not.

    `words` are what is true of a decision that it lets pass, as a person says it; empty where that says nothing.
    """

    gate: str
    words: str
    passed: bool
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class AskedTag:
    """Why a tag that somebody asked about is chosen or not; `rule` is the rule that removed it, if one did."""

    tag: str
    rule: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Explained:
    """The choice for one pin: how its policy selects, the gates, and the outcome.

    `current` is pinned now, `pin` is what is chosen or held back; `problem` says what failed. `entry` is None where a
    policy is tried on a list of tags.
    """

    policy: PolicySource
    current: Pin
    outcome: EntryOutcome
    reason: Reason
    pin: Pin | None = None
    selection: Selection = field(default_factory=Selection)
    asked: AskedTag | None = None
    entry: Managed | None = None
    gates: tuple[PassedGate, ...] = ()
    problem: Problem | None = None


#: The body of `explain`.
Explanations = tuple[Explained, ...]


def source_of(entry: Managed, promotion: Promotion | None) -> PolicySource:
    """What chooses for an entry: the promotion, where its environment gets it from another one, else its policy."""
    if promotion is not None:
        file, line, _ = promotion.place
        return PolicySource(None, "promotion", "config", f"promoted from {promotion.source}", f"{file}:{line}")
    named = entry.rules.policy
    if named is None:
        return PolicySource(None, "none", "config", entry.rules.unmanaged.text if entry.rules.unmanaged else "none")
    return PolicySource(named.name, kind_of(named.policy), named.origin, describe(named.policy), named.place)


def kind_of(policy: Policy) -> Kind:
    """The kind of a policy, as scripts know it."""
    match policy:
        case Semver():
            return "semver"
        case Pattern():
            return "pattern"
        case Newest():
            return "newest"
        case Follow():
            return "digest"
    assert_never(policy)


def why_not(
    policy: Policy,
    tags: Sequence[str],
    tag: str,
    current: Pin,
    selection: Selection,
    decided: tuple[Reason, Pin | None],
) -> AskedTag:
    """Why this tag is not what was `decided`: a rule removed it, others come first, or something holds it.

    `decided` is the reason, with what is chosen or held back.
    """
    reason, pin = decided
    if pin is not None and pin.tag == tag:
        return AskedTag(tag, None, f"it is held: {reason.text}" if reason.code.startswith("held.") else "it is chosen")
    rule = removed_by(policy, tags, tag)
    if rule == "listed":
        return AskedTag(tag, rule, "the registry does not list it")
    if rule is not None:
        return AskedTag(tag, rule, f"it does not pass `{rule}`")
    if tag == current.tag:
        return AskedTag(tag, None, "it is pinned now")
    if (rule := selection.by_time.get(tag)) is not None:
        known = "when it was built is unknown" if rule == KNOWN else "it was built before what is pinned"
        return AskedTag(tag, rule, known)
    best = [candidate.tag for candidate in selection.candidates]
    rank = best.index(tag) if tag in best else len(best)
    end = pin.tag if pin is not None else current.tag
    if rank < (best.index(end) if end in best else 1):
        first = "it is the first in the order" if rank == 0 else f"it comes before {end}"
        return AskedTag(tag, None, f"{first}, but not chosen: {reason.text}")
    if rank == 1:
        others = f"{best[0]} comes first"
    else:
        least = "" if rank < len(best) else "at least "
        others = f"{least}{rank} others come first, {best[0]} the first of them"
    return AskedTag(tag, None, f"it is admitted, but {others}")
