from __future__ import annotations

import sys

import pytest

from gitops_bot.images.kinds import Semver
from gitops_bot.images.policy import choose
from gitops_bot.images.reference import PackedTags, Pin, packed

MANY = tuple(f"1.{number}" for number in range(6_000))


def test_very_many_tags_are_the_same_list_in_a_tenth_of_the_memory() -> None:
    kept = packed(MANY)
    assert isinstance(kept, PackedTags)
    assert (*kept,) == MANY
    assert (len(kept), kept[-1], [*kept[:2]]) == (6_000, "1.5999", ["1.0", "1.1"])
    assert sys.getsizeof(kept.text) * 8 < sum(map(sys.getsizeof, MANY)) + sys.getsizeof(MANY)


@pytest.mark.parametrize(("tag", "listed"), [("1.17", True), ("1.6000", False), ("1.1\n1.2", False), ("", False)])
def test_a_tag_is_in_it_only_as_a_whole(tag: str, listed: bool) -> None:
    assert (tag in packed(MANY)) == listed


def test_a_policy_chooses_the_same_of_it() -> None:
    for pin in (Pin("1.17"), Pin("1.9999"), Pin(None)):
        assert choose(Semver("*"), packed(MANY), pin) == choose(Semver("*"), MANY, pin)


def test_a_few_tags_stay_as_they_are() -> None:
    assert packed(("a", "b")) == ("a", "b")
    assert packed(()) == ()
