from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Failed, Held, Kept, Managed
from tests.managed import alter, change_of, managed
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Decision

UNTIL = datetime(2026, 12, 24, tzinfo=UTC)
BEFORE, TICK = UNTIL - timedelta(days=1), timedelta(microseconds=1)


@dataclass(frozen=True)
class Written:
    environments: tuple[str, ...] = ("production",)
    image: str | None = None
    until: datetime = UNTIL
    why: str = "no release before the fair"
    place: tuple[str, int, int] = ("gitops-bot.yaml", 31, 5)
    excepted: tuple[str, ...] = ()
    begins: datetime | None = None
    also: tuple[str, ...] = ()


ALL = Written()
WEB = managed("production", "apps/web", "apps/web/kustomization.yaml", 3, "web", "ghcr.io/acme/web")
NGINX = alter(WEB, name="proxy", image="docker.io/library/nginx")
ODD = alter(WEB, name="Odd Name", image="Odd Name")


@rows("written entry expected", {
    "every entry of the environment": (ALL, WEB, True),
    "what takes effect in one of them": (alter(ALL, environments=("staging",), also=("production",)), WEB, True),
    "another environment": (alter(ALL, environments=("staging",)), WEB, False),
    "an entry of no environment": (ALL, alter(WEB, environment=None), False),
    "one of several environments": (alter(ALL, environments=("staging", "production")), WEB, True),
    "all environments": (alter(ALL, environments=()), WEB, True),
    "an image of all environments": (alter(ALL, environments=(), image="web"), WEB, True),
    "all but it by name": (alter(ALL, excepted=("api", "web")), WEB, False),
    "all but it by repository": (alter(ALL, excepted=("GHCR.IO/acme/web",)), WEB, False),
    "all but others": (alter(ALL, excepted=("api", "we", "Web")), WEB, True),
    "by name": (alter(ALL, image="web"), WEB, True),
    "by repository, normalised": (alter(ALL, image="GHCR.IO/acme/web"), WEB, True),
    "by a name that is no repository": (alter(ALL, image="proxy"), NGINX, True),
    "by a name that can be no repository": (alter(ALL, image="Odd Name"), ODD, True),
})  # fmt: skip
def test_a_hold_means_an_entry(written: Written, entry: Managed, expected: bool) -> None:
    assert (hold.lasting([written], entry, BEFORE) is written) is expected
    assert hold.lasting([], entry, BEFORE) is None


@rows("at stands", {
    "just before": (UNTIL - TICK, True),
    "at its end": (UNTIL, False),
    "by another clock": (UNTIL.astimezone(timezone(timedelta(hours=9))) - TICK, True),
})  # fmt: skip
def test_a_hold_stands_until_its_end_and_has_ended_from_then_on(at: datetime, stands: bool) -> None:
    assert (hold.lasting([ALL], WEB, at) is not None) is stands
    assert hold.find_ended([ALL], at) == (() if stands else (ALL,))


SPANS = st.lists(st.tuples(st.none() | st.integers(-5, 5), st.integers(-5, 6)), max_size=4)


@given(SPANS, st.integers(-6, 6), st.booleans())
def test_a_hold_holds_from_its_begin_until_its_end(
    spans: list[tuple[int | None, int]], hour: int, rolls_back: bool
) -> None:
    def hours(count: int) -> datetime:
        return UNTIL + timedelta(hours=count)

    holds = [
        alter(ALL, begins=None if begins is None else hours(begins), until=hours(until), excepted=("api",) * at)
        for at, (begins, until) in enumerate(spans)
    ]
    images = [alter(each, image="web", excepted=()) for each in holds[::2]]
    lasts = [(begins is None or begins <= hour) and hour < until for begins, until in spans]
    found = hold.lasting(holds, WEB, hours(hour))
    assert (found is not None) is any(lasts)
    assert found is None or found.until == max(each.until for each, on in zip(holds, lasts, strict=True) if on)
    frozen = hold.freezes(holds, "production", hours(hour))
    assert set(frozen) == {each for each, on in zip(holds, lasts, strict=True) if on}
    assert hold.freezes([*holds, *images], "production", hours(hour)) == frozen
    assert hold.freezes(holds, "staging", hours(hour)) == ()
    assert set(hold.find_ended(holds, hours(hour))) == {each for each in holds if each.until <= hours(hour)}
    # A rollback passes freezes, and is held by holds of the image.
    held = hold.lasting([*images, *holds], WEB, hours(hour), passes_freezes=True)
    assert hold.lasting(holds, WEB, hours(hour), passes_freezes=True) is None
    assert (held is not None) is any(lasts[::2])
    assert held is None or held.image == "web"


REASON = Reason(
    "held.hold",
    "held until 2026-12-24 (no release before the fair) by gitops-bot.yaml:31",
    {
        "until": "2026-12-24T00:00:00Z",
        "why": "no release before the fair",
        "file": "gitops-bot.yaml",
        "line": 31,
        "image": None,
    },
    UNTIL,
)
OLDER = Reason("held.downgrade", "older", {"asked": "v0"})
CHANGE = change_of(WEB, Pin("v2"), "policy", "forward", Reason("chosen", "v2 is the highest"))


@rows("decision expected", {
    "a change": (CHANGE, Held(WEB, Pin("v2"), REASON)),
    "a change that a person asked for": (
        alter(CHANGE, source="set", new_name="ghcr.io/acme/other"), Held(WEB, Pin("v2"), REASON),
    ),
    "what is held for another reason": (Held(WEB, Pin("v0"), OLDER), Held(WEB, Pin("v0"), OLDER).hold(REASON)),
    "what is current": (Kept(WEB, Reason("current", "the newest")), Held(WEB, None, REASON)),
})  # fmt: skip
def test_what_is_decided_there_is_held(decision: Decision, expected: Held) -> None:
    assert hold.hold(decision, ALL) == expected


@rows("decision", {
    "ignored": Kept(WEB, Reason("ignored", "ignore: true")),
    "failed": Failed(WEB, Problem("failed.registry", "out of reach")),
})  # fmt: skip
def test_what_a_hold_says_nothing_about_stays(decision: Decision) -> None:
    assert hold.hold(decision, ALL) is decision


@rows("until expected", {
    "the beginning of a day": (UNTIL, "2026-12-24"),
    "a moment": (UNTIL + timedelta(hours=17, minutes=30), "2026-12-24 17:30 UTC"),
    "said by another clock": (datetime(2026, 12, 24, 1, tzinfo=timezone(timedelta(hours=1))), "2026-12-24"),
})  # fmt: skip
def test_the_end_is_told_as_people_write_it(until: datetime, expected: str) -> None:
    held = hold.hold(CHANGE, alter(ALL, until=until))
    assert held.reason.text == f"held until {expected} (no release before the fair) by gitops-bot.yaml:31"
    assert held.reason.data["until"] == until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
