"""Days, hours, time zones and points in time: the pattern of each, and how it is read."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from gitops_bot.images import moment as moments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = f"(?:{'|'.join(f'{day[:3]}(?:{day[3:]})?' for day in _DAYS)})"
#: A day, or a range from the first to the last.
DAYS = f"^{_DAY}(?:-{_DAY})?$"

_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
#: Two different times: equal ones could mean a whole day or nothing.
HOURS = rf"^(?!(.{{5}})-\1$){_MINUTE}-(?:{_MINUTE}|24:00)$"

_PART = "[A-Za-z0-9_+-]{1,30}"
#: Without names that depend on the machine: its local time, and other time scales.
ZONE = f"^(?!posix|right/|localtime$)[A-Z]{_PART}(?:/{_PART}){{0,2}}$"
_IS_ZONE = re.compile(ZONE.removesuffix("$") + r"\Z")

_DATE = r"2[0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = rf"[Tt ]{_MINUTE}(?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?"
#: A date, or a time as in RFC 3339 section 5.6 with optional seconds, with or without an offset. These years are safe
#: with every offset. `IN_UTC` are those that need no time zone to be read, `LOCAL` those that a time zone changes.
MOMENT = rf"^{_DATE}(?:{_TIME}(?:[Zz]|[+-]{_MINUTE})?)?$"
IN_UTC = rf"^{_DATE}(?:{_TIME}(?:[Zz]|[+-]{_MINUTE}))?$"
LOCAL = rf"^{_DATE}(?:{_TIME})?$"


def days(written: Iterable[str]) -> frozenset[int]:
    """The days of the week (Monday is 0) in a text that matches `DAYS`; `sat-mon` is three days."""
    numbers: set[int] = set()
    for part in written:
        first, _, last = part.partition("-")
        start, end = _day(first), _day(last or first)
        numbers.update((start + count) % 7 for count in range((end - start) % 7 + 1))
    return frozenset(numbers)


def _day(written: str) -> int:
    return next(number for number, day in enumerate(_DAYS) if day.startswith(written))


def hours(written: str) -> tuple[time, time]:
    """The start and end in a text that matches `HOURS`; `24:00` is the start of the next day."""
    start, _, end = written.partition("-")
    return time.fromisoformat(start), time() if end == "24:00" else time.fromisoformat(end)


def moment(written: str, zone: tzinfo = UTC) -> datetime:
    """The UTC time of a text that matches `MOMENT`: a date is the start of that day, both by the clock of the zone.

    Raises:
        ValueError: the month does not have that day.
    """
    try:
        moment = datetime.fromisoformat(written.upper())
    except ValueError:
        raise ValueError(f"there is no {written[:10]}") from None
    return moment.astimezone(UTC) if moment.tzinfo is not None else moments.first(moment, zone)


def is_zone(written: str) -> bool:
    """Whether this can be the name of a time zone."""
    return _IS_ZONE.match(written) is not None


def zone(written: str) -> ZoneInfo:
    """The time zone of that name, never one of a file.

    Raises:
        ValueError: there is none.
    """
    with suppress(KeyError, OSError):  # a directory of zones, as `Europe`, is the latter before Python 3.13
        if is_zone(written):
            return ZoneInfo(written)
    raise ValueError(f"there is no time zone {written[:100]!r}")


@cache
def cities() -> Mapping[str, Mapping[str, str]]:
    """The zones by their last part in lower case, and these by its first letter."""
    zones: dict[str, dict[str, str]] = {}
    # The longest last: `Asia/Singapore` is the name, and `Singapore` its alias.
    for name in sorted(filter(is_zone, available_timezones()), key=lambda name: (name.count("/"), name)):
        city = name.rpartition("/")[2].lower()
        zones.setdefault(city[0], {})[city] = name
    return zones
