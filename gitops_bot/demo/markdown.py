"""Renders Markdown for the pages, as GitHub renders what gitops-bot writes.

The text is hostile: after rendering, only harmless elements remain, without scripts, styles and images, and without
attributes except the URL of a link.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore

_ELEMENTS = frozenset({
    "a", "blockquote", "br", "code", "del", "details", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
})  # fmt: skip
_BOX = re.compile(r"\[([ xX])\] ")
_ALERT = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]")


def html(text: str) -> str:
    """Render Markdown to safe HTML."""
    import nh3

    whole = text.encode(errors="replace").decode()  # JSON allows a lone surrogate, UTF-8 does not
    return nh3.clean(
        _reader().render(whole),
        tags=set(_ELEMENTS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
    )


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    reader.core.ruler.push("github", _as_github)
    return reader


def _as_github(state: StateCore) -> None:
    """Render task-list boxes, and the name of an alert."""
    for before, token in zip(state.tokens, state.tokens[1:], strict=False):
        if before.type != "paragraph_open" or not token.children:
            continue
        first = token.children[0]
        if box := _BOX.match(first.content):
            first.content = f"{'☐' if box[1] == ' ' else '☑'} {first.content[box.end() :]}"
        elif alert := _ALERT.fullmatch(first.content):
            first.content = f"⚠ {alert[1].capitalize()}"
