from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals.text import markdown
from tests.tables import rows


@rows("text expected", {
    "plain": ("v1.4.2", "`v1.4.2`"),
    "a back-tick inside": ("a`b", "``a`b``"),
    "a back-tick at the edge": ("`x", "`` `x ``"),
    "line breaks": ("a\nb\r\nc", "`a b c`"),
    "terminal escapes": ("a\x1b[31mb\x00", "`a[31mb`"),
    "bidirectional override": ("a\u202eb", "`ab`"),
    "nothing": ("", ""),
})  # fmt: skip
def test_code_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.code(text) == expected


@rows("text expected", {
    "a sentence": ("1.4.2 is newer", "1.4.2 is newer"),
    "markup": ("<img src=x>", r"\<img src=x\>"),
    "nobody is notified": ("ping @team", "ping @\u200bteam"),
    "no issue is closed": ("fixes #12", "fixes \\#\u200b12"),
    "no formula": ("^v.*$ and $", r"^v.\*\$ and \$"),
    "no issue is closed by its short name": ("fixes GH-12", "fixes GH\u200b-12"),
    "no list": ("- a", r"\- a"),
    "no ticked box": ("* [x] a", r"\* \[x\] a"),
    "no rule": ("---", r"\---"),
    "no numbered list": ("1. a", r"1\. a"),
    "one back-tick quotes nothing": ("a back`tick", "a back\\`tick"),
    "back-ticks that quote nothing": ("`` `", "\\`\\` \\`"),
})  # fmt: skip
def test_prose_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@rows("text expected", {
    "a word": ("the label `hold` is on #4", "the label `hold` is on \\#\u200b4"),
    "two, and nothing is escaped in them": ("`v.*_` or `$x`: *both*", "`v.*_` or `$x`: \\*both\\*"),
    "markup": ("`<!-- x`-->", "`<!-- x`--\\>"),
    "behind what would be a list": ("- `a`", r"\- `a`"),
})  # fmt: skip
def test_prose_shows_as_code_what_messages_quote(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@rows("text expected", {
    "nobody is notified and nothing closed": ("@team\nfixes #1", "@\u200bteam fixes #\u200b1"),
    "no link": ("https://x.test", "https:\u200b//x.test"),
})  # fmt: skip
def test_quiet_text_is_for_where_no_markdown_is_read(text: str, expected: str) -> None:
    assert markdown.quiet(text) == expected


@rows("text expected", {
    "markup": ("a<b>&\"'c", "<code>a&lt;b&gt;&amp;&quot;&#x27;c</code>"),
    "nothing": ("\u200b", ""),
})  # fmt: skip
def test_code_in_html_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.html_code(text) == expected


@rows("text expected", {
    "nothing": ("", 0),
    "a surrogate pair": ("\U0001f600", 2),
    "a lone surrogate": ("\ud800", 1),
})  # fmt: skip
def test_a_text_is_as_long_as_the_strictest_forge_finds_it(text: str, expected: int) -> None:
    assert markdown.size(text) == expected
    assert markdown.cost([text, ""]) == expected + 2


def more(left: int) -> str:
    return f"and {left} more"


@rows("room expected", {
    "all fit exactly": (15, ["aaaa", "bbbb", "cccc"]),
    "one character short: the word takes the room of the others": (14, ["and 3 more"]),
    "the word alone fits": (11, ["and 3 more"]),
    "not even the word fits": (10, []),
})  # fmt: skip
def test_what_does_not_fit_is_cut_with_a_word(room: int, expected: list[str]) -> None:
    assert markdown.cut(["aaaa", "bbbb", "cccc"], str, room, more) == expected
    assert markdown.cut([], str, room, more) == []


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(-5, 400))
def test_parts_are_whole_in_order_and_within_the_room(parts: list[str], room: int) -> None:
    shown = markdown.cut(parts, str, room, more)
    assert markdown.cost(shown) <= max(room, 0)
    if shown != parts and shown:
        *first, last = shown
        assert first == parts[: len(first)]
        assert last == more(len(parts) - len(first))


@rows("text room expected", {
    "cut": ("abc", 2, "ab"),
    "never within a character": ("a\U0001f600b", 2, "a"),
    "behind a wide one": ("a\U0001f600b", 3, "a\U0001f600"),
})  # fmt: skip
def test_a_text_is_clipped_between_characters(text: str, room: int, expected: str) -> None:
    assert markdown.clip(text, room) == expected
