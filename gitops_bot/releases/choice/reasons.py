"""Several reasons to hold one entry: the one that lasts longest is named first, the others behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.plan import Entry


def held(entry: Entry, candidate: Pin | None, reasons: Sequence[Reason]) -> Held:
    """Hold an entry for all of these reasons, of which there is at least one."""
    ordered = longest_first(reasons)
    return Held(entry, candidate, _summary(ordered), reasons=ordered if len(ordered) > 1 else ())


def add(decision: Held, *more: Reason) -> Held:
    """Hold an entry that is held already for these reasons too."""
    if not more:
        return decision
    both = held(decision.entry, decision.candidate, (*of(decision), *more))
    return replace(both, withdraws=decision.withdraws)


def of(decision: Held) -> tuple[Reason, ...]:
    """Each reason of a hold by itself, the one that lasts longest first."""
    return decision.reasons or (decision.reason,)


def longest_first(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Those that do not end by themselves in their order, then the others, the latest end first."""
    return tuple(
        sorted(reasons, key=lambda reason: (reason.ends is not None, -reason.ends.timestamp() if reason.ends else 0))
    )


def _summary(ordered: Sequence[Reason]) -> Reason:
    first, *others = ordered
    if not others:
        return first
    text = "; also: ".join(reason.text for reason in ordered)
    return replace(first, text=text, data={**first.data, "also": ", ".join(reason.code for reason in others)})
