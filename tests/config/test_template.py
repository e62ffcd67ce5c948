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
        "{title}\n\n{changes}\n",
        "{summary}\n\n\t* {changes} {{x}}",
        "x" * 10_000,
    ],
)
def test_a_title_and_a_message_are_taken_as_they_are_written(text: str) -> None:
    if len(text) <= 200 and "\n" not in text:
        assert read("title", text).title == text
    assert read("message", text).message == text


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


FIELDS = ("group", "title", "none", "group:>3", " count ", "é", "0", "")
PIECES = st.sampled_from(["{{", "}}", "{", "}", *(f"{{{field}}}" for field in FIELDS), "x", " ", "\n"])


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
