"""Replacing spans of a text. All positions are code points of the one text that they were found in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """`text` shall stand where `[start, end)` stands now; an empty span inserts."""

    start: int
    end: int
    text: str


def apply(text: str, splices: Iterable[Splice]) -> str:
    """The text with every splice done; at one place an insertion comes before what is cut there.

    Raises:
        ValueError: two splices overlap, or one lies outside the text.
    """
    parts: list[str] = []
    at = 0
    for splice in sorted(splices):
        if not at <= splice.start <= splice.end <= len(text):
            raise ValueError(f"the span {splice.start}:{splice.end} overlaps another one or leaves the text")
        parts += text[at : splice.start], splice.text
        at = splice.end
    return "".join((*parts, text[at:]))


def line_end(text: str, index: int) -> int:
    """Where the line of `index` ends, before its line break."""
    line_break = LINE_BREAK.search(text, index)
    return line_break.start() if line_break else len(text)


def break_at(text: str, index: int) -> str:
    """The line break that stands at `index`, or the empty string."""
    line_break = LINE_BREAK.match(text, index)
    return line_break.group() if line_break else ""


def break_before(text: str, index: int) -> str:
    """The line break that ends at `index`, or the empty string."""
    before = text[max(0, index - 2) : index]
    if before == "\r\n":
        return before
    return before[-1] if before.endswith(("\r", "\n")) else ""
