from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals import markdown


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
    ],
)
def test_prose_shows_foreign_text_as_it_stands(text: str, expected: str) -> None:
    assert markdown.prose(text) == expected


@given(st.text(max_size=800))
def test_plain_is_one_bounded_line_without_control_characters(text: str) -> None:
    shown = markdown.plain(text)
    assert len(shown) <= 500
    assert shown.isprintable() or not shown
