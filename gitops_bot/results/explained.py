"""Why an entry gets the pin that it gets: what `explain` tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gitops_bot.images.explain import PolicySelection

if TYPE_CHECKING:
    from gitops_bot.errors import Problem
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Managed, Seen

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
    """A gate that a decision passed, or why not; `words` say what is true of one that passes, if that says anything."""

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

    `current` is pinned now, `pin` is chosen or held back; `seen` is what the gates saw; `problem` says what failed.
    `entry` is None where a policy is tried on a list of tags.
    """

    policy: PolicySource
    current: Pin
    outcome: EntryOutcome
    reason: Reason
    pin: Pin | None = None
    selection: PolicySelection = field(default_factory=PolicySelection)
    asked: AskedTag | None = None
    entry: Managed | None = None
    gates: tuple[PassedGate, ...] = ()
    seen: tuple[Seen, ...] = ()
    problem: Problem | None = None


#: The body of `explain`.
Explanations = tuple[Explained, ...]
