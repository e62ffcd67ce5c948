"""Which releases are to be tagged, and by which numbers: a number is given once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.releases.history.releases import all_releases, due_tags, skipped_tags, tag_name
from tests.releases.past import FILE, GROUND, commit, images, line
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping


def due(count: int, tags: Mapping[str, int], *, complete: bool = True) -> dict[int, int] | str:
    """The numbers of the commits that get tags, of so many releases; a tag of commit 99 is of one that is gone."""
    past = line(*({FILE: images(web=str(number))} for number in range(count)), complete=complete)
    known = all_releases(past, GROUND)["production"]
    found = due_tags(known, {f"release/{name}": commit(number) for name, number in tags.items()}, complete=complete)
    if isinstance(found, Problem):
        return found.message
    return {int(release.commit, 16): release.number or 0 for release in found}


@rows("tags complete expected", {
    "none yet: by place": ({}, True, {1: 1, 2: 2, 3: 3, 4: 4}),
    "from the newest on": ({"production/7": 2}, True, {3: 8, 4: 9}),
    "also in a history that was cut": ({"production/7": 2}, False, {3: 8, 4: 9}),
    "a commit that is gone": ({"production/2": 2, "production/3": 99}, True, {3: 4, 4: 5}),
    "taken by somebody": ({"production/2": 99}, True, {1: 1, 2: 3, 3: 4, 4: 5}),
    "of others": ({"staging/9": 2, "production/x": 3, "production/0": 4}, True, {1: 1, 2: 2, 3: 3, 4: 4}),
    "cut, and no tag": ({}, False, "the history is incomplete, so their numbers are not known"),
    "no number left": ({"production/999999": 3}, True, "there is no number behind 999999"),
})  # fmt: skip
def test_what_is_to_be_tagged(tags: Mapping[str, int], complete: bool, expected: dict[int, int] | str) -> None:
    assert due(4, tags, complete=complete) == expected


def test_the_tags_whose_numbers_are_left_out_are_told_once() -> None:
    past = line(*({FILE: images(web=str(number))} for number in range(5)), complete=True)
    known = all_releases(past, GROUND)["production"]
    others = {"release/production/1": commit(1), "release/staging/6": commit(99)}
    others |= {f"release/production/{number}": commit(99) for number in (2, 3, 5, 9)}
    found = due_tags(known, others, complete=True)
    assert not isinstance(found, Problem)
    assert [release.number for release in found] == [4, 6, 7, 8]
    left_out = skipped_tags(known, found, others)
    assert left_out == tuple(f"release/production/{number}" for number in (2, 3, 5))
    after = {**others, **{tag_name(release): release.commit for release in found}}
    assert skipped_tags(known, found[:0], after) == ()


def test_it_is_bounded() -> None:
    first = due(60, {})
    assert isinstance(first, dict)
    assert first == {number: number for number in range(11, 61)}
    many = due(150, {"production/10": 10})
    assert isinstance(many, dict)
    assert many == {number: number for number in range(11, 111)}


def test_what_is_older_than_all_tags_keeps_the_number_that_it_was_counted_by() -> None:
    past = line(*({FILE: images(web=str(number))} for number in range(5)))
    for tags, numbers in (
        ({"release/production/3": commit(3), "release/production/4": commit(4)}, [None, 4, 3, 2, 1]),
        ({"release/production/8": commit(3)}, [None, None, 8, None, None]),
    ):
        known = all_releases(past, GROUND, tags)["production"]
        assert [release.number for release in known] == numbers
