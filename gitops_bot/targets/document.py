"""Bytes -> text and the composed nodes of its YAML documents. Nothing is constructed, nothing is ever dumped.

The marks of the nodes count code points of the text, byte order mark and line breaks included, so that
`text[node.start_mark.index : node.end_mark.index]` is what stands in the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import loader

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

SIZE_LIMIT = 1 << 20  # bytes
DEPTH_LIMIT = 100  # collections inside collections, the scalar in the innermost included
#: Tokens of YAML: keys, values, brackets, commas, dashes. 1 MiB may hold a million of them, which take 20 s to read;
#: these take 2 s. The largest of 720 files from real GitOps repositories has 4,878.
TOKEN_LIMIT = 100_000

#: Line breaks in YAML 1.1 and ordinary characters in 1.2: kustomize and newer parsers read such a file differently.
_AMBIGUOUS_BREAK = re.compile("[\x85\u2028\u2029]")

#: What ruamel.yaml's pure parser lets escape on malformed input beside its own errors.
_ESCAPES = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One parsed file. `roots` are of its documents: none where it holds nothing but blanks and comments.

    A text inside of a file is one too: `origin` are the lines and the columns in front of it, and `around` is what
    stands in the file.
    """

    file: str
    text: str
    roots: tuple[Node, ...]
    origin: tuple[int, int] = (0, 0)
    around: str = ""

    @property
    def root(self) -> Node | None:
        """The root of the first document, or of the only one."""
        return self.roots[0] if self.roots else None

    def problem(self, node: Node, message: str, next: str = "") -> Problem:  # noqa: A002 - named as the field it fills
        """A problem with its place: where `node` starts."""
        return Problem("failed.edit", message, next, self.file, *self.place(node))

    def place(self, node: Node) -> tuple[int, int]:
        """The line and the column where `node` starts in the file, counted from 1."""
        lines, columns = self.origin
        return lines + node.start_mark.line + 1, columns + node.start_mark.column + 1

    def raw(self, node: Node) -> str:
        """What stands in the file where `node` was found, quotes included."""
        return self.text[node.start_mark.index : node.end_mark.index]


def read(data: bytes, file: str, *, several: bool = False) -> Document:
    """Decode and compose one document, or `several`. `file` is only what messages call it.

    Raises:
        EditError: over 1 MiB, not UTF-8, line breaks that YAML versions disagree on, unparsable, nested over 100
            deep, more than 100,000 tokens of YAML, or several documents where one is expected; with file, line and
            column.
    """
    return compose(decode(data, file), file, several=several)


def decode(data: bytes, file: str) -> str:
    """The text of a file.

    Raises:
        EditError: over 1 MiB, or not UTF-8.
    """
    if len(data) > SIZE_LIMIT:
        raise EditError(Problem("failed.edit", f"the file is larger than 1 MiB ({len(data)} bytes)", "Split it.", file))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place(data[: error.start].decode("utf-8"))
        raise EditError(Problem("failed.edit", "the file is not UTF-8", "Save it as UTF-8.", file, *place)) from error


def compose(
    text: str, file: str, *, several: bool = False, origin: tuple[int, int] = (0, 0), around: str = ""
) -> Document:
    """Compose one document from text, or `several`; raises as `read`. `origin` and `around`: see `Document`."""
    if ambiguous := _AMBIGUOUS_BREAK.search(text):
        message = f"U+{ord(ambiguous.group()):04X} is a line break in YAML 1.1 and none in YAML 1.2"
        advice = "Remove the character: kustomize may read this file differently from other programs."
        raise EditError(Problem("failed.edit", message, advice, file, *_place(text[: ambiguous.start()])))
    try:
        if several:
            return Document(file, text, tuple(loader.compose_all(text, DEPTH_LIMIT, TOKEN_LIMIT)), origin, around)
        root = loader.compose(text, DEPTH_LIMIT, TOKEN_LIMIT)
    except (YAMLError, *_ESCAPES) as error:
        problem = _unparsable(error, text, file)
        if problem.line is not None and problem.column is not None:
            problem = replace(problem, line=problem.line + origin[0], column=problem.column + origin[1])
        raise EditError(problem) from error
    return Document(file, text, (root,) if root is not None else (), origin, around)


def _unparsable(error: Exception, text: str, file: str) -> Problem:
    template = "{{" in text or "{%" in text
    advice = "Where it is a template, edit the template's values instead." if template else "Correct it at this place."
    place: tuple[int, int] | None = None
    match error:
        case MarkedYAMLError():
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark else None
            message = f"the file is not YAML: {': '.join(part for part in (error.context, error.problem) if part)}"
        case ReaderError():
            message = f"the file is not YAML: the character U+{error.character:04X} is not allowed"
            place = _place(text[: text.index(chr(error.character))])
        case _:
            message = "the file is not YAML: the text is malformed"
    match error:
        case MaxDepthExceededError():
            message, advice = f"the file is nested over {DEPTH_LIMIT} deep", "Flatten it."
        case loader.TooManyTokensError():
            message, advice = f"the file has more than {TOKEN_LIMIT:,} keys, values and brackets", "Split the file."
        case MarkedYAMLError(problem="but found another document"):
            message, advice = "the file holds more than one document", "Keep one document in a file that is edited."
        case _:
            pass
    return Problem("failed.edit", message, advice, file, *(place or ()))


def _place(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows `before`."""
    lines = re.split("\r\n|\r|\n", before.removeprefix("\ufeff"))
    return len(lines), len(lines[-1]) + 1
