from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from gitops_bot.config import times


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(["mon"], {0}, id="a day"),
        pytest.param(["sunday"], {6}, id="a day in full"),
        pytest.param(["mon-fri"], {0, 1, 2, 3, 4}, id="a range"),
        pytest.param(["tuesday-thu"], {1, 2, 3}, id="a range in two ways"),
        pytest.param(["sat-mon"], {5, 6, 0}, id="over the end of the week"),
        pytest.param(["tue-mon"], set(range(7)), id="a week that begins on Tuesday"),
        pytest.param(["wed-wed"], {2}, id="from a day to itself"),
        pytest.param(["mon", "thu-fri", "fri"], {0, 3, 4}, id="several, one of them twice"),
        pytest.param([], set(), id="none"),
    ],
)
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


@pytest.mark.parametrize("written", ["2026-02-30", "2026-04-31T00:00:00Z", "2027-02-29"])
def test_a_day_that_the_month_does_not_have_is_no_moment(written: str) -> None:
    with pytest.raises(ValueError, match=f"^there is no {written[:10]}$"):
        times.moment(written)


@pytest.mark.parametrize("written", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"])
def test_a_time_zone_is_known_by_its_name(written: str) -> None:
    assert times.is_zone(written)
    assert times.zone(written).key == written


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("localtime", id="the machine's own"),
        pytest.param("posix/Europe/Berlin", id="what only some machines have"),
        pytest.param("right/Europe/Berlin", id="with leap seconds"),
        pytest.param("../Berlin", id="out of the table"),
        pytest.param("Europe/../Berlin", id="through the table"),
        pytest.param("/etc/localtime", id="a file"),
        pytest.param("Europe/Berlin\n", id="a line break"),
        pytest.param("Europe//Berlin", id="an empty part"),
        pytest.param("A" * 32, id="too long"),
        pytest.param("+02:00", id="an offset"),
    ],
)
def test_what_is_no_name_of_a_time_zone_is_never_looked_up(written: str) -> None:
    assert not times.is_zone(written)


@pytest.mark.parametrize("written", ["Europe", "Europe/Berln", "Nowhere/At/All", "CEST"])
def test_a_name_without_a_time_zone_is_refused(written: str) -> None:
    assert times.is_zone(written)
    with pytest.raises(ValueError, match=f"^there is no time zone {written!r}$"):
        times.zone(written)


def test_a_city_has_its_full_name() -> None:
    assert times.cities("b")["berlin"] == "Europe/Berlin"
    assert times.cities("S")["singapore"] == "Asia/Singapore"
    assert times.cities("?") == {}
    assert "localtime" not in times.cities("l")
