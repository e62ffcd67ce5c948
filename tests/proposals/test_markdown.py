from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals.text import markdown
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable


@rows(
    "text expected",
    {
        "plain": ("v1.4.2", "`v1.4.2`"),
        "a back-tick inside": ("a`b", "``a`b``"),
        "a back-tick at the edge": ("`x", "`` `x ``"),
        "a pipe would end the table cell": ("a|b", r"`a\|b`"),
        "line breaks": ("a\nb\r\nc", "`a b c`"),
        "terminal escapes": ("a\x1b[31mb\x00", "`a[31mb`"),
        "bidirectional override": ("a\u202eb", "`ab`"),
        "nothing": ("", ""),
    },
)
def test_code_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.code(text) == expected


@rows(
    "text expected",
    {
        "a sentence": ("1.4.2 is newer", "1.4.2 is newer"),
        "markup": ("<img src=x>", r"\<img src=x\>"),
        "a link": ("[a](http://x)", "\\[a\\](http:\u200b//x)"),
        "an address": ("see www.example.test", "see www\u200b.example.test"),
        "nobody is notified": ("ping @team", "ping @\u200bteam"),
        "no issue is closed": ("fixes #12", "fixes \\#\u200b12"),
        "no formula": ("^v.*$ and $", r"^v.\*\$ and \$"),
        "a table cell": ("a | b", r"a \| b"),
        "no issue is closed by its short name": ("fixes GH-12", "fixes GH\u200b-12"),
        "no list": ("- a", r"\- a"),
        "no list with a plus": ("+ a", r"\+ a"),
        "no ticked box": ("* [x] a", r"\* \[x\] a"),
        "no rule": ("---", r"\---"),
        "no numbered list": ("1. a", r"1\. a"),
        "no numbered list with a bracket": ("12) a", r"12\) a"),
        "no empty numbered list": ("7.", r"7\."),
        "a version is no list": ("2.0.1", "2.0.1"),
        "one back-tick quotes nothing": ("a back`tick", "a back\\`tick"),
        "back-ticks that quote nothing": ("`` `", "\\`\\` \\`"),
        "no fence": ("```sh", "\\`\\`\\`sh"),
    },
)
def test_prose_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@rows(
    "text expected",
    {
        "a word": ("the label `hold` is on #4", "the label `hold` is on \\#\u200b4"),
        "two, and nothing is escaped in them": ("`v.*_` or `$x`: *both*", "`v.*_` or `$x`: \\*both\\*"),
        "a table cell": ("`a|b` | c", r"`a\|b` \| c"),
        "markup": ("`<!-- x`-->", "`<!-- x`--\\>"),
        "one back-tick more": ("`a` b`", "`a` b\\`"),
        "with a fence of two: shown as it stands": ("``a`b``", "\\`\\`a\\`b\\`\\`"),
        "behind what would be a list": ("- `a`", r"\- `a`"),
        "at the beginning": ("`- a`", "`- a`"),
    },
)
def test_prose_shows_as_code_what_messages_quote(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@rows(
    "text expected",
    {
        "nothing is escaped": ("ghcr.io/acme/web_1 *", "ghcr.io/acme/web_1 *"),
        "nobody is notified and nothing closed": ("@team\nfixes #1", "@\u200bteam fixes #\u200b1"),
        "no link": ("https://x.test", "https:\u200b//x.test"),
    },
)
def test_quiet_text_is_for_where_no_markdown_is_read(text: str, expected: str) -> None:
    assert markdown.quiet(text) == expected


@rows(
    "text expected",
    {
        "markup": ("a<b>&\"'c", "<code>a&lt;b&gt;&amp;&quot;&#x27;c</code>"),
        "the end of it": ("</code></summary>\n\n# x", "<code>&lt;/code&gt;&lt;/summary&gt; # x</code>"),
        "nothing": ("\u200b", ""),
    },
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


@rows(
    "text expected",
    {
        "nothing": ("", 0),
        "of the first plane": ("añ€", 3),
        "a surrogate pair": ("\U0001f600", 2),
        "a lone surrogate": ("\ud800", 1),
    },
)
def test_a_text_is_as_long_as_the_strictest_forge_finds_it(text: str, expected: int) -> None:
    assert markdown.size(text) == expected
    assert markdown.cost([text, ""]) == expected + 2


def more(left: int) -> str:
    return f"and {left} more"


@rows(
    "room expected",
    {
        "all fit exactly": (15, ["aaaa", "bbbb", "cccc"]),
        "one character short: the word takes the room of the others": (14, ["and 3 more"]),
        "the word alone fits": (11, ["and 3 more"]),
        "not even the word fits": (10, []),
        "no room": (0, []),
        "less than no room": (-5, []),
    },
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


@rows(
    "text room expected",
    {
        "short enough": ("abc", 5, "abc"),
        "cut": ("abc", 2, "ab"),
        "never within a character": ("a\U0001f600b", 2, "a"),
        "behind a wide one": ("a\U0001f600b", 3, "a\U0001f600"),
        "no room": ("abc", -1, ""),
    },
)
def test_a_text_is_clipped_between_characters(text: str, room: int, expected: str) -> None:
    assert markdown.clip(text, room) == expected
