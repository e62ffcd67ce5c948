"""Bytes -> text and the composed nodes of its YAML documents. Nothing is constructed, nothing is ever dumped.

The marks of the nodes count code points of the text, byte order mark and line breaks included, so that
`text[node.start_mark.index : node.end_mark.index]` is what stands in the file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain
from operator import add
from typing import TYPE_CHECKING, Final

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import loader, plain
from gitops_bot.targets.memo import Memo
from gitops_bot.targets.nodes import children, walk
from gitops_bot.targets.writing import LINE_BREAK, Splice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.nodes import KeyAndValue

SIZE_LIMIT = 1 << 20  # bytes
#: Why files cannot be composed: several targets try, and looking for the reason takes as long as reading the file.
_REFUSED: Final = Memo[Problem](8 << 20)
DEPTH_LIMIT = 100  # collections inside collections, the scalar in the innermost included
#: Tokens of YAML: keys, values, brackets, commas, dashes. 1 MiB may hold a million of them, which take 20 s to read;
#: these take 2 s. The largest of 720 files from real GitOps repositories has 4,878.
TOKEN_LIMIT = 100_000

#: Line breaks in YAML 1.1 and ordinary characters in 1.2: kustomize and newer parsers read such a file differently.
_AMBIGUOUS_BREAK = re.compile("[\x85\u2028\u2029]")

#: The bar, how the end is kept, how far the text is indented, and a comment; nothing else may stand in front.
_HEADER: Final = re.compile(r"\|(?:([-+])?([1-9])?|([1-9])([-+]))[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)")
_CONFLICT: Final = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |$)|^={7}$", re.MULTILINE)
MEND_CONFLICT: Final = "Choose one side, delete the lines with <<<<<<<, ======= and >>>>>>>, and commit."
#: How a file begins that is encrypted as a whole, and by what.
_SEALED: Final = (
    (b"\0GITCRYPT\0", "git-crypt"),
    (b"age-encryption.org/v1\n", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
)
_BEGINNING: Final = 200
_STYLES: Final = {">": "folded text (`>`)", "'": "a text in quotes", '"': "a text in quotes", None: "a plain text"}


@dataclass(frozen=True, eq=False)
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

    @cached_property
    def uses(self) -> Counter[int]:
        """In how many places each node stands, by its `id`: an alias makes it stand in two."""
        inside = (child for node in walk(self.roots) for child in children(node))
        return Counter(map(id, chain(self.roots, inside)))

    @cached_property
    def shared(self) -> frozenset[int]:
        """The `id` of every node that an alias leads to a second time, with all that is inside."""
        return frozenset(map(id, walk(node for node in walk(self.roots) if self.uses[id(node)] > 1)))

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


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A YAML text inside of a YAML file: a literal block scalar (`values: |`), with a document of its own.

    What stands in the file is the text with blanks in front of its lines. So a change of the text is the same change in
    the file, only in another place. `document` is what it holds, `node` the scalar in the file around it.
    """

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
        if header is None or old is None or header.group() != old.group() or value != _chomp(text, self.chomping):
            return False
        blanks, lines = _without_indent(raw[header.end() :], self.indent)
        full = " " * self.indent
        short = [blank for blank in blanks if blank != full]
        return "".join(lines) == text and short == [blank for blank in self.blanks if blank != full]


def read(data: bytes, file: str, *, several: bool = False) -> Document:
    """Decode and compose one document, or `several`. `file` is only what messages call it.

    Raises:
        EditError: over 1 MiB, not UTF-8, line breaks that YAML versions disagree on, unparsable, nested over 100
            deep, more than 100,000 tokens of YAML, or several documents where one is expected; with file, line and
            column.
    """
    if (why := _REFUSED.get(several, data)) is not None:
        raise EditError(replace(why, file=file))
    try:
        text = decode(data, file)
        if (root := plain.compose(text, DEPTH_LIMIT)) is not None:
            return Document(file, text, (root,))
        return compose(text, file, several=several)
    except EditError as error:
        _REFUSED.put(several, data, error.problem)
        raise


def decode(data: bytes, file: str) -> str:
    """The text of a file.

    Raises:
        EditError: over 1 MiB, encrypted as a whole, or not UTF-8.
    """
    if (by := sealed_by(data)) is not None:
        message, advice = f"the file is encrypted with {by}: no pin in it can be read", "Edit it where it is decrypted."
        raise EditError(Problem("failed.edit", message, advice, file))
    if len(data) > SIZE_LIMIT:
        raise EditError(Problem("failed.edit", f"the file is larger than 1 MiB ({len(data)} bytes)", "Split it.", file))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = place_behind(data[: error.start].decode("utf-8"))
        raise EditError(Problem("failed.edit", "the file is not UTF-8", "Save it as UTF-8.", file, *place)) from error


def sealed_by(data: bytes) -> str | None:
    """What encrypted a file as a whole, so that nobody without the key can read it: git-crypt or age."""
    beginning = data[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((by for mark, by in _SEALED if beginning.startswith(mark)), None)


def conflict_marker(text: str) -> int | None:
    """The line, counted from 1, of the first mark that `git merge` leaves where both sides changed a file."""
    mark = _CONFLICT.search(text.replace("\r\n", "\n").replace("\r", "\n"))
    return None if mark is None else mark.string.count("\n", 0, mark.start()) + 1


def compose(
    text: str, file: str, *, several: bool = False, origin: tuple[int, int] = (0, 0), around: str = ""
) -> Document:
    """Compose one document from text, or `several`; raises as `read`. `origin` and `around`: see `Document`."""
    if ambiguous := _AMBIGUOUS_BREAK.search(text):
        message = f"U+{ord(ambiguous.group()):04X} is a line break in YAML 1.1 and none in YAML 1.2"
        advice = "Remove the character: kustomize may read this file differently from other programs."
        raise EditError(Problem("failed.edit", message, advice, file, *place_behind(text[: ambiguous.start()])))
    try:
        roots = loader.compose(text, DEPTH_LIMIT, TOKEN_LIMIT, several=several)
    except YAMLError as error:
        raise EditError(_unparsable(error, text, file, origin)) from error
    return Document(file, text, tuple(roots), origin, around)


def read_block(document: Document, pair: KeyAndValue) -> Block:
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
    first = next((line for line in LINE_BREAK.split(raw) if line.strip(" ")), "")
    digit, chomping = header[2] or header[3], header[1] or header[4] or ""
    indent = pair.key.start_mark.column + int(digit) if digit else len(first) - len(first.lstrip(" "))
    blanks, lines = _without_indent(raw, indent)
    text = "".join(lines)
    if _chomp(text, chomping) != node.value:
        message = f"the lines of {field} cannot be told apart from their indentation"
        raise EditError(document.problem(node, message, "Indent all of its lines by the same blanks."))
    line = node.start_mark.line + 1
    inside = compose(text, document.file, origin=(line, indent), around=document.raw(node))
    starts = tuple(accumulate((len(line) for line in lines[:-1]), initial=0))
    places = (header.end() + start + gone for start, gone in zip(starts, accumulate(map(len, blanks)), strict=False))
    return Block(node, inside, chomping, indent, tuple(blanks), starts, tuple(places))


def _unparsable(error: YAMLError, text: str, file: str, origin: tuple[int, int]) -> Problem:
    if (line := conflict_marker(text)) is not None:
        line += origin[0]
        return Problem("failed.edit", f"line {line} is a conflict marker", MEND_CONFLICT, file, line, 1)
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
            place = place_behind(text[: text.index(chr(error.character))])
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
    return Problem("failed.edit", message, advice, file, *(map(add, place, origin) if place else ()))


def place_behind(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows `before`."""
    lines = re.split("\r\n|\r|\n", before.removeprefix("\ufeff"))
    return len(lines), len(lines[-1]) + 1


def _without_indent(raw: str, indent: int) -> tuple[Sequence[str], Sequence[str]]:
    """The lines with their line breaks, and the blanks that stood in front of each."""
    ends = [line_break.end() for line_break in LINE_BREAK.finditer(raw)]
    lines = [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]
    if not lines[-1]:
        lines.pop()  # behind the last line break
    blanks = [line[: min(indent, len(line) - len(line.lstrip(" ")))] for line in lines]
    return blanks, [line[len(blank) :] for line, blank in zip(lines, blanks, strict=True)]


def _chomp(text: str, chomping: str) -> str:
    """The value of a block scalar with these lines."""
    value = LINE_BREAK.sub("\n", text)
    if chomping == "+":
        return value
    stripped = value.rstrip("\n")
    return stripped + "\n" if value.endswith("\n") and stripped and not chomping else stripped
