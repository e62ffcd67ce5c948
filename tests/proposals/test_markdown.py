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
    ],
)
def test_prose_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
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
