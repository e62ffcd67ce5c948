"""When something new may be opened: windows of days and hours in a time zone.

A window opens and closes once for each of its days: at the first moment at which the clock shows that time or a later
one. So it is neither missed where a clock is put forward over its start, nor opened twice where one is put back.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from gitops_bot.config.propose import Window

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
#: Days that are looked at: from two before, for what passes midnight, to two weeks after. A zone may once have left out
#: a day of the calendar, and with it all that a weekly window had.
_FROM, _TO = -2, 16


def next_opening(windows: Sequence[Window], at: datetime) -> datetime | None:
    """The first time from `at` on when something new may be opened, in UTC; None if never."""
    at = at.astimezone(UTC)
    if not windows:
        return at
    later = (max(begin, at) for window in windows for begin, end in _openings(window, at) if max(begin, at) < end)
    return min(later, default=None)


def closed(windows: Sequence[Window], at: datetime) -> Reason | None:
    """Why nothing new may be opened now; None inside a window, or if there are none."""
    opens = next_opening(windows, at)
    if opens == at:
        return None
    if opens is None:
        return Reason(
            "held.window", "the schedule leaves no time at which anything new may be opened", {"opens_at": None}
        )
    return Reason(
        "held.window",
        f"outside the schedule: nothing new is opened before {opens:%Y-%m-%d %H:%M} UTC",
        {"opens_at": rfc3339(opens)},
    )


def _openings(window: Window, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when the window is open around a moment, in UTC."""
    zone, weekdays, (opens, closes) = window.zone, window.weekdays, window.span
    today = at.astimezone(zone).date()
    for day in (today + count * _DAY for count in range(_FROM, _TO)):
        if day.weekday() in weekdays:
            last = day if opens < closes else day + _DAY
            yield _first(datetime.combine(day, opens), zone), _first(datetime.combine(last, closes), zone)


def _first(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment, in UTC, at which the clock of a zone shows `wall` or later."""
    # PEP 495: what a clock shows twice is first shown at fold 0; what it leaps over is, reckoned with the offset of
    # the other side, before the leap at fold 1 and after it at fold 0.
    earlier, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier <= later:
        return earlier

    def is_past(seconds: int) -> bool:
        return (later + seconds * _SECOND).astimezone(zone).replace(tzinfo=None) >= wall

    return later + bisect_left(range((earlier - later) // _SECOND), True, key=is_past) * _SECOND
