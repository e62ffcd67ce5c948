"""Holds from the configuration: nothing is proposed for what they cover until they end."""

from __future__ import annotations

from datetime import UTC, time
from typing import TYPE_CHECKING, Final

from gitops_bot.images.reason import Reason, rfc3339, shortlist
from gitops_bot.images.reference import normalised
from gitops_bot.releases.decisions import Change, Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.config import Hold
    from gitops_bot.releases.decisions import Decision, Managed

#: Environments and images that a text names.
_NAMED: Final = 5


def lasting(holds: Sequence[Hold], entry: Managed, at: datetime, *, passes_freezes: bool = False) -> Hold | None:
    """The hold on an entry that lasts longest, if any is in effect, but for freezes where these are passed."""
    mine = (hold for hold in holds if _lasts(hold, entry.environment, at) and _means(hold, entry))
    return max((hold for hold in mine if hold.image or not passes_freezes), key=lambda hold: hold.until, default=None)


def freezes(holds: Sequence[Hold], environment: str, at: datetime) -> tuple[Hold, ...]:
    """The holds of a whole environment that are in effect, the longest first."""
    mine = (hold for hold in holds if hold.image is None and _lasts(hold, environment, at))
    return tuple(sorted(mine, key=lambda hold: hold.until, reverse=True))


def freeze(holds: Sequence[Hold], entry: Managed, at: datetime) -> Hold | None:
    """The freeze of an entry that lasts longest, if any is in effect."""
    return lasting([hold for hold in holds if hold.image is None], entry, at)


def has_begun(hold: Hold, at: datetime) -> bool:
    """Whether a hold has taken effect by now."""
    return hold.begins is None or hold.begins <= at


def find_ended(holds: Sequence[Hold], at: datetime) -> tuple[Hold, ...]:
    """The holds that have ended, and can be deleted."""
    return tuple(hold for hold in holds if hold.until <= at)


def hold(decision: Decision, written: Hold) -> Decision:
    """The decision about an entry that is on hold; a failure stays one, and so does an entry that is left alone anyway.

    An entry that is held already gets a second reason.
    """
    match decision:
        case Change() | Held():
            return decision.hold(reason(written))
        case Kept(entry=entry) if decision.is_current:
            return Held(entry, None, reason(written))
        case Kept() | Failed():
            return decision


def end_text(until: datetime) -> str:
    """When a hold ends, for people: the date alone if it ends at midnight."""
    until = until.astimezone(UTC)
    return f"{until:%Y-%m-%d}" if until.time() == time() else f"{until:%Y-%m-%d %H:%M} UTC"


def subject(hold: Hold) -> str:
    """What a hold covers: environments, and an image."""
    names = shortlist(hold.environments, _NAMED) if hold.environments else "all environments"
    return f"{names} {hold.image}" if hold.image else names


def freeze_text(written: Hold) -> str:
    """A freeze in one line: what it covers, until when and why, where it is configured, and what it excepts."""
    excepted = f", except {shortlist(written.excepted, _NAMED)}" if written.excepted else ""
    return f"{subject(written)} {_span(written)}{excepted}"


def _span(written: Hold) -> str:
    file, line, _ = written.place
    return f"until {end_text(written.until)} ({written.why}) by {file}:{line}"


def _lasts(hold: Hold, environment: str | None, at: datetime) -> bool:
    names = (*hold.environments, *hold.also)
    is_about = environment in names or (not names and environment is not None)
    return is_about and has_begun(hold, at) and at < hold.until


def _means(hold: Hold, entry: Managed) -> bool:
    names = (hold.image,) if hold.image else hold.excepted
    return any(name == entry.name or normalised(name) == entry.image for name in names) is (hold.image is not None)


def reason(written: Hold) -> Reason:
    """Why a hold holds an entry, and until when."""
    file, line, _ = written.place
    return Reason(
        "held.hold",
        f"held {_span(written)}",
        {"until": rfc3339(written.until), "why": written.why, "file": file, "line": line, "image": written.image},
        written.until,
    )
