"""Candidates of a switch: the idle slot of a blue-green deployment, from Git alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import hold, switch
from gitops_bot.releases.history import trail
from gitops_bot.releases.plan import Failed, Kept

if TYPE_CHECKING:
    from gitops_bot.engine.known import Known
    from gitops_bot.releases.plan import Decision, Entry


def switched(known: Known, entry: Entry) -> Decision:
    """What becomes of a selector. No registry is asked: what it selects was looked up when it was pinned."""
    if entry.rules.ignore:
        return Kept(entry, Reason("ignored", "the configuration has `ignore: true`"))
    if entry.refusal is not None:
        return Failed(entry, entry.refusal)
    slots = known.snapshot.slots_of(entry)
    if slots is None or slots.wrong is not None:
        return Kept(
            entry, Reason("unmanaged", slots.wrong.message if slots is not None and slots.wrong else "no slots")
        )
    line = known.facts.line(known.snapshot, lambda line: trail.enough(line, entry.overlay))
    decision: Decision = switch.decided(slots, entry, line, known.snapshot.at, released=known.request.exempt.holds)
    if known.request.exempt.holds:
        return decision
    # What is frozen in the slot does not go live either.
    holds = (known.snapshot.hold(idle) for idle in slots.entries[slots.idle])
    written = next(filter(None, holds), None)
    return decision if written is None else hold.hold(decision, written)
