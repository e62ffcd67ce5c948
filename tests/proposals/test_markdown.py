from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals.text import markdown

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("v1.4.2", "`v1.4.2`", id="plain"),
        pytest.param("a`b", "``a`b``", id="a back-tick inside"),
        pytest.param("`x", "`` `x ``", id="a back-tick at the edge"),
        pytest.param("a|b", r"`a\|b`", id="a pipe would end the table cell"),
        pytest.param("a\nb\r\nc", "`a b c`", id="line breaks"),
        pytest.param("a\x1b[31mb\x00", "`a[31mb`", id="terminal escapes"),
        pytest.param("a\u202eb", "`ab`", id="bidirectional override"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_code_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1.4.2 is newer", "1.4.2 is newer", id="a sentence"),
        pytest.param("<img src=x>", r"\<img src=x\>", id="markup"),
        pytest.param("[a](http://x)", "\\[a\\](http:\u200b//x)", id="a link"),
        pytest.param("see www.example.test", "see www\u200b.example.test", id="an address"),
        pytest.param("ping @team", "ping @\u200bteam", id="nobody is notified"),
        pytest.param("fixes #12", "fixes \\#\u200b12", id="no issue is closed"),
        pytest.param("^v.*$ and $", r"^v.\*\$ and \$", id="no formula"),
        pytest.param("a | b", r"a \| b", id="a table cell"),
        pytest.param("fixes GH-12", "fixes GH\u200b-12", id="no issue is closed by its short name"),
        pytest.param("- a", r"\- a", id="no list"),
        pytest.param("+ a", r"\+ a", id="no list with a plus"),
        pytest.param("* [x] a", r"\* \[x\] a", id="no ticked box"),
        pytest.param("---", r"\---", id="no rule"),
        pytest.param("1. a", r"1\. a", id="no numbered list"),
        pytest.param("12) a", r"12\) a", id="no numbered list with a bracket"),
        pytest.param("7.", r"7\.", id="no empty numbered list"),
        pytest.param("2.0.1", "2.0.1", id="a version is no list"),
        pytest.param("a back`tick", "a back\\`tick", id="one back-tick quotes nothing"),
        pytest.param("`` `", "\\`\\` \\`", id="back-ticks that quote nothing"),
        pytest.param("```sh", "\\`\\`\\`sh", id="no fence"),
    ],
)
def test_prose_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("the label `hold` is on #4", "the label `hold` is on \\#\u200b4", id="a word"),
        pytest.param("`v.*_` or `$x`: *both*", "`v.*_` or `$x`: \\*both\\*", id="two, and nothing is escaped in them"),
        pytest.param("`a|b` | c", r"`a\|b` \| c", id="a table cell"),
        pytest.param("`<!-- x`-->", "`<!-- x`--\\>", id="markup"),
        pytest.param("`a` b`", "`a` b\\`", id="one back-tick more"),
        pytest.param("``a`b``", "\\`\\`a\\`b\\`\\`", id="with a fence of two: shown as it stands"),
        pytest.param("- `a`", r"\- `a`", id="behind what would be a list"),
        pytest.param("`- a`", "`- a`", id="at the beginning"),
    ],
)
def test_prose_shows_as_code_what_messages_quote(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ghcr.io/acme/web_1 *", "ghcr.io/acme/web_1 *", id="nothing is escaped"),
        pytest.param("@team\nfixes #1", "@\u200bteam fixes #\u200b1", id="nobody is notified and nothing closed"),
        pytest.param("https://x.test", "https:\u200b//x.test", id="no link"),
    ],
)
def test_quiet_text_is_for_where_no_markdown_is_read(text: str, expected: str) -> None:
    assert markdown.quiet(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a<b>&\"'c", "<code>a&lt;b&gt;&amp;&quot;&#x27;c</code>", id="markup"),
        pytest.param("</code></summary>\n\n# x", "<code>&lt;/code&gt;&lt;/summary&gt; # x</code>", id="the end of it"),
        pytest.param("\u200b", "", id="nothing"),
    ],
)
def test_code_in_html_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.html_code(text) == expected


@pytest.mark.parametrize("show", [markdown.plain, markdown.quiet, markdown.prose, markdown.code, markdown.html_code])
def test_a_limit_cuts_before_anything_is_escaped(show: Callable[[str, int], str]) -> None:
    assert show("abcdef", 4).replace("`", "").replace("<code>", "").replace("</code>", "") == "abc…"


@given(st.text(max_size=800))
def test_plain_is_one_bounded_line_without_control_characters(text: str) -> None:
    shown = markdown.plain(text)
    assert len(shown) <= 500
    assert shown.isprintable() or not shown


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
    assert markdown.size(text) == expected
    assert markdown.cost([text, ""]) == expected + 2


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
    assert markdown.cut(["aaaa", "bbbb", "cccc"], str, room, more) == expected


def test_nothing_to_show_needs_no_word() -> None:
    assert markdown.cut([], str, 0, more) == []


def test_what_comes_after_the_cut_is_not_even_shown() -> None:
    asked: list[int] = []

    def show(item: int) -> str:
        asked.append(item)
        return "x" * 9

    assert markdown.cut(range(1_000_000), show, 35, more) == ["x" * 9, "and 999999 more"]
    assert asked == [0, 1, 2, 3]


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(-5, 400))
def test_parts_are_whole_in_order_and_within_the_room(parts: list[str], room: int) -> None:
    shown = markdown.cut(parts, str, room, more)
    assert markdown.cost(shown) <= max(room, 0)
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
    assert markdown.clip(text, room) == expected
