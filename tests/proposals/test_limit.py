from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals.text import markdown as limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("añ€", 3, id="of the first plane"),
        pytest.param("\U0001f600", 2, id="a surrogate pair"),
        pytest.param("\ud800", 1, id="a lone surrogate"),
    ],
)
def test_a_text_is_as_long_as_the_strictest_forge_finds_it(text: str, expected: int) -> None:
    assert limit.size(text) == expected
    assert limit.cost([text, ""]) == expected + 2


def more(left: int) -> str:
    return f"and {left} more"


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        pytest.param(15, ["aaaa", "bbbb", "cccc"], id="all fit exactly"),
        pytest.param(14, ["and 3 more"], id="one character short: the word takes the room of the others"),
        pytest.param(11, ["and 3 more"], id="the word alone fits"),
        pytest.param(10, [], id="not even the word fits"),
        pytest.param(0, [], id="no room"),
        pytest.param(-5, [], id="less than no room"),
    ],
)
def test_what_does_not_fit_is_cut_with_a_word(room: int, expected: list[str]) -> None:
    assert limit.cut(["aaaa", "bbbb", "cccc"], str, room, more) == expected


def test_nothing_to_show_needs_no_word() -> None:
    assert limit.cut([], str, 0, more) == []


def test_what_comes_after_the_cut_is_not_even_shown() -> None:
    asked: list[int] = []

    def show(item: int) -> str:
        asked.append(item)
        return "x" * 9

    assert limit.cut(range(1_000_000), show, 35, more) == ["x" * 9, "and 999999 more"]
    assert asked == [0, 1, 2, 3]


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(-5, 400))
def test_parts_are_whole_in_order_and_within_the_room(parts: list[str], room: int) -> None:
    shown = limit.cut(parts, str, room, more)
    assert limit.cost(shown) <= max(room, 0)
    if shown != parts and shown:
        *first, last = shown
        assert first == parts[: len(first)]
        assert last == more(len(parts) - len(first))


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        pytest.param("abc", 5, "abc", id="short enough"),
        pytest.param("abc", 2, "ab", id="cut"),
        pytest.param("a\U0001f600b", 2, "a", id="never within a character"),
        pytest.param("a\U0001f600b", 3, "a\U0001f600", id="behind a wide one"),
        pytest.param("abc", -1, "", id="no room"),
    ],
)
def test_a_text_is_clipped_between_characters(text: str, room: int, expected: str) -> None:
    assert limit.clip(text, room) == expected
