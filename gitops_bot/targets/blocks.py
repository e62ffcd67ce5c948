"""A YAML text inside a YAML file: a literal block scalar (`values: |`), with a document of its own.

What stands in the file is the text with blanks in front of its lines. So a change of the text is the same change in
the file, only in another place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import ScalarNode

from gitops_bot.errors import EditError
from gitops_bot.targets import document as documents
from gitops_bot.targets.spans import LINE_BREAK, Splice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.targets.document import Document
    from gitops_bot.targets.nodes import Pair

#: The bar, how the end is kept, how far the text is indented, and a comment; nothing else may stand in front.
_HEADER: Final = re.compile(r"\|(?:([-+])?([1-9])?|([1-9])([-+]))[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)")
_STYLES: Final = {">": "folded text (`>`)", "'": "a text in quotes", '"': "a text in quotes", None: "a plain text"}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The text of a block scalar. `document` is what it holds, `node` the scalar in the file around it."""

    node: ScalarNode
    document: Document
    #: How the end of the text is kept: `-`, `+` or nothing.
    chomping: str
    indent: int
    #: The blanks in front of each line: as many as `indent`, or fewer where the line has no more.
    blanks: tuple[str, ...]
    #: Where each line starts in the text, and in the file, behind its blanks.
    lines: tuple[int, ...]
    places: tuple[int, ...]

    def outside(self, splice: Splice) -> Splice:
        """A splice of the text as a splice of the file; a line that it adds is indented like the others."""
        text = LINE_BREAK.sub(lambda line_break: line_break.group() + " " * self.indent, splice.text)
        return Splice(self._outside(splice.start), self._outside(splice.end), text)

    def _outside(self, at: int) -> int:
        line = bisect_right(self.lines, at) - 1
        return self.places[line] + at - self.lines[line]

    def holds(self, raw: str, value: str, text: str) -> bool:
        """Whether a scalar that stands as `raw` in a file is this one, with another text in it: `text`."""
        header, old = _HEADER.match(raw), _HEADER.match(self.document.around)
        if header is None or old is None or header.group() != old.group() or value != _chomped(text, self.chomping):
            return False
        blanks, lines = _without_indent(raw[header.end() :], self.indent)
        full = " " * self.indent
        short = [blank for blank in blanks if blank != full]
        return "".join(lines) == text and short == [blank for blank in self.blanks if blank != full]


def read(document: Document, pair: Pair) -> Block:
    """Read the text of a block scalar as YAML.

    Raises:
        EditError: it is not a literal block scalar, is shared or tagged, or is not YAML; where it stands in the file.
    """
    field, node = str(pair.key.value), pair.value
    if not isinstance(node, ScalarNode) or node.style != "|":
        what = _STYLES[node.style] if isinstance(node, ScalarNode) else "not a string"
        message = f"{field} is {what}, in which no single value can be replaced"
        raise EditError(document.problem(node, message, f"Write it as a block: `{field}: |`."))
    header = _HEADER.match(document.text, node.start_mark.index)
    if header is None:
        message = f"{field} has an anchor or a YAML tag"
        raise EditError(document.problem(node, message, "Remove it: an edit would change every place that uses it."))
    raw = document.text[header.end() : node.end_mark.index]
    digit, chomping = header[2] or header[3], header[1] or header[4] or ""
    indent = pair.key.start_mark.column + int(digit) if digit else _indent(raw)
    blanks, lines = _without_indent(raw, indent)
    text = "".join(lines)
    if _chomped(text, chomping) != node.value:
        message = f"the lines of {field} cannot be told apart from their indentation"
        raise EditError(document.problem(node, message, "Indent all of its lines by the same blanks."))
    line = node.start_mark.line + 1
    inside = documents.compose(text, document.file, origin=(line, indent), around=document.raw(node))
    starts = tuple(accumulate((len(line) for line in lines[:-1]), initial=0))
    places = (header.end() + start + gone for start, gone in zip(starts, accumulate(map(len, blanks)), strict=False))
    return Block(node, inside, chomping, indent, tuple(blanks), starts, tuple(places))


def _indent(raw: str) -> int:
    """How far the first line that is not blank is indented."""
    for line in LINE_BREAK.split(raw):
        if stripped := line.lstrip(" "):
            return len(line) - len(stripped)
    return 0


def _without_indent(raw: str, indent: int) -> tuple[Sequence[str], Sequence[str]]:
    """The lines with their line breaks, and the blanks that stood in front of each."""
    ends = [line_break.end() for line_break in LINE_BREAK.finditer(raw)]
    lines = [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]
    if not lines[-1]:
        lines.pop()  # behind the last line break
    blanks = [line[: min(indent, len(line) - len(line.lstrip(" ")))] for line in lines]
    return blanks, [line[len(blank) :] for line, blank in zip(lines, blanks, strict=True)]


def _chomped(text: str, chomping: str) -> str:
    """The value of a block scalar with these lines."""
    value = LINE_BREAK.sub("\n", text)
    if chomping == "+":
        return value
    stripped = value.rstrip("\n")
    return stripped + "\n" if value.endswith("\n") and stripped and not chomping else stripped
