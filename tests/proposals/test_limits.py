from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from gitops_bot.config import Environment
from gitops_bot.config.propose import Limit, Propose
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import limits, reconcile
from gitops_bot.releases.decisions import Failed, Held, Kept
from tests.managed import alter
from tests.proposals.sample import API, B, change, entry, proposal, pull
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    span: tuple[time, time] = (time(), time())
    zone: tzinfo = UTC
    not_: Window | None = None


def window(hours: str, *days: int, zone: tzinfo = UTC) -> Window:
    start, end = map(time.fromisoformat, hours.split("-"))
    return Window(frozenset(days) or WEEK, (start, end), zone)


def berlin(hours: str, *days: int) -> Window:
    return window(hours, *days, zone=BERLIN)


def none(closed: Window) -> Window:
    """An item of the schedule in which nothing may be opened."""
    return Window(WEEK, not_=closed)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = berlin("09:00-16:30", MON, TUE, WED, THU, FRI)
NIGHT = berlin("22:00-06:00", FRI)
WHOLE = berlin("00:00-00:00", SUN)

#: When the window opens and closes next, from a moment at which it is closed.
OPENINGS = {
    "the same day": (OFFICE, "2026-11-23T07:59 2026-11-23T08:00 2026-11-23T15:30"),
    "the next day": (OFFICE, "2026-11-23T15:30 2026-11-24T08:00 2026-11-24T15:30"),
    "over midnight": (NIGHT, "2026-11-27T20:59 2026-11-27T21:00 2026-11-28T05:00"),
    "over midnight, a week before": (NIGHT, "2026-11-28T05:00 2026-12-04T21:00 2026-12-05T05:00"),
    "a whole day": (WHOLE, "2026-11-28T22:59 2026-11-28T23:00 2026-11-29T23:00"),
    # Berlin, 2026-03-29: at 01:00 UTC the clock goes from 02:00 to 03:00.
    "its start is leapt over": (berlin("02:30-04:00", SUN), "2026-03-29T00:59:59 2026-03-29T01:00 2026-03-29T02:00"),
    "all of it is leapt over, so a week later": (
        berlin("02:15-02:45", SUN),
        "2026-03-28T12:00 2026-04-05T00:15 2026-04-05T00:45",
    ),
    # Berlin, 2026-10-25: at 01:00 UTC the clock goes from 03:00 to 02:00.
    "its start is shown twice": (berlin("02:30-04:00", SUN), "2026-10-25T00:29 2026-10-25T00:30 2026-10-25T03:00"),
    "all of it is shown twice, and opened once": (
        berlin("02:15-02:45", SUN),
        "2026-10-25T00:45 2026-11-01T01:15 2026-11-01T01:45",
    ),
    # Lord Howe changes by half an hour: 2026-10-03 at 15:30 UTC from 02:00 to 02:30.
    # Samoa had no 30 December 2011: at 10:00 UTC of that day the clock went from Friday to Saturday.
    "a day that was left out": (
        window("08:00-09:00", FRI, zone=APIA),
        "2011-12-30T00:00 2012-01-05T18:00 2012-01-05T19:00",
    ),
    "into a day after one that was left out": (
        window("00:00-08:00", SAT, zone=APIA),
        "2011-12-30T09:59 2011-12-30T10:00 2011-12-30T18:00",
    ),
}


@rows("hours moments", OPENINGS)
def test_a_window_opens_and_closes(hours: Window, moments: str) -> None:
    at, opens, closes = moments.split()
    assert limits.why_closed([[hours]], utc(at)) is not None
    found = limits.next_opening([NIGHT, hours] if hours is OFFICE else [hours], utc(at).astimezone(BERLIN))
    assert found == utc(opens)
    assert found.tzinfo is UTC
    assert limits.why_closed([[hours]], utc(opens)) is None
    assert limits.why_closed([[hours]], utc(closes) - timedelta(seconds=1)) is None
    assert limits.why_closed([[hours]], utc(closes)) is not None


#: A schedule, and when it is open next from a moment on; None: not within a year.
NOT = {
    "without a window, any other time is open": ([none(OFFICE)], "2026-11-23T08:00", "2026-11-23T15:30"),
    "it ends inside a window": ([OFFICE, none(berlin("08:00-10:00", MON))], "2026-11-23T08:30", "2026-11-23T09:00"),
    "it ends when another begins": (
        [none(window("08:00-10:00")), none(window("10:00-11:00")), none(window("10:30-12:00"))],
        "2026-11-23T09:00",
        "2026-11-23T12:00",
    ),
    "the hour that comes twice is closed both times": (
        [none(berlin("02:00-03:00", SUN))],
        "2026-10-25T00:00",
        "2026-10-25T02:00",
    ),
    # 13:30 UTC is 09:30 in New York in summer and 08:30 in winter.
    "all summer it covers the window of another zone": (
        [window("13:30-14:00", MON), none(window("09:30-10:00", zone=NEW_YORK))],
        "2026-04-01T00:00",
        "2026-11-02T13:30",
    ),
    "it covers every window": ([OFFICE, none(OFFICE)], "2026-11-23T08:30", None),
    "it is always": ([none(window("00:00-00:00"))], "2026-11-23T08:30", None),
}


@rows("windows at opens", NOT)
def test_in_a_span_that_is_not_in_the_schedule_nothing_is_open(
    windows: list[Window], at: str, opens: str | None
) -> None:
    assert limits.next_opening(windows, utc(at)) == (utc(opens) if opens is not None else None)
    assert (limits.why_closed([windows], utc(at)) is None) is (at == opens)
    if opens is not None:
        assert limits.why_closed([windows], utc(opens)) is None
        before = utc(opens) - timedelta(microseconds=1)
        assert at == opens or limits.next_opening(windows, before) == utc(opens)


def test_a_schedule_that_never_opens_says_so() -> None:
    never = Window(frozenset(), (time(9), time(17)))
    assert limits.next_opening([never, OFFICE], utc("2026-11-23T07:00")) == utc("2026-11-23T08:00")
    reason = limits.why_closed([[never]], utc("2026-11-23T10:00"))
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


@given(MOMENTS)
def test_without_windows_it_is_always_open(at: datetime) -> None:
    assert limits.why_closed([[]], at) is None


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
    assert (limits.why_closed([windows], at) is None) is any(by_the_clock(hours, at) for hours in windows)


AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOO_MANY = "limit of 2 new proposals an hour reached: the next one can be opened on Mon 2026-11-23 12:30 UTC"
NEW = reconcile.Open(Reason("chosen", "new"))
PUSHED = reconcile.Open(Reason("chosen", "new"), push=False)
OPENED = pull()
MORNINGS = window("06:00-12:00")


def admitted(
    action: reconcile.Action,
    *,
    at: datetime = AT,
    windows: tuple[Window, ...] = (),
    open_now: int = 0,
    opened: Sequence[datetime] = (),
    most_open: int | None = None,
    most_new_per_hour: int | None = None,
) -> reconcile.Action:
    propose = Propose(schedule=windows, limit=Limit(most_open, most_new_per_hour))
    pulls = [*(pull() for _ in range(open_now)), *(alter(pull("closed"), created_at=moment) for moment in opened)]
    (found,) = limits.admit(
        [alter(proposal("open"), action=action)], Environment("production", (), propose=propose), pulls, at
    )
    return found.action


def ago(*minutes: float) -> list[datetime]:
    return [AT - timedelta(minutes=each) for each in minutes]


@rows("more expected", {
    "no schedule and no limit": ({}, None),
    "within the schedule": ({"windows": (MORNINGS,), "at": AT - timedelta(seconds=1)}, None),
    "outside of the schedule": (
        {"windows": (MORNINGS,)},
        ("held.window", "outside the schedule: open on Tue 2026-11-24 06:00 UTC", {"opens_at": "2026-11-24T06:00:00Z"}),
    ),
    "one more may be open": ({"open_now": 1, "most_open": 2}, None),
    "no more may be open": (
        {"open_now": 2, "most_open": 2},
        ("held.limit", "limit of 2 open proposals reached: merge or close one first", {"most_open": 2}),
    ),
    "more are open than may be": (
        {"open_now": 3, "most_open": 2},
        ("held.limit", "limit of 2 open proposals reached (3 are open): merge or close one first", {"most_open": 2}),
    ),
    "an hour is over": ({"opened": ago(60, 60), "most_new_per_hour": 1}, None),
    "one more may be new": ({"opened": ago(61, 600, 59), "most_new_per_hour": 2}, None),
    "no more may be new, and when the second of three is an hour old, one may": (
        {"opened": ago(10, 50, 300, 30), "most_new_per_hour": 2},
        ("held.limit", TOO_MANY, {"most_new_per_hour": 2, "opens_at": "2026-11-23T12:30:00Z"}),
    ),
    "the forge's clock is ahead": ({"opened": ago(-5), "most_new_per_hour": 1}, "held.limit"),
    "the schedule comes first": ({"windows": (MORNINGS,), "open_now": 2, "most_open": 2}, "held.window"),
})  # fmt: skip
def test_something_new_is_opened_when_it_may_be(more: Mapping[str, object], expected: object) -> None:
    for action in (NEW, PUSHED):
        found = admitted(action, **more)
        if expected is None:
            assert found is action
            continue
        assert isinstance(found, reconcile.Leave)
        assert found.pull_request is None
        if isinstance(expected, str):
            assert found.reason.code == expected
        else:
            assert (found.reason.code, found.reason.text, found.reason.data) == expected


def test_what_is_open_is_kept_up_at_any_time() -> None:
    full = {"open_now": 9, "most_open": 1, "opened": ago(1, 2), "most_new_per_hour": 1}
    why = Reason("chosen", "newer")
    for kind in (reconcile.Refresh, reconcile.Close, reconcile.Leave, reconcile.Nothing):
        action = kind(OPENED, why)
        assert admitted(action, windows=(MORNINGS,), **full) is action


WEB, PROXY = change(), change("proxy", Pin("v2"), Pin("v1"))
HELD = Held(entry("api", API), Pin("v0"), Reason("held.downgrade", "v0 is older than v1"))
FAILED = Failed(entry("api", API), Problem("failed.registry", "ghcr.io did not answer"))
KEPT = Kept(entry("db"), Reason("current", "v1 is the newest"))


def test_one_that_is_held_holds_the_rest_each_in_its_place() -> None:
    reason = Reason(
        "held.downgrade",
        f"the group shop is proposed as a whole, and api in {API} is held: v0 is older than v1",
        {"group": "shop", "file": API, "name": "api"},
    )
    assert limits.hold_together([WEB, KEPT, HELD, PROXY], "shop") == (
        Held(alter(WEB.entry, pin=Pin("v1")), Pin("v2", B), reason),
        KEPT,
        HELD,
        Held(alter(PROXY.entry, pin=Pin("v1")), Pin("v2"), reason),
    )


def test_one_that_failed_holds_the_rest_and_has_failed() -> None:
    held, failed, _ = limits.hold_together([WEB, FAILED, HELD], "shop")
    assert failed is FAILED
    assert isinstance(held, Held)
    assert held.reason.code == "failed.registry"
    assert held.reason.text == f"the group shop is proposed as a whole, and api in {API} failed: ghcr.io did not answer"


def test_a_file_that_cannot_be_read_holds_the_rest() -> None:
    broken = Failed(None, Problem("failed.edit", "two entries are named web", file=API))
    held, _ = limits.hold_together([WEB, broken], "shop")
    assert isinstance(held, Held)
    assert held.reason == Reason(
        "failed.edit",
        "the group shop is proposed as a whole, and part of it cannot be read: two entries are named web",
        {"group": "shop"},
    )
