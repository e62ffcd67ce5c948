from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot.config import times
from tests.tables import rows


@rows("written expected", {
    "a day": (["mon"], {0}),
    "a day in full": (["sunday"], {6}),
    "a range": (["mon-fri"], {0, 1, 2, 3, 4}),
    "a range in two ways": (["tuesday-thu"], {1, 2, 3}),
    "over the end of the week": (["sat-mon"], {5, 6, 0}),
    "a week that begins on Tuesday": (["tue-mon"], set(range(7))),
    "from a day to itself": (["wed-wed"], {2}),
    "several, one of them twice": (["mon", "thu-fri", "fri"], {0, 3, 4}),
    "none": ([], set()),
})  # fmt: skip
def test_days_are_numbers_from_monday(written: list[str], expected: set[int]) -> None:
    assert times.days(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("09:00-16:30", (time(9), time(16, 30))),
        ("22:00-06:00", (time(22), time(6))),
        ("18:00-24:00", (time(18), time(0))),
        ("00:00-24:00", (time(0), time(0))),
    ],
)
def test_hours_are_two_times_of_the_clock(written: str, expected: tuple[time, time]) -> None:
    assert times.hours(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-12-24", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 2, 29, tzinfo=UTC)),
        ("2026-12-24T18:00:00+01:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
        ("2026-12-24t18:00:00z", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24 18:00-05:30", datetime(2026, 12, 24, 23, 30, tzinfo=UTC)),
        ("2026-12-24T18:00:00.25Z", datetime(2026, 12, 24, 18, 0, 0, 250_000, tzinfo=UTC)),
        ("2000-01-01T00:00:00+23:59", datetime(1999, 12, 31, 0, 1, tzinfo=UTC)),
        ("2999-12-31T23:59:59.999999999-23:59", datetime(3000, 1, 1, 23, 58, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_utc_and_a_date_is_its_beginning(written: str, expected: datetime) -> None:
    found = times.moment(written)
    assert (found, found.tzinfo) == (expected, UTC)


@rows("written zone expected", {
    "a date": ("2026-12-24", "Europe/Berlin", "2026-12-23T23:00Z"),
    "a moment": ("2026-12-24T18:00", "Europe/Berlin", "2026-12-24T17:00Z"),
    "a moment of another clock": ("2026-12-24T18:00+09:00", "Europe/Berlin", "2026-12-24T09:00Z"),
    "a moment that is leapt over": ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00Z"),
    "a moment that is shown twice": ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30Z"),
    "a day that begins at one": ("2026-03-08", "America/Havana", "2026-03-08T05:00Z"),
    "another": ("2017-10-15", "America/Sao_Paulo", "2017-10-15T03:00Z"),
    "the hour before it comes twice": ("2018-02-18", "America/Sao_Paulo", "2018-02-18T03:00Z"),
    "its first minute comes twice": ("2006-10-29", "America/St_Johns", "2006-10-29T02:30Z"),
    "a day that was left out": ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00Z"),
    "in centuries": ("2600-07-01", "Europe/Berlin", "2600-06-30T22:00Z"),
})  # fmt: skip
def test_a_date_or_a_moment_is_one_of_the_clock_of_its_zone(written: str, zone: str, expected: str) -> None:
    assert times.moment(written, times.zone(zone)) == datetime.fromisoformat(expected)


ZONES = sorted(filter(times.is_zone, available_timezones()))


@given(
    st.sampled_from(ZONES),
    st.dates(date(2000, 1, 1), date(2100, 12, 31)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
)
@example("America/Sao_Paulo", date(2018, 2, 18), timedelta(minutes=30))
@example("America/St_Johns", date(2006, 10, 29), timedelta(microseconds=1))
@example("America/Havana", date(2026, 3, 8), timedelta(seconds=1))
def test_a_day_begins_at_the_first_instant_of_that_date_wherever_clocks_change(
    zone: str, day: date, away: timedelta
) -> None:
    """So what lasts from one date to another is one interval, which no clock shifts by an hour."""
    where = times.zone(zone)
    begin = times.moment(day.isoformat(), where)
    assert begin.astimezone(where).date() >= day
    for earlier in (timedelta(microseconds=1), away):
        assert (begin - max(earlier, timedelta(microseconds=1))).astimezone(where).date() < day
    following = times.moment((day + timedelta(days=1)).isoformat(), where)
    left_out = begin.astimezone(where).date() > day
    assert begin == following if left_out else begin < following


@pytest.mark.parametrize("written", ["2026-02-30", "2026-04-31T00:00:00Z", "2027-02-29"])
def test_a_day_that_the_month_does_not_have_is_no_moment(written: str) -> None:
    with pytest.raises(ValueError, match=f"^there is no {written[:10]}$"):
        times.moment(written)


@pytest.mark.parametrize("written", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"])
def test_a_time_zone_is_known_by_its_name(written: str) -> None:
    assert times.is_zone(written)
    assert times.zone(written).key == written


@rows("written", {
    "the machine's own": "localtime",
    "what only some machines have": "posix/Europe/Berlin",
    "with leap seconds": "right/Europe/Berlin",
    "out of the table": "../Berlin",
    "through the table": "Europe/../Berlin",
    "a file": "/etc/localtime",
    "a line break": "Europe/Berlin\n",
    "an empty part": "Europe//Berlin",
    "too long": "A" * 32,
    "an offset": "+02:00",
})  # fmt: skip
def test_what_is_no_name_of_a_time_zone_is_never_looked_up(written: str) -> None:
    assert not times.is_zone(written)


@pytest.mark.parametrize("written", ["Europe", "Europe/Berln", "Nowhere/At/All", "CEST"])
def test_a_name_without_a_time_zone_is_refused(written: str) -> None:
    assert times.is_zone(written)
    with pytest.raises(ValueError, match=f"^there is no time zone {written!r}$"):
        times.zone(written)


def test_a_city_has_its_full_name() -> None:
    assert times.cities()["b"]["berlin"] == "Europe/Berlin"
    assert times.cities()["s"]["singapore"] == "Asia/Singapore"
    assert "?" not in times.cities()
    assert "localtime" not in times.cities()["l"]
