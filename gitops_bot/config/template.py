"""Templates for titles and messages: text with `{field}` for values, and `{{` and `}}` for braces.

A small language of its own: that of `str.format` would let a template look into objects and pad without bound.
Templates hold no trailers (`Gitops-Bot-...`): those are how the bot knows its own commits again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.config.leaves import invalid, nearest, quoted, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config.leaves import Leaf

TITLE_FIELDS: Final = ("environment", "group", "summary", "count", "images", "overlays", "source")
MESSAGE_FIELDS: Final = (*TITLE_FIELDS, "title", "changes")
MOST_OF_A_TITLE = 200
MOST_OF_A_MESSAGE = 10_000

#: The tokens of a template, from left to right; each `{` and `}` is in one of them or stray.
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|(?P<stray>[{}])")
_TRAILER = "Gitops-Bot-"
_NOT_IN_LINES = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
#: A message may have tabs and line feeds.
_NOT_IN_TEXTS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"
_FIRST_LINE = r"(?=[^\n]*\S)"


def title() -> Leaf:
    """One line."""
    requirement = f"must be one line of at most {MOST_OF_A_TITLE} characters"
    return _template(requirement, TITLE_FIELDS, rf"[^{_NOT_IN_LINES}]{{1,{MOST_OF_A_TITLE}}}$")


def message() -> Leaf:
    """Lines, the first of which must not be blank."""
    requirement = f"must be text of at most {MOST_OF_A_MESSAGE:,} characters whose first line is not empty"
    return _template(requirement, MESSAGE_FIELDS, rf"[^{_NOT_IN_TEXTS}]{{1,{MOST_OF_A_MESSAGE}}}$")


def shown(fields: Sequence[str]) -> str:
    """The fields, written as in a template."""
    return ", ".join(f"`{{{field}}}`" for field in fields)


def _template(requirement: str, fields: Sequence[str], characters: str) -> Leaf:
    return text(
        requirement,
        rf"^{_FIRST_LINE}{characters}",
        parse=lambda written: check(written, fields),
        schema={
            "pattern": rf"^{_FIRST_LINE}(?![\s\S]*{_TRAILER})(?={characters})"
            rf"(?:[^{{}}]|\{{\{{|\}}\}}|\{{(?:{'|'.join(fields)})\}})+$"
        },
    )


def render(template: str, fields: Mapping[str, str]) -> str:
    """A template that was checked, with the text of each field in its place. What a field holds is not read again."""
    return _TOKEN.sub(lambda token: token[0][0] if (field := token["field"]) is None else fields[field], template)


def check(written: str, fields: Sequence[str]) -> str:
    """The template, if it has no fields but these, no stray brace and no trailer.

    Raises:
        ValueError: it has; the error has the message and the next step.
    """
    if _TRAILER in written:
        raise invalid(f"has `{_TRAILER}`, which starts the trailers that the bot writes", "choose another wording")
    for token in _TOKEN.finditer(written):
        field = token["field"]
        if token["stray"]:
            raise invalid(f"has a `{token['stray']}` that does not belong to a field", "write `{{` and `}}` for braces")
        if field is not None and field not in fields:
            close = nearest(field, fields)
            advice = f"did you mean `{{{close}}}`?" if close else f"known here: {shown(fields)}; `{{{{` is a brace"
            raise invalid(f"has no field {quoted(f'{{{field}}}')}", advice)
    return written
