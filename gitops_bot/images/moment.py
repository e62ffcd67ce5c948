"""Times in the words of others: registries, forges, git, clouds. Whatever is none is a ValueError, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

#: Times that everything can reckon with: a day or a year more or less is a time still.
_FIRST_YEAR: Final = 2
_LAST_YEAR: Final = 9990


def parse(text: str) -> datetime:
    """Read a time with its zone, as RFC 3339 and ISO 8601 write it; in UTC.

    Raises:
        ValueError: it is none, has no zone, or is out of all reckoning.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text[:100]!r} has no time zone")
    return _reckoned(time)


def of_seconds(seconds: float) -> datetime:
    """The time so many seconds after the beginning of 1970; raises as `parse`."""
    try:
        return _reckoned(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is no time") from error


def _reckoned(time: datetime) -> datetime:
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ValueError(f"the year {time.year} is out of all reckoning")
    return time.astimezone(UTC)
