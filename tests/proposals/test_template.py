from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitops_bot.config import template as configured
from gitops_bot.proposals.text import template
from gitops_bot.proposals.text.limit import size

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


def test_the_documented_fields_are_there() -> None:
    assert tuple(FIELDS) == template.TITLE_FIELDS
    assert tuple(FOR_MESSAGE) == template.MESSAGE_FIELDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("no field", "no field", id="no field"),
        pytest.param("{environment}", "production", id="a field alone"),
        pytest.param("{count}x{count}", "1x1", id="a field twice"),
        pytest.param("{{environment}}", "{environment}", id="doubled braces"),
        pytest.param("{{{environment}}}", "{production}", id="braces around a field"),
        pytest.param("}}{{", "}{", id="doubled braces alone"),
        pytest.param("%s $environment \\1", "%s $environment \\1", id="signs of other languages"),
    ],
)
def test_fields_and_braces_are_read(text: str, expected: str) -> None:
    assert template.render(text, FIELDS) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{enviroment}", "unknown field {enviroment}; known fields: environment, group,", id="misspelt"),
        pytest.param("{changes}", "unknown field {changes}", id="a field of messages in a title"),
        pytest.param("a {", "'{' at character 3: write '{{' for a brace", id="opened"),
        pytest.param("a }", "'}' at character 3: write '}}' for a brace", id="closed"),
        pytest.param("{}", "'{' at character 1", id="no name"),
        pytest.param("{0}", "unknown field {0}", id="a number"),
        pytest.param("{environment.__class__}", "'{' at character 1", id="an attribute"),
        pytest.param("{environment[0]}", "'{' at character 1", id="an index"),
        pytest.param("{environment!r}", "'{' at character 1", id="a conversion"),
        pytest.param("{environment:>999999999}", "'{' at character 1", id="a format"),
        pytest.param("{ environment }", "'{' at character 1", id="blanks"),
        pytest.param("{{environment}", "'}' at character 14", id="half of it doubled"),
    ],
)
def test_what_is_no_field_is_an_error_that_says_which(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        template.render(text, FIELDS)
    assert str(error.value).startswith(message)


PIECES = ["{", "}", "{{", "}}", "{environment}", "{ count }", "{é}", "{0}", "{}", "{count", "x", "\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_a_template_that_the_configuration_takes_can_be_read(text: str) -> None:
    assert configured.TITLE_FIELDS == template.TITLE_FIELDS
    assert configured.MESSAGE_FIELDS == template.MESSAGE_FIELDS
    try:
        configured._checked(text, template.TITLE_FIELDS)
    except ValueError:
        with pytest.raises(ValueError, match=r"brace|unknown field"):
            template.render(text, FIELDS)
    else:
        template.render(text, FIELDS)


@given(st.text(max_size=50), st.text(max_size=50))
def test_what_a_field_holds_is_not_read_again(before: str, held: str) -> None:
    text = before.replace("{", "{{").replace("}", "}}") + "{summary}"
    assert template.render(text, {"summary": held}) == before + held


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, "chore(production): web v1.4.2", id="the bot's own"),
        pytest.param("[{environment}] {summary}", "[production] web v1.4.2", id="one of people's"),
        pytest.param("{summary}\n\n{count}\t{source}\x1b", "web v1.4.2 1 policy", id="of several lines"),
        pytest.param(" \n ", "chore(production): web v1.4.2", id="blank"),
        pytest.param("\u200b", "chore(production): web v1.4.2", id="invisible"),
    ],
)
def test_a_title_is_one_line_and_never_empty(text: str | None, expected: str) -> None:
    assert template.title(text, FIELDS) == expected


@pytest.mark.parametrize("char", ["x", "\U0001f600", "é"])
def test_a_title_is_cut_at_200_characters(char: str) -> None:
    whole = template.title("{summary}", FIELDS | {"summary": char * 200})
    cut = template.title("{summary}", FIELDS | {"summary": char * 201})
    assert size(cut) in (199, 200)
    assert cut.endswith(f"{char}…")
    assert whole == (char * 200 if size(char) == 1 else cut)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, "chore(production): web v1.4.2\n\n* web\n    v1\n    -> v2", id="the bot's own"),
        pytest.param("{title} [skip ci]", "chore(production): web v1.4.2 [skip ci]", id="one of people's"),
        pytest.param("\n\n{title}\n\n", "chore(production): web v1.4.2", id="blank lines around it"),
        pytest.param("a\tb\x00\x1b[2J \r\nc\u2028d\u202e", "a b[2J\nc\nd", id="control characters"),
        pytest.param(" \n", "chore(production): web v1.4.2\n\n* web\n    v1\n    -> v2", id="blank"),
        pytest.param("x\nGitops-Bot-Plan: 1 a b set", "x\n Gitops-Bot-Plan: 1 a b set", id="a plan"),
        pytest.param("gitops-bot-change: {{}}", " gitops-bot-change: {}", id="a change, in another case"),
        pytest.param("x\x0bGitops-Bot-Plan: 1 a b set", "x\n Gitops-Bot-Plan: 1 a b set", id="behind an odd break"),
        pytest.param("\u200bGitops-Bot-Plan: 1", " \u200bGitops-Bot-Plan: 1", id="behind what is not seen"),
        pytest.param("\u202eGitops-Bot-Plan: 1", " Gitops-Bot-Plan: 1", id="behind what turns the line round"),
        pytest.param("see @\u200bada", "see @\u200bada", id="what keeps a field quiet"),
        pytest.param(
            "{title}\n\nGitops-Bots rule", "chore(production): web v1.4.2\n\nGitops-Bots rule", id="no trailer"
        ),
    ],
)
def test_a_message_is_as_people_want_it_without_a_trailer_of_the_bots(text: str | None, expected: str) -> None:
    assert template.message(text, FOR_MESSAGE) == expected


def test_a_message_is_cut_at_a_whole_line_with_a_word() -> None:
    long = "\n".join(f"line {number}" for number in range(20_000))
    text = template.message("{changes}" * 10, FOR_MESSAGE | {"changes": long})
    lines = text.split("\n")
    assert lines[:-1] == long.split("\n")[: len(lines) - 1]
    assert lines[-1] == "…"
    assert template.MESSAGE_LIMIT - 100 < size(text) <= template.MESSAGE_LIMIT


def test_one_line_without_end_is_cut_and_the_others_stay() -> None:
    text = template.message("{summary}\n\nthe end", FOR_MESSAGE | {"summary": "x" * 50_000})
    assert text == f"{'x' * 5_000}\n\nthe end"


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
@example("Gitops-Bot-{summary}", "Plan: 1 a b set")
@example("{summary}Gitops-Bot-Plan: 1 a b set", "\x85")
@example("Gitops-\u00adBot-Plan: 1 a b set", "")
def test_no_line_of_a_message_is_one_of_the_bots_whatever_is_in_it(text: str, held: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}").replace("{{summary}}", "{summary}")
    said = template.message(escaped, FOR_MESSAGE | {"summary": held})
    assert said == said.strip("\n") != ""
    for line in said.splitlines():
        assert not line.replace("\u200b", "").lower().startswith("gitops-bot-")
        assert not any(unicodedata.category(char)[0] == "C" and char != "\u200b" for char in line)
