from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images import age
from gitops_bot.images.kinds import Pattern, Semver
from gitops_bot.images.policy import Choice, Chosen, choose
from gitops_bot.images.reference import Pin
from tests.images.choices import told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RELEASES = Semver(">=1", minimum_age=timedelta(days=3))
OLD, YOUNG = NOW - timedelta(days=9), NOW - timedelta(hours=12)


def choose_aged(*arguments: Any) -> Choice:
    """The choice, where nothing is awaited that is not there."""
    choosing = age.choose_aged(*arguments)
    with pytest.raises(StopIteration) as end:
        choosing.send(None)
    chosen: Choice = end.value.value
    return chosen


def built_by(times: Mapping[str, datetime | None]) -> Callable[[str], Awaitable[datetime | None]]:
    async def built(tag: str) -> datetime | None:
        return times[tag]

    return built


def aged(times: Mapping[str, datetime | None], present: str | None = "1.0.0") -> tuple[Choice, list[str]]:
    """The choice, and for which tags it asked."""
    asked: list[str] = []

    async def built(tag: str) -> datetime | None:
        asked.append(tag)
        return times[tag]

    return choose_aged(RELEASES, ["1.0.0", "0.9.0", "latest", *times], Pin(present), built, NOW), asked


EPOCH, FUTURE = datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(days=1)
CHOICES: list[tuple[str, Mapping[str, datetime | None], str | None, str, str | None, str]] = [
    ("old enough", {"1.1.0": OLD, "1.2.0": OLD}, "1.0.0", "chosen", "1.2.0", "1.2.0"),
    ("the next one is", {"1.1.0": OLD, "1.2.0": YOUNG}, "1.0.0", "chosen", "1.1.0", "1.2.0 1.1.0"),
    ("none is", {"1.1.0": YOUNG, "1.2.0": NOW}, "1.0.0", "held.age", "1.1.0", "1.2.0 1.1.0"),
    ("all are unknown", {"1.1.0": EPOCH, "1.2.0": FUTURE}, "1.0.0", "held.age_unknown", "1.2.0", "1.2.0 1.1.0"),
    ("all is lower", {"1.1.0": OLD}, "1.2.0", "held.downgrade", "1.1.0", ""),
    ("nothing pinned", {"1.1.0": YOUNG}, None, "adopted", "1.0.0", "1.1.0 1.0.0"),
    ("a tag without an order", {"1.1.0": OLD}, "latest", "adopted", "1.1.0", "1.1.0"),
    ("the present one is never asked for", {"1.0": OLD, "v1.0.0": OLD, "1.1.0": YOUNG}, "1.0.0", "held.age", "1.1.0",
     "1.1.0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "present", "code", "tag", "asked"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_the_best_tag_that_is_old_enough_is_chosen(
    times: Mapping[str, datetime | None], present: str | None, code: str, tag: str | None, asked: str
) -> None:
    choice, names = aged({"1.0.0": OLD, **times}, present)
    assert (*told(choice), " ".join(names)) == (code, tag, asked)


def test_the_reason_says_what_is_left_out_and_until_when() -> None:
    choice, _ = aged({"1.1.0": OLD, "1.2.0": YOUNG, "1.3.0": None})
    assert choice.reason.text == (
        "highest version that matches semver >=1 and is at least 3d old (younger: 1.2.0; built at an unknown time: "
        "1.3.0)"
    )
    choice, _ = aged({"1.2.0": YOUNG})
    assert choice.reason.ends == YOUNG + timedelta(days=3)
    assert choice.reason.text == (
        "1.2.0 was built 2026-11-23, and has to be 3d old (`minimum_age`): open on Thu 2026-11-26 00:00 UTC"
    )


@pytest.mark.parametrize(
    ("claimed", "why"),
    [
        (None, "its image does not say when it was built"),
        (datetime(1970, 1, 1, tzinfo=UTC), "created 1970-01-01: a reproducible build does not say when it was built"),
        (datetime(2031, 5, 1, tzinfo=UTC), "created 2031-05-01: that is in the future"),
    ],
)
def test_a_hold_for_an_unknown_age_says_what_the_image_claims_and_what_to_do(
    claimed: datetime | None, why: str
) -> None:
    choice, _ = aged({"1.2.0": claimed})
    assert choice.reason.ends is None
    assert choice.reason.text == (
        f"1.2.0 has to be 3d old (`minimum_age`), but its age is unknown ({why}): let the build set the label "
        "`org.opencontainers.image.created`, use a policy without `minimum_age`, or pin it with `set`"
    )


def test_without_a_minimum_age_nothing_is_asked() -> None:
    builds = Pattern("^[0-9]+$", order="numerical")
    assert choose_aged(builds, ["1", "2"], Pin("1"), built_by({}), NOW) == choose(builds, ["1", "2"], Pin("1"))


TAG = st.sampled_from(["1.0.0", "1.1.0", "v1.1.0", "1.2.0", "1.3", "latest"])
TIME = st.none() | st.integers(-10, 1).map(lambda days: NOW + timedelta(days=days))


@given(st.lists(TAG, max_size=6), st.fixed_dictionaries(dict.fromkeys(
    ["1.0.0", "1.1.0", "v1.1.0", "1.2.0", "1.3", "latest"], TIME)), st.builds(Pin, st.none() | TAG))  # fmt: skip
def test_what_is_chosen_is_old_enough_and_a_hold_for_age_ends(
    tags: list[str], times: dict[str, datetime | None], current: Pin
) -> None:
    choice = choose_aged(RELEASES, tags, current, built_by(times), NOW)
    if isinstance(choice, Chosen):
        time = times[choice.tag]
        assert time is not None
        assert time <= NOW - timedelta(days=3)
    assert (choice.reason.ends is not None) == (choice.reason.code == "held.age")
    assert choose_aged(RELEASES, tags[::-1], current, built_by(times), NOW) == choice
