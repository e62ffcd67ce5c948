from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gitops_bot.proposals import schedule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

BERLIN, NEW_YORK, LORD_HOWE, APIA = map(
    ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
)
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)
WEEK = frozenset(range(7))
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Window:
    weekdays: frozenset[int]
    span: tuple[time, time]
    zone: tzinfo = UTC


def window(hours: str, *days: int, zone: tzinfo = UTC) -> Window:
    start, end = map(time.fromisoformat, hours.split("-"))
    return Window(frozenset(days) or WEEK, (start, end), zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = window("09:00-16:30", MON, TUE, WED, THU, FRI, zone=BERLIN)
NIGHT = window("22:00-06:00", FRI, zone=BERLIN)
WHOLE = window("00:00-00:00", SUN, zone=BERLIN)

#: When the window opens and closes next, from a moment at which it is closed.
OPENINGS = {
    "the same day": (OFFICE, "2026-11-23T07:59", "2026-11-23T08:00", "2026-11-23T15:30"),
    "the next day": (OFFICE, "2026-11-23T15:30", "2026-11-24T08:00", "2026-11-24T15:30"),
    "over the weekend": (OFFICE, "2026-11-27T18:00", "2026-11-30T08:00", "2026-11-30T15:30"),
    "over midnight": (NIGHT, "2026-11-27T20:59", "2026-11-27T21:00", "2026-11-28T05:00"),
    "over midnight, a week before": (NIGHT, "2026-11-28T05:00", "2026-12-04T21:00", "2026-12-05T05:00"),
    "over midnight, another zone's day": (
        window("20:00-02:00", MON, zone=NEW_YORK),
        "2026-11-24T00:59",
        "2026-11-24T01:00",
        "2026-11-24T07:00",
    ),
    "a whole day": (WHOLE, "2026-11-28T22:59", "2026-11-28T23:00", "2026-11-29T23:00"),
    "until midnight": (window("18:00-00:00", MON), "2026-11-23T17:59", "2026-11-23T18:00", "2026-11-24T00:00"),
    "the shortest": (window("12:00-12:01", MON), "2026-11-23T00:00", "2026-11-23T12:00", "2026-11-23T12:01"),
    "over New Year": (window("22:00-02:00", THU), "2026-12-31T00:00", "2026-12-31T22:00", "2027-01-01T02:00"),
    # Berlin, 2026-03-29: at 01:00 UTC the clock goes from 02:00 to 03:00.
    "a day of 23 hours": (WHOLE, "2026-03-28T22:59", "2026-03-28T23:00", "2026-03-29T22:00"),
    "by the clock before the change": (OFFICE, "2026-03-27T07:59", "2026-03-27T08:00", "2026-03-27T15:30"),
    "by the clock after the change": (OFFICE, "2026-03-30T06:59", "2026-03-30T07:00", "2026-03-30T14:30"),
    "its start is leapt over": (
        window("02:30-04:00", SUN, zone=BERLIN),
        "2026-03-29T00:59:59",
        "2026-03-29T01:00",
        "2026-03-29T02:00",
    ),
    "its end is leapt over": (
        window("01:00-02:30", SUN, zone=BERLIN),
        "2026-03-28T23:59",
        "2026-03-29T00:00",
        "2026-03-29T01:00",
    ),
    "all of it is leapt over, so a week later": (
        window("02:15-02:45", SUN, zone=BERLIN),
        "2026-03-28T12:00",
        "2026-04-05T00:15",
        "2026-04-05T00:45",
    ),
    # Berlin, 2026-10-25: at 01:00 UTC the clock goes from 03:00 to 02:00.
    "a day of 25 hours": (WHOLE, "2026-10-24T21:59", "2026-10-24T22:00", "2026-10-25T23:00"),
    "its start is shown twice": (
        window("02:30-04:00", SUN, zone=BERLIN),
        "2026-10-25T00:29",
        "2026-10-25T00:30",
        "2026-10-25T03:00",
    ),
    "its end is shown twice": (
        window("01:00-02:30", SUN, zone=BERLIN),
        "2026-10-24T22:59",
        "2026-10-24T23:00",
        "2026-10-25T00:30",
    ),
    "all of it is shown twice, and opened once": (
        window("02:15-02:45", SUN, zone=BERLIN),
        "2026-10-25T00:45",
        "2026-11-01T01:15",
        "2026-11-01T01:45",
    ),
    # Lord Howe changes by half an hour: 2026-10-03 at 15:30 UTC from 02:00 to 02:30.
    "half an hour is leapt over": (
        window("02:10-03:00", SUN, zone=LORD_HOWE),
        "2026-10-03T15:29:59",
        "2026-10-03T15:30",
        "2026-10-03T16:00",
    ),
    # Samoa had no 30 December 2011: at 10:00 UTC of that day the clock went from Friday to Saturday.
    "a day that was left out": (
        window("08:00-09:00", FRI, zone=APIA),
        "2011-12-30T00:00",
        "2012-01-05T18:00",
        "2012-01-05T19:00",
    ),
    "into a day after one that was left out": (
        window("00:00-08:00", SAT, zone=APIA),
        "2011-12-30T09:59",
        "2011-12-30T10:00",
        "2011-12-30T18:00",
    ),
}


@pytest.mark.parametrize(
    ("hours", "at", "opens", "closes"), [pytest.param(*row, id=label) for label, row in OPENINGS.items()]
)
def test_a_window_opens_and_closes(hours: Window, at: str, opens: str, closes: str) -> None:
    assert schedule.closed([hours], utc(at)) is not None
    assert schedule.next_opening([hours], utc(at)) == utc(opens)
    assert schedule.closed([hours], utc(opens)) is None
    assert schedule.closed([hours], utc(closes) - timedelta(seconds=1)) is None
    assert schedule.closed([hours], utc(closes)) is not None


def test_without_windows_it_is_always_open() -> None:
    at = datetime(2026, 11, 28, 3, 0, 7, 5, tzinfo=BERLIN)
    assert schedule.closed([], at) is None
    assert schedule.next_opening([], at) == at


def test_the_next_opening_is_in_utc_whatever_the_question_is_in() -> None:
    at = datetime(2026, 11, 23, 12, 0, tzinfo=BERLIN)
    for windows in ([], [OFFICE], [NIGHT]):
        found = schedule.next_opening(windows, at)
        assert found is not None
        assert found.tzinfo is UTC
        assert schedule.next_opening(windows, at.astimezone(UTC)) == found


def test_windows_without_days_never_open() -> None:
    never = Window(frozenset(), (time(9), time(17)))
    assert schedule.next_opening([never], utc("2026-11-23T10:00")) is None
    assert schedule.closed([never], utc("2026-11-23T10:00")) is not None
    assert schedule.next_opening([never, OFFICE], utc("2026-11-23T07:00")) == utc("2026-11-23T08:00")


def test_the_window_that_opens_first_counts() -> None:
    assert schedule.next_opening([NIGHT, OFFICE], utc("2026-11-23T20:00")) == utc("2026-11-24T08:00")
    assert schedule.next_opening([OFFICE, NIGHT], utc("2026-11-27T20:00")) == utc("2026-11-27T21:00")
    assert schedule.closed([OFFICE, NIGHT], utc("2026-11-28T02:00")) is None


def test_who_is_too_early_is_told_when_to_come() -> None:
    at = utc("2026-11-27T18:00")
    reason = schedule.closed([OFFICE], at)
    assert reason is not None
    assert reason.code == "held.window"
    assert reason.text == "outside the schedule: nothing new is opened before 2026-11-30 08:00 UTC"
    assert reason.data == {"opens_at": "2026-11-30T08:00:00Z"}
    assert schedule.closed([OFFICE], utc("2026-11-30T08:00")) is None


def test_a_schedule_that_never_opens_says_so() -> None:
    reason = schedule.closed([Window(frozenset(), (time(9), time(17)))], utc("2026-11-23T10:00"))
    assert reason is not None
    assert (reason.code, reason.data) == ("held.window", {"opens_at": None})
    assert reason.text == "the schedule leaves no time at which anything new may be opened"


MINUTES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
ZONES = st.sampled_from([UTC, BERLIN, NEW_YORK, LORD_HOWE, APIA, timezone(timedelta(hours=-9, minutes=-30))])
WINDOWS = st.lists(
    st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), st.tuples(MINUTES, MINUTES), ZONES),
    min_size=1,
    max_size=3,
)
#: Any moment, and moments around those at which clocks change.
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)) | st.builds(  # noqa: DTZ001 - hypothesis takes bounds without a zone, and adds UTC
    lambda change, hours: utc(change) + timedelta(hours=hours),
    st.sampled_from(["2026-03-29T01:00", "2026-10-25T01:00", "2026-10-03T15:30", "2011-12-30T10:00"]),
    st.floats(-60, 60),
)


@given(WINDOWS, MOMENTS, st.floats(0, 1))
@example([window("02:30-04:00", SUN, zone=BERLIN)], utc("2026-03-28T12:00"), 0.999_999)
def test_the_next_opening_is_open_and_nothing_is_open_before_it(
    windows: Sequence[Window], at: datetime, part: float
) -> None:
    found = schedule.next_opening(windows, at)
    assert found is not None
    assert found >= at
    assert schedule.closed(windows, found) is None
    assert (schedule.closed(windows, at) is None) is (found == at)
    before = at + (found - at) * part
    if before < found:
        assert schedule.closed(windows, before) is not None
        assert schedule.next_opening(windows, before) == found


def by_the_clock(hours: Window, at: datetime) -> bool:
    """What the clock on the wall says: the plain meaning wherever no clock changes."""
    local = at.astimezone(hours.zone)
    today, yesterday = (day.weekday() in hours.weekdays for day in (local, local - timedelta(days=1)))
    start, end = hours.span
    now = local.time()
    if start < end:
        return today and start <= now < end
    return (today and now >= start) or (yesterday and now < end)


@given(WINDOWS, MOMENTS)
def test_where_no_clock_changes_it_is_open_by_the_clock(windows: Sequence[Window], at: datetime) -> None:
    for hours in windows:
        around = {(at + timedelta(hours=each)).astimezone(hours.zone).utcoffset() for each in range(-50, 51)}
        assume(len(around) == 1)
    assert (schedule.closed(windows, at) is None) is any(by_the_clock(hours, at) for hours in windows)
