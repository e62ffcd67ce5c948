from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitops_bot.proposals import content
from gitops_bot.proposals.text.markdown import size
from tests.tables import rows

FIELDS = {
    "environment": "production",
    "group": "all",
    "summary": "web v1.4.2",
    "count": "1",
    "images": "ghcr.io/acme/web",
    "overlays": "apps/web/overlays/production",
    "source": "policy",
}
FOR_MESSAGE = FIELDS | {"title": "chore(production): web v1.4.2", "changes": "* web\n    v1\n    -> v2"}


@rows("text expected", {
    "the bot's own": (None, "chore(production): web v1.4.2"),
    "of several lines": ("{summary}\n\n{count}\t{source}\x1b", "web v1.4.2 1 policy"),
    "blank": (" \n ", "chore(production): web v1.4.2"),
    "invisible": ("\u200b", "chore(production): web v1.4.2"),
})  # fmt: skip
def test_a_title_is_one_line_and_never_empty(text: str | None, expected: str) -> None:
    assert content.title_of(text, FIELDS) == expected


@pytest.mark.parametrize("char", ["x", "\U0001f600", "é"])
def test_a_title_is_cut_at_200_characters(char: str) -> None:
    whole = content.title_of("{summary}", FIELDS | {"summary": char * 200})
    cut = content.title_of("{summary}", FIELDS | {"summary": char * 201})
    assert size(cut) in (199, 200)
    assert cut.endswith(f"{char}…")
    assert whole == (char * 200 if size(char) == 1 else cut)


@rows("text expected", {
    "the bot's own": (None, "chore(production): web v1.4.2\n\n* web\n    v1\n    -> v2"),
    "control characters": ("a\tb\x00\x1b[2J \r\nc\u2028d\u202e", "a b[2J\nc\nd"),
    "blank": (" \n", "chore(production): web v1.4.2\n\n* web\n    v1\n    -> v2"),
    "a plan": ("x\nGitops-Bot-Plan: 1 a b set", "x\n Gitops-Bot-Plan: 1 a b set"),
    "a change, in another case": ("gitops-bot-change: {{}}", " gitops-bot-change: {}"),
    "behind what is not seen": ("\u200bGitops-Bot-Plan: 1", " \u200bGitops-Bot-Plan: 1"),
    "behind what turns the line round": ("\u202eGitops-Bot-Plan: 1", " Gitops-Bot-Plan: 1"),
    "what keeps a field quiet": ("see @\u200bada", "see @\u200bada"),
})  # fmt: skip
def test_a_message_is_as_people_want_it_without_a_trailer_of_the_bots(text: str | None, expected: str) -> None:
    assert content.message_of(text, FOR_MESSAGE) == expected


def test_a_message_is_cut_at_a_whole_line_with_a_word() -> None:
    long = "\n".join(f"line {number}" for number in range(20_000))
    one = content.message_of("{summary}\n\nthe end", FOR_MESSAGE | {"summary": "x" * 50_000})
    assert one == f"{'x' * 5_000}\n\nthe end"
    text = content.message_of("{changes}" * 10, FOR_MESSAGE | {"changes": long})
    lines = text.split("\n")
    assert lines[:-1] == long.split("\n")[: len(lines) - 1]
    assert lines[-1] == "…"
    assert content.MESSAGE_LIMIT - 100 < size(text) <= content.MESSAGE_LIMIT


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
@example("Gitops-Bot-{summary}", "Plan: 1 a b set")
@example("{summary}Gitops-Bot-Plan: 1 a b set", "\x85")
@example("Gitops-\u00adBot-Plan: 1 a b set", "")
def test_no_line_of_a_message_is_one_of_the_bots_whatever_is_in_it(text: str, held: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}").replace("{{summary}}", "{summary}")
    said = content.message_of(escaped, FOR_MESSAGE | {"summary": held})
    assert said == said.strip("\n") != ""
    for line in said.splitlines():
        assert not line.replace("\u200b", "").lower().startswith("gitops-bot-")
        assert not any(unicodedata.category(char)[0] == "C" and char != "\u200b" for char in line)
