from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.age import choose_newest, timed_tags
from gitops_bot.images.kinds import Newest
from gitops_bot.images.order import admits, compare
from gitops_bot.images.reference import Pin
from tests.images.choices import told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from gitops_bot.images.policy import Choice

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST = "sha256:" + "0a" * 32
COMMITS = Newest("^sha-[0-9a-f]{7}$")
OLD, MIDDLE, YOUNG = "sha-fffffff", "sha-0000001", "sha-aaaaaaa"
TIMES = {OLD: NOW - timedelta(days=9), MIDDLE: NOW - timedelta(days=5), YOUNG: NOW - timedelta(hours=1)}
UNKNOWN = {
    "not said": None,
    "the epoch": datetime(1970, 1, 1, tzinfo=UTC),
    "what buildpacks claim": datetime(1980, 1, 1, 0, 0, 1, tzinfo=UTC),
    "the future": NOW + timedelta(hours=1),
    "the year 9999": datetime.max.replace(tzinfo=UTC),
    "the year 1": datetime.min.replace(tzinfo=UTC),
}


def choose(
    current: Pin,
    built: datetime | None = None,
    times: Mapping[str, datetime | None] = TIMES,
    listed: tuple[str, ...] = (OLD, YOUNG, MIDDLE, "latest"),
) -> Choice:
    return choose_newest(COMMITS, listed, times, current, built, NOW)


CHOICES: list[tuple[str, Choice, str, str | None]] = [
    ("a newer build", choose(Pin(OLD), TIMES[OLD]), "chosen", YOUNG),
    ("the newest already", choose(Pin(YOUNG), TIMES[YOUNG]), "current", None),
    ("nothing pinned", choose(Pin()), "adopted", YOUNG),
    ("a digest alone, the same time", choose(Pin(None, DIGEST), TIMES[YOUNG]), "current", None),
    ("a digest alone, unknown", choose(Pin(None, DIGEST)), "held.age_unknown", YOUNG),
    ("another tag, newer", choose(Pin("latest"), NOW), "held.older_build", YOUNG),
    ("another tag, unknown", choose(Pin("latest")), "held.age_unknown", YOUNG),
    ("the present tag is gone, unknown", choose(Pin("sha-bbbbbbb")), "held.vanished", YOUNG),
    ("nothing matches", choose(Pin("latest"), listed=("latest",)), "nothing_new", None),
    ("only the present tag", choose(Pin(OLD), None, {OLD: None}, (OLD, "latest")), "current", None),
    ("the present time is unknown", choose(Pin(OLD), None, TIMES | {OLD: None}), "held.age_unknown", YOUNG),
    ("tags that were not asked for are older", choose(Pin(OLD), TIMES[OLD], {MIDDLE: TIMES[MIDDLE]}), "chosen", MIDDLE),
    ("nothing was asked for: all is older", choose(Pin(OLD), TIMES[OLD], {}), "current", None),
    ("nothing was asked for, and the present time is unknown", choose(Pin(OLD), None, {}), "held.age_unknown", None),
    ("clocks differ a little", choose(Pin(OLD), TIMES[OLD], TIMES | {MIDDLE: NOW + timedelta(minutes=4)}), "chosen",
     MIDDLE),
    ("a tie: the present tag stays", choose(Pin(MIDDLE), NOW, {OLD: NOW, MIDDLE: NOW, YOUNG: NOW}), "current", None),
    ("a tie: the last by name", choose(Pin(MIDDLE), TIMES[MIDDLE], TIMES | {OLD: TIMES[YOUNG]}), "chosen", OLD),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "code", "tag"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES])
def test_choosing_by_build_time(choice: Choice, code: str, tag: str | None) -> None:
    assert told(choice) == (code, tag)


@pytest.mark.parametrize("wrong", UNKNOWN.values(), ids=UNKNOWN)
def test_a_time_that_cannot_be_is_unknown_not_old_and_not_new(wrong: datetime | None) -> None:
    beside = choose(Pin(OLD), TIMES[OLD], TIMES | {YOUNG: wrong})
    assert told(beside) == ("chosen", MIDDLE)
    assert beside.reason.data["unknown"] == 1
    assert f"(built at an unknown time: {YOUNG})" in beside.reason.text
    assert told(choose(Pin(OLD), wrong, dict.fromkeys(TIMES, wrong))) == ("held.age_unknown", None)
    assert told(choose(Pin("latest"), wrong)) == ("held.age_unknown", YOUNG)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (choose(Pin(OLD), TIMES[OLD]),
         "newest build of 3 that match its pattern: built 2026-11-23, after sha-fffffff (built 2026-11-14)"),
        (choose(Pin("latest"), NOW, TIMES | {OLD: None}),
         ("newest build of 3 that match its pattern (built at an unknown time: sha-fffffff), but built 2026-11-23 "
          "11:00 UTC, before latest (built 2026-11-23 12:00 UTC)")),
        (choose(Pin("latest")),
         ("newest build of 3 that match its pattern, but when latest was built is unknown (its image does not say "
          "when it was built): pin a newer one once with `set`")),
        (choose_newest(COMMITS, (*TIMES, "latest"), TIMES, Pin("latest"), UNKNOWN["the epoch"], NOW, "builds"),
         ("newest build of 3 that match policy `builds`, but when latest was built is unknown (created 1970-01-01: a "
          "reproducible build does not say when it was built): pin a newer one once with `set`")),
        (choose_newest(COMMITS, (OLD, YOUNG), TIMES, Pin(None, DIGEST), TIMES[OLD], NOW, "builds"),
         ("newest build of 2 that match policy `builds`: built 2026-11-23, after "
          f"{DIGEST[:19]} (built 2026-11-14)")),
        (choose(Pin("gone")),
         "gone is no longer listed, and when it was built is unknown: sha-aaaaaaa may be older"),
        (choose(Pin(OLD), None, dict.fromkeys(TIMES)),
         ("no build time is known of any tag that matches its pattern: order them by a number or "
          "date in the tag, or let the pipeline `set` what it has pushed")),
    ],
)  # fmt: skip
def test_the_reason_says_both_times_and_what_to_do(choice: Choice, text: str) -> None:
    assert choice.reason.text == text


def test_only_tags_that_the_policy_admits_are_asked_for_their_time() -> None:
    assert timed_tags(COMMITS, ("latest", OLD, YOUNG, OLD, "sha256-" + "0a" * 32)) == (OLD, YOUNG)
    assert admits(COMMITS, OLD)
    assert not admits(COMMITS, "latest")
    assert compare(COMMITS, OLD, YOUNG) is None


SETTLED = Newest("^sha-[0-9a-f]{7}$", minimum_age=timedelta(days=3))
LATER = {OLD: NOW - timedelta(days=9), MIDDLE: NOW - timedelta(days=2), YOUNG: NOW - timedelta(hours=1)}
AGED: list[tuple[str, Mapping[str, datetime | None], Pin, datetime | None, str, str | None]] = [
    ("the newest that is old enough", TIMES, Pin("sha-bbbbbbb"), NOW - timedelta(days=20), "chosen", MIDDLE),
    ("the newer ones are too young", LATER, Pin(OLD), LATER[OLD], "held.age", MIDDLE),
    ("the present one is too young itself", LATER, Pin(YOUNG), LATER[YOUNG], "current", None),
    ("a newer one than a young present one", LATER, Pin(MIDDLE), LATER[MIDDLE], "held.age", YOUNG),
    ("all that is old enough is older", TIMES, Pin("latest"), NOW - timedelta(days=4), "held.age", YOUNG),
    ("nothing is old enough", dict.fromkeys(TIMES, NOW), Pin("latest"), None, "held.age", OLD),
    ("the present time is unknown", LATER, Pin("latest"), None, "held.age_unknown", OLD),
    ("nothing pinned", LATER, Pin(), None, "adopted", OLD),
    ("exactly as old", {OLD: NOW - timedelta(days=3)}, Pin("latest"), NOW - timedelta(days=9), "chosen", OLD),
]


@pytest.mark.parametrize(
    ("times", "current", "built", "code", "tag"), [row[1:] for row in AGED], ids=[row[0] for row in AGED]
)
def test_a_build_has_to_be_old_enough(
    times: Mapping[str, datetime | None], current: Pin, built: datetime | None, code: str, tag: str | None
) -> None:
    listed = (*TIMES, "latest", "sha-bbbbbbb") if current.tag == "sha-bbbbbbb" else (*TIMES, "latest")
    assert told(choose_newest(SETTLED, listed, times, current, built, NOW)) == (code, tag)


def test_a_hold_for_age_ends_by_itself_and_says_when() -> None:
    reason = choose_newest(SETTLED, tuple(LATER), LATER, Pin(OLD), LATER[OLD], NOW).reason
    assert reason.ends == NOW + timedelta(days=1)
    assert reason.text == (
        "sha-0000001 was built 2026-11-21, and has to be 3d old (`minimum_age`): open on Tue 2026-11-24 12:00 UTC"
    )


TAG = st.sampled_from([OLD, MIDDLE, YOUNG, "sha-bbbbbbb", "latest"])
TIME = st.one_of(st.none(), st.integers(-60_000, 20).map(lambda hours: NOW + timedelta(hours=hours)))


@given(
    st.lists(TAG, max_size=6),
    st.dictionaries(TAG, TIME),
    st.builds(Pin, st.none() | TAG, st.sampled_from([None, DIGEST])),
    TIME,
    st.randoms(use_true_random=False),
)
def test_the_choice_is_blind_to_the_order_of_the_list_and_never_older(
    tags: list[str], times: dict[str, datetime | None], current: Pin, built: datetime | None, random: Random
) -> None:
    choice = choose_newest(COMMITS, tags, times, current, built, NOW)
    code, tag = told(choice)
    if code == "chosen":
        time = times[str(tag)]
        assert time is not None
        assert built is not None
        assert time > built
    if code == "held.older_build":
        time = times[str(tag)]
        assert time is not None
        assert built is not None
        assert time < built
    shuffled = random.sample(tags, len(tags))
    assert choose_newest(COMMITS, shuffled, times, current, built, NOW) == choice
