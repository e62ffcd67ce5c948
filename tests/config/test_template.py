from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot import config
from gitops_bot.config import propose
from gitops_bot.errors import ConfigError


def read(key: str, text: str) -> config.Propose:
    """What a `propose` with this template says."""
    line = f"environments: {{a: {{overlays: [a], propose: {{{key}: {json.dumps(text)}}}}}}}\n"
    return config.read(f"version: 1\n{line}", "f.yaml").environments["a"].propose


@pytest.mark.parametrize(
    "text",
    [
        "chore({environment}): {summary}",
        "{environment} {group} {summary} {count} {images} {overlays} {source}",
        "no field at all",
        "{{{group}}}",
        "{{group}}",
        "}}{{",
        "x" * 200,
        "ümlaut ✓",
        "gitops-bot: {summary}",
    ],
)
def test_a_title_is_taken_as_it_is_written(text: str) -> None:
    assert read("title", text).title == text
    assert read("message", text).message == text


@pytest.mark.parametrize("text", ["{title}\n\n{changes}\n", "{summary}\n\n\t* {changes} {{x}}", "x" * 10_000])
def test_a_message_is_taken_as_it_is_written(text: str) -> None:
    assert read("message", text).message == text


FIELDS = "`{environment}`, `{group}`, `{summary}`, `{count}`, `{images}`, `{overlays}`, `{source}`"
NO_FIELD = "write `{{` and `}}` for braces"
TITLE_LINE = "`title` must be one line of at most 200 characters, not "
MESSAGE_LINE = "`message` must be text of at most 10,000 characters whose first line is not empty, not "
MESSAGE_EXAMPLE = 'as in `message: "{title}\\n\\n{changes}"`'
TITLE_EXAMPLE = 'as in `title: "chore({environment}): {summary}"`'


@pytest.mark.parametrize(
    ("key", "text", "message", "advice"),
    [
        ("title", "{sumary}", "`title` has no field '{sumary}'", "did you mean `{summary}`?"),
        ("title", "{Group}", "`title` has no field '{Group}'", "did you mean `{group}`?"),
        ("title", "{count:>9}", "`title` has no field '{count:>9}'", "did you mean `{count}`?"),
        ("title", "{tag}", "`title` has no field '{tag}'", f"known here: {FIELDS}; `{{{{` is a brace"),
        ("title", "{title}", "`title` has no field '{title}'", f"known here: {FIELDS}; `{{{{` is a brace"),
        (
            "message",
            "{}",
            "`message` has no field '{}'",
            f"known here: {FIELDS}, `{{title}}`, `{{changes}}`; `{{{{` is a brace",
        ),
        ("message", "{a.b[0]!r}", "`message` has no field '{a.b[0]!r}'", None),
        ("message", "{" + "x" * 99 + "}", f"`message` has no field '{{{'x' * 59}'...", None),
        ("title", "a { b", "`title` has a `{` that does not belong to a field", NO_FIELD),
        ("title", "a } b", "`title` has a `}` that does not belong to a field", NO_FIELD),
        ("title", "{{group}", "`title` has a `}` that does not belong to a field", NO_FIELD),
        ("title", "{a{group}}", "`title` has a `{` that does not belong to a field", NO_FIELD),
        ("title", "{group}}}}", "`title` has a `}` that does not belong to a field", NO_FIELD),
        (
            "message",
            "{title}\n\nGitops-Bot-Plan: 1 a b policy",
            "`message` has `Gitops-Bot-`, which starts the trailers that the bot writes",
            "choose another wording",
        ),
        ("title", "Gitops-Bot-Plan", "`title` has `Gitops-Bot-`, which starts the trailers that the bot writes", None),
        ("title", "a\nb", TITLE_LINE + "'a\\nb'", TITLE_EXAMPLE),
        ("title", "a\u2028b", TITLE_LINE + "'a\\u2028b'", TITLE_EXAMPLE),
        ("title", "a\x85b", TITLE_LINE + "'a\\x85b'", TITLE_EXAMPLE),
        ("title", "a\n", TITLE_LINE + "'a\\n'", TITLE_EXAMPLE),
        ("title", "\x1b[31m", TITLE_LINE + "'\\x1b[31m'", TITLE_EXAMPLE),
        ("title", "", TITLE_LINE + "''", TITLE_EXAMPLE),
        ("title", " ", TITLE_LINE + "' '", TITLE_EXAMPLE),
        ("title", "x" * 201, TITLE_LINE + f"'{'x' * 60}'...", TITLE_EXAMPLE),
        ("message", "\n{title}", MESSAGE_LINE + "'\\n{title}'", MESSAGE_EXAMPLE),
        ("message", "a\rb", MESSAGE_LINE + "'a\\rb'", MESSAGE_EXAMPLE),
        ("message", "x" * 10_001, MESSAGE_LINE + f"'{'x' * 60}'...", MESSAGE_EXAMPLE),
    ],
)
def test_a_wrong_template_is_told_at_its_place(key: str, text: str, message: str, advice: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        read(key, text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, 47 + len(key))
    if advice is None:
        assert problem.message.startswith(message)
    else:
        assert (problem.message, problem.next) == (message, advice)


VALUES = {
    "environment": "production",
    "group": "all",
    "summary": "web v1.4.2",
    "count": "1",
    "images": "ghcr.io/acme/web",
    "overlays": "apps/web/overlays/production",
    "source": "policy",
}


def test_the_documented_fields_are_there() -> None:
    assert tuple(VALUES) == propose.TITLE_FIELDS
    assert (*VALUES, "title", "changes") == propose.MESSAGE_FIELDS


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
    assert propose.render(text, VALUES) == expected


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{",
        "}",
        "{group}",
        "{title}",
        "{none}",
        "{group:>3}",
        "{ count }",
        "{é}",
        "{0}",
        "{}",
        "x",
        " ",
        "\n",
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_is_read_can_be_filled_in(text: str) -> None:
    message = f"m{text}"
    try:
        assert read("message", message).message == message
    except ConfigError:
        return
    values = dict.fromkeys(propose.MESSAGE_FIELDS, "value")
    assert propose.render(message, values) == message.format(**values)


@given(st.text(max_size=50), st.text(max_size=50))
def test_what_a_field_holds_is_not_read_again(before: str, held: str) -> None:
    text = before.replace("{", "{{").replace("}", "}}") + "{summary}"
    assert propose.render(text, {"summary": held}) == before + held
