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


def held(entry: Entry, current: Pin, candidate: Pin | None, reasons: Sequence[Reason]) -> Held:
    """Hold an entry for all of these reasons, of which there is at least one."""
    ordered = longest_first(reasons)
    return Held(entry, current, candidate, _summary(ordered), reasons=ordered if len(ordered) > 1 else ())


def add(one: Held, *more: Reason) -> Held:
    """Hold an entry that is held already for these reasons too."""
    if not more:
        return one
    both = held(one.entry, one.current, one.candidate, (*of(one), *more))
    return replace(both, withdraws=one.withdraws)


def of(one: Held) -> tuple[Reason, ...]:
    """Each reason of a hold by itself, the one that lasts longest first."""
    return one.reasons or (one.reason,)


def longest_first(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Those that do not end by themselves in their order, then the others, the latest end first."""
    return tuple(sorted(reasons, key=lambda one: (one.ends is not None, -one.ends.timestamp() if one.ends else 0)))


def _summary(ordered: Sequence[Reason]) -> Reason:
    first, *others = ordered
    if not others:
        return first
    text = "; also: ".join(one.text for one in ordered)
    return replace(first, text=text, data={**first.data, "also": ", ".join(one.code for one in others)})
