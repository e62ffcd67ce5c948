from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gitops_bot.server import loop
from gitops_bot.server.loop import Cron, Every

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
FIVE = Every(timedelta(minutes=5))


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


NEXT = {
    "the next period": ("12:00:00", "12:00:10", "12:05:00"),
    "on the very tick": ("12:00:00", "12:05:00", "12:10:00"),
    "three ticks were missed": ("12:00:00", "12:19:59", "12:20:00"),
    "an hour was slept through": ("12:00:00", "13:00:01", "13:05:00"),
    "the clock was set back": ("12:00:00", "11:00:00", "11:05:00"),
}


@pytest.mark.parametrize(("last", "now", "expected"), NEXT.values(), ids=NEXT)
def test_what_was_missed_is_skipped_and_never_made_up_for(last: str, now: str, expected: str) -> None:
    day = "2026-11-21T"
    assert FIVE.next(at(day + last), at(day + now)) == at(day + expected)


def test_a_machine_that_woke_up_in_1970_does_not_count_every_second_since() -> None:
    assert Every(timedelta(seconds=1)).next(datetime(1970, 1, 1, tzinfo=UTC), NOON) == NOON + timedelta(seconds=1)


CRON = {
    "every ten minutes": ("*/10 * * * *", UTC_ZONE, "2026-11-21T12:00:00", "2026-11-21T12:10:00"),
    "days by name, in small letters": ("0 8 * * mon-fri", UTC_ZONE, "2026-11-21T12:00:00", "2026-11-23T08:00:00"),
    "by the clock of a zone": ("0 8 * * *", BERLIN, "2026-11-21T12:00:00", "2026-11-22T07:00:00"),
    "in summer": ("0 8 * * *", BERLIN, "2026-07-01T12:00:00", "2026-07-02T06:00:00"),
    "an hour that is skipped comes all the same": ("30 2 * * *", BERLIN, "2026-03-28T12:00:00", "2026-03-29T01:00:00"),
    "an hour that comes twice comes once": ("30 2 * * *", BERLIN, "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
    "seconds are no reason to come twice": ("0 12 * * *", UTC_ZONE, "2026-11-21T12:00:30", "2026-11-22T12:00:00"),
}


@pytest.mark.parametrize(("text", "zone", "now", "expected"), CRON.values(), ids=CRON)
def test_a_cron_expression_ticks_by_the_clock_of_its_zone(text: str, zone: ZoneInfo, now: str, expected: str) -> None:
    assert Cron(text, zone).next(at("2020-01-01T00:00:00"), at(now)) == at(expected)


def test_a_clock_that_is_set_back_by_months_does_not_stop_a_cron_expression_for_as_long() -> None:
    cron = loop.Cron("*/10 * * * *", ZoneInfo("UTC"))
    now = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
    assert cron.next(datetime(2027, 6, 1, tzinfo=UTC), now) == datetime(2026, 11, 21, 14, 10, tzinfo=UTC)


def test_a_cron_expression_does_not_tick_again_when_the_clock_is_set_back() -> None:
    assert Cron("0 * * * *", UTC_ZONE).next(NOON, NOON - timedelta(minutes=30)) == NOON + timedelta(hours=1)


READ = {
    "a span": ("5m", FIVE),
    "several units": ("1h30m", Every(timedelta(minutes=90))),
    "the shortest": ("1s", Every(timedelta(seconds=1))),
    "five fields": ("*/10 8-18 * * mon-fri", Cron("*/10 8-18 * * mon-fri", BERLIN)),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_a_schedule_is_a_span_or_a_cron_expression(text: str, expected: loop.Schedule) -> None:
    assert loop.parse(text, BERLIN, NOON) == expected


REFUSED = {
    "nothing": ("", "not a duration"),
    "a number without a unit": ("5", "not a duration: write it as 90s"),
    "no time at all": ("0", "cycles are at least a second apart"),
    "longer than a year": ("9999d", "longer than 366 days"),
    "three fields": ("* * *", "not a cron expression: wrong number of fields"),
    "a minute that there is not": ("61 * * * *", "not a cron expression: bad minute"),
    "a day that never comes": ("0 0 30 2 *", "not a cron expression: bad day-of-month"),
    "a word": ("@hourly now * * *", "not a cron expression"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_schedule_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        loop.parse(text, UTC_ZONE, NOON)


def test_three_periods_are_three_ticks_from_wherever_one_stands() -> None:
    assert loop.later(FIVE, NOON + timedelta(seconds=7), 3) == NOON + timedelta(minutes=15, seconds=7)
    assert loop.later(Cron("0 8 * * mon-fri", UTC_ZONE), NOON, 3) == at("2026-11-25T08:00:00")


JITTER = {
    "a tenth of the period": (FIVE, None, 30),
    "a minute at most": (Every(timedelta(hours=6)), None, 60),
    "a tenth until the next tick": (Cron("*/10 * * * *", UTC_ZONE), None, 60),
    "as it was asked for": (FIVE, timedelta(minutes=2), 120),
    "not beyond the next tick": (FIVE, timedelta(hours=1), 300),
    "none": (FIVE, timedelta(0), 0),
}


@pytest.mark.parametrize(("schedule", "most", "seconds"), JITTER.values(), ids=JITTER)
def test_a_cycle_begins_at_random_within_its_jitter(
    schedule: loop.Schedule, most: timedelta | None, seconds: int
) -> None:
    waits = [(loop.jittered(schedule, NOON, most) - NOON).total_seconds() for _ in range(200)]
    assert 0 <= min(waits) <= max(waits) <= seconds
    # Spread over all of it: 200 draws leave the upper half empty once in 10^60 runs.
    assert seconds == 0 or max(waits) > seconds / 2
