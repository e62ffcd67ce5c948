from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.edges.registry.lists import FEW, FiledTags, TagLists
from gitops_bot.images.kinds import Semver
from gitops_bot.images.policy import choose
from gitops_bot.images.reference import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = tuple(f"1.{number}" for number in range(60_000))


@pytest.fixture
def lists(tmp_path: Path) -> Iterator[TagLists]:
    made = TagLists(str(tmp_path))
    yield made
    made.close()


@pytest.mark.parametrize("count", [FEW + 1, 9_000, len(MANY)])
def test_what_is_read_again_is_the_same_list_whatever_else_is_in_the_file(lists: TagLists, count: int) -> None:
    kept = [lists.keep(MANY[at : at + count]) for at in range(3)]
    for at in (1, 0, 2, 1):
        assert (*kept[at],) == MANY[at : at + count]
        assert (len(kept[at]), kept[at][-1], [*kept[at][:1]]) == (len({*kept[at]}), [*kept[at]][-1], [MANY[at]])


@pytest.mark.parametrize(("tag", "listed"), [("1.17", True), ("1.60000", False), ("1.1\n1.2", False), ("", False)])
def test_a_tag_is_in_it_only_as_a_whole(lists: TagLists, tag: str, listed: bool) -> None:
    assert (tag in lists.keep(MANY)) == listed


def test_a_policy_chooses_the_same_of_it(lists: TagLists) -> None:
    for pin in (Pin("1.17"), Pin("1.99999"), Pin(None)):
        assert choose(Semver("*"), lists.keep(MANY), pin) == choose(Semver("*"), MANY, pin)


def test_lists_take_no_memory_however_many_there_are_nor_does_going_through_them(lists: TagLists) -> None:
    lists.keep(MANY)
    tracemalloc.start()
    try:
        kept = [lists.keep(MANY) for _ in range(20)]
        assert sum(1 for tags in kept for _ in tags) == 20 * len(MANY)
        assert tracemalloc.get_traced_memory()[1] < sum(map(sys.getsizeof, MANY)) / 2
    finally:
        tracemalloc.stop()


def test_a_few_tags_stay_as_they_are_and_make_no_file(tmp_path: Path) -> None:
    assert TagLists(str(tmp_path / "none")).keep(MANY[:FEW]) == MANY[:FEW]
    assert TagLists(str(tmp_path / "none")).keep(()) == ()


def test_the_file_has_no_name_that_a_killed_run_would_leave(lists: TagLists, tmp_path: Path) -> None:
    assert isinstance(lists.keep(MANY), FiledTags)
    assert not [*tmp_path.iterdir()]


def test_where_there_is_no_room_it_is_told(tmp_path: Path) -> None:
    what = r"has a list of tags that no temporary file can hold: No such file or directory"
    with pytest.raises(Untrusted, match=what) as none:
        TagLists(str(tmp_path / "none")).keep(MANY)
    assert none.value.advice == "Free some space, or set TMPDIR to a writable folder on another disk."
