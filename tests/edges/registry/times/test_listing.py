"""A list of images is read only as far as it has to be: the decision is that of the whole list, however it is cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.edges.registry.times.apis import MOST_PAGES, ListUnusable, PackagePage, PackageVersion, newest_first
from gitops_bot.images.age import choose_newest, timed_tags
from gitops_bot.images.kinds import Newest
from gitops_bot.images.reference import Pin

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NOW = FIRST + timedelta(days=300)
POLICY = Newest("^sha-")


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


#: Minutes since the first image, distinct: those of one time are told apart by what else is on their page.
MINUTES = st.lists(st.integers(0, 5000), min_size=1, max_size=30, unique=True)


def versions(minutes: list[int], admitted: list[bool], unknown: frozenset[int]) -> list[PackageVersion]:
    return [
        PackageVersion(
            digest(number),
            None if number in unknown else FIRST + timedelta(minutes=minute),
            (f"{'sha' if admitted[number % len(admitted)] else 'pr'}-{number:07x}",),
        )
        for number, minute in enumerate(minutes)
    ]


@given(
    minutes=MINUTES,
    admitted=st.lists(st.booleans(), min_size=1, max_size=8),
    unknown=st.frozensets(st.integers(0, 29), max_size=3),
    size=st.integers(1, 7),
    data=st.data(),
)
def test_reading_stops_early_without_another_decision(
    minutes: list[int], admitted: list[bool], unknown: frozenset[int], size: int, data: st.DataObject
) -> None:
    # Where nothing is known of the present image, or of one that could be chosen, more is read; never less.
    listed = versions(minutes, admitted, unknown)
    present = data.draw(st.sampled_from(listed))
    pin = Pin(present.tags[0], present.digest)
    ordered = sorted(listed, key=lambda each: each.time or FIRST, reverse=True)
    tags = [tag for each in listed for tag in each.tags]
    wanted = timed_tags(POLICY, tags)

    def page(number: int, _: str) -> PackagePage:
        found = ordered[size * (number - 1) : size * number]
        return PackagePage(tuple(found), size * number >= len(ordered))

    found = newest_first(page, wanted, pin)
    whole = newest_first(lambda *_: PackagePage(tuple(ordered), is_last=True), wanted, pin)
    assert found.pinned == whole.pinned
    part, all_of_it = (choose_newest(POLICY, tags, each.times, pin, each.pinned, NOW) for each in (found, whole))
    assert type(part) is type(all_of_it)
    assert (part.reason.code, getattr(part, "tag", None)) == (all_of_it.reason.code, getattr(all_of_it, "tag", None))


def test_a_list_without_an_end_is_given_up() -> None:
    asked = []

    def page(number: int, _: str) -> PackagePage:
        asked.append(number)
        return PackagePage(
            (PackageVersion(digest(number), FIRST - timedelta(minutes=number), (f"sha-{number:07x}",)),), is_last=False
        )

    with pytest.raises(ListUnusable):
        newest_first(page, ["sha-0000001"], Pin("sha-fffffff"))
    assert len(asked) == MOST_PAGES


def test_a_list_out_of_order_is_read_to_its_end() -> None:
    """Of the oldest image somebody says that it was pushed last: no promise holds, so page one proves nothing."""
    minutes = {1: (5, 1), 2: (9, 0), 3: (3,)}
    asked = []

    def page(number: int, _: str) -> PackagePage:
        asked.append(number)
        times = [FIRST + timedelta(minutes=minute) for minute in minutes[number]]
        found = (PackageVersion(digest(time.minute), time, (f"sha-{time.minute:07x}",)) for time in times)
        return PackagePage(tuple(found), is_last=number == 3)

    found = newest_first(page, ["sha-0000001", "sha-0000009"], Pin("sha-0000009"))
    assert (found.pinned, asked) == (FIRST + timedelta(minutes=9), [1, 2, 3])
    asked.clear()
    minutes[2] = (1, 0)
    assert newest_first(page, ["sha-0000005"], Pin("sha-0000000")).pinned == FIRST
    assert asked == [1, 2]
