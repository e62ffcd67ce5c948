"""Times as registries, forges, git and clouds write them. Anything else is a ValueError, and no other error."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import tzinfo

#: The years that are accepted: a time in them stays one when some years are added or subtracted.
_FIRST_YEAR, _LAST_YEAR = 2, 9990
_SECOND: Final = timedelta(seconds=1)


def parse(text: str) -> datetime:
    """Read a time with its zone, as RFC 3339 and ISO 8601 write it; in UTC. Raises ValueError for what is no time, has
    no zone, or is not between the years 2 and 9990.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text[:100]!r} has no time zone")
    return _in_range(time)


def of_seconds(seconds: float) -> datetime:
    """The time so many seconds after the beginning of 1970; raises as `parse`."""
    try:
        return _in_range(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is not a time") from error


def _in_range(time: datetime) -> datetime:
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ValueError(f"the year {time.year} is out of range")
    return time.astimezone(UTC)


def days(*moments: datetime) -> list[str]:
    """Times for people: days where these differ, else to the minute or the second."""
    texts: list[str] = []
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M UTC", "%Y-%m-%d %H:%M:%S UTC"):
        texts = [moment.astimezone(UTC).strftime(form) for moment in moments]
        if len(set(texts)) == len(texts):
            break
    return texts


def appointment(moment: datetime) -> str:
    """A time to come, for people, not a second too early: `Tue 2026-11-24 14:00 UTC`."""
    return f"{moment.astimezone(UTC) + timedelta(seconds=59):%a %Y-%m-%d %H:%M} UTC"


def first(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment, in UTC, at which the clock of a zone shows `wall` or later."""
    # PEP 495: what a clock shows twice is first shown at fold 0; what it leaps over is, reckoned with the offset of
    # the other side, before the leap at fold 1 and after it at fold 0.
    earlier, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier <= later:
        return earlier

    def is_past(seconds: int) -> bool:
        return (later + seconds * _SECOND).astimezone(zone).replace(tzinfo=None) >= wall

    return later + bisect_left(range((earlier - later) // _SECOND), True, key=is_past) * _SECOND
