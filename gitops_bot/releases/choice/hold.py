"""A hold that a person wrote down: nothing is proposed there until it ends."""

from __future__ import annotations

from datetime import UTC, time
from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason, rfc3339
from gitops_bot.images.reference import normalised
from gitops_bot.releases.decisions import Change, Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.config import Hold
    from gitops_bot.releases.decisions import Decision, Managed


def lasting(holds: Sequence[Hold], entry: Managed, at: datetime) -> Hold | None:
    """The hold on an entry that lasts longest, if there is one at this moment."""
    mine = (hold for hold in holds if hold.until > at and _means(hold, entry))
    return max(mine, key=lambda hold: hold.until, default=None)


def find_ended(holds: Sequence[Hold], at: datetime) -> tuple[Hold, ...]:
    """The holds that hold nothing any more, and can be deleted."""
    return tuple(hold for hold in holds if hold.until <= at)


def hold(decision: Decision, written: Hold) -> Decision:
    """What becomes of a decision about an entry that is held. What failed has failed all the same.

    What is held for another reason is held for both; what is ignored or unmanaged is left alone anyway.
    """
    match decision:
        case Change() | Held():
            return decision.hold(reason(written))
        case Kept(entry=entry) if decision.is_current:
            return Held(entry, None, reason(written))
        case Kept() | Failed():
            return decision


def end_text(until: datetime) -> str:
    """When a hold ends, for people: a date where it is the beginning of a day."""
    until = until.astimezone(UTC)
    return f"{until:%Y-%m-%d}" if until.time() == time() else f"{until:%Y-%m-%d %H:%M} UTC"


def _means(hold: Hold, entry: Managed) -> bool:
    if hold.environment != entry.environment:
        return False
    return hold.image is None or hold.image == entry.name or normalised(hold.image) == entry.image


def reason(written: Hold) -> Reason:
    """Why it holds an entry, and until when."""
    file, line, _ = written.place
    return Reason(
        "held.hold",
        f"held until {end_text(written.until)} ({written.why}) by {file}:{line}",
        {"until": rfc3339(written.until), "why": written.why, "file": file, "line": line},
        written.until,
    )
