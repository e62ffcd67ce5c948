"""A YAML text as plain values, with the line and column of each, and the problems found in it.

The parser's events are read, not its composed nodes: an alias is seen where it stands, a key that is written twice is
not lost, and no depth of nesting can exhaust the stack. Scalars keep their raw text: `1.10` as a tag is no number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml import events as yaml
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images.reason import counted
from gitops_bot.targets.document import MEND_CONFLICT, conflict_marker, place_behind

if TYPE_CHECKING:
    from collections.abc import Iterator

#: More problems are not reported: nobody fixes 200 before running it again.
MOST_PROBLEMS = 200

Kind = Literal["text", "number", "truth", "nothing", "broken"]


class Scalar(str):
    """The raw text of a scalar, and its YAML 1.2 type. `broken`: a problem was already reported for it."""

    __slots__ = ("kind",)
    kind: Kind

    @classmethod
    def of(cls, text: str, kind: Kind) -> Scalar:
        """A scalar of that kind."""
        scalar = cls(text)
        scalar.kind = kind
        return scalar


Tree = Scalar | list["Tree"] | dict[str, "Tree"]
Path = tuple[str | int, ...]


class Position(NamedTuple):
    """A line and a column, from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """The contents of a file, the place of each key and value, and the problems found so far."""

    file: str
    tree: Tree = field(default_factory=lambda: Scalar.of("", "nothing"))
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: Path, message: str, advice: str, *, at_key: bool = False) -> None:
        """Add a problem with the value at this path, or with its key."""
        self.report_at(self.key(path) if at_key else self.value(path), message, advice)

    def report_at(self, place: Position, message: str, advice: str) -> None:
        """Add a problem."""
        self.problems.append(problem(self.file, place, message, advice))

    def key(self, path: Path) -> Position:
        """The place of a key; for a list item, the item."""
        return self.keys.get(path) or self.value(path)

    def value(self, path: Path) -> Position:
        """The place of a value; for a missing one, the nearest key above it."""
        if path in self.values:
            return self.values[path]
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Position(1, 1)

    def where(self, path: Path, *, at_key: bool = False) -> tuple[str, int, int]:
        """The file, line and column of a value, or of its key."""
        place = self.key(path) if at_key else self.value(path)
        return (self.file, place.line, place.column)

    def at(self, path: Path) -> Tree | None:
        """The value at a path, or None."""
        node: Tree = self.tree
        for part in path:
            match node:
                case dict() if isinstance(part, str) and part in node:
                    node = node[part]
                case list() if isinstance(part, int) and part < len(node):
                    node = node[part]
                case _:
                    return None
        return node

    def below(self, path: tuple[str, ...]) -> Document:
        """The same document, moved to this path of an otherwise empty one."""
        tree = self.tree
        for key in reversed(path):
            tree = {key: tree}
        keys = {(*path, *inner): place for inner, place in self.keys.items()}
        values = {(*path, *inner): place for inner, place in self.values.items()}
        return Document(self.file, tree, keys, values, self.problems)

    def error(self) -> ConfigError:
        """Every problem once, in the order of the file."""
        ordered = sorted(dict.fromkeys(self.problems), key=lambda problem: (problem.line or 0, problem.column or 0))
        if len(ordered) > MOST_PROBLEMS:
            more = f"and at least {counted(len(ordered) - MOST_PROBLEMS, 'more problem')}"
            ordered[MOST_PROBLEMS:] = [Problem("failed.config", more, "correct these first", self.file)]
        return ConfigError(*ordered)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document, at a path. It iterates over the keys if it is a mapping."""

    document: Document
    path: Path = ()

    @property
    def value(self) -> Tree | None:
        """The value, if there is one."""
        return self.document.at(self.path)

    @property
    def word(self) -> Scalar | None:
        """The value if it is text; other values are reported elsewhere."""
        value = self.value
        return value if isinstance(value, Scalar) and value.kind in ("text", "number") else None

    def __iter__(self) -> Iterator[str]:
        value = self.value
        return iter(value if isinstance(value, dict) else ())

    def __getitem__(self, key: str) -> Tree | None:
        return self.below(key).value

    def below(self, *keys: str | int) -> Section:
        """The section at these keys."""
        return Section(self.document, (*self.path, *keys))

    def values(self) -> list[Section]:
        """The values of a mapping."""
        return [self.below(key) for key in self]

    def items(self) -> list[Section]:
        """The items of a list."""
        value = self.value
        return [self.below(at) for at in range(len(value))] if isinstance(value, list) else []

    def report(self, message: str, advice: str, *, at_key: bool = True) -> None:
        """Add a problem with it, at its key or at its value."""
        self.document.report(self.path, message, advice, at_key=at_key)


def problem(file: str, place: Position, message: str, advice: str) -> Problem:
    """A problem of the configuration."""
    return Problem("failed.config", message, advice, file, place.line, place.column)


MOST_BYTES = 1 << 20
MOST_DEPTH = 20
#: Keys, values, starts and ends of lists and mappings. A registry, an image or a hold takes about ten.
MOST_EVENTS = 50_000
# YAML 1.2 core schema, https://yaml.org/spec/1.2.2/#103-core-schema
_NOTHING = ("", "~", "null", "Null", "NULL")
_TRUTH = ("true", "True", "TRUE", "false", "False", "FALSE")
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


def parse(text: str, file: str) -> Document:
    """The one document of a YAML text; lone surrogates stand for bytes that are not UTF-8.

    Raises:
        ConfigError: the text is too long, has more than 50,000 keys and values, is no YAML, or more than one document.
    """
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise ConfigError(problem(file, Position(1, 1), "the file is over 1 MiB", "check that this is the right file"))
    document = Document(file)
    text = text.removeprefix("\ufeff")
    try:
        events = _limit(YAML(typ="safe", pure=True).parse(text), file)
        for event in events:
            match event:
                case yaml.DocumentStartEvent() if () in document.values:
                    document.report_at(_place(event), "a second document starts here", "keep one document in the file")
                    break
                case yaml.AliasEvent() | yaml.ScalarEvent() | yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    document.values[()] = _place(event)
                    document.tree = _node(document, events, event, ())
    except ReaderError as error:
        told = _NO_TEXT if 0xDC80 <= ord(text[error.position]) <= 0xDCFF else _NO_CHARACTER
        raise ConfigError(problem(file, Position(*place_behind(text[: error.position])), *told)) from None
    except MarkedYAMLError as error:
        if (line := conflict_marker(text)) is not None:
            place, told = Position(line, 1), (f"line {line} is a conflict marker", MEND_CONFLICT)
        else:
            mark = error.problem_mark or error.context_mark
            place = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
            said = str(error.problem or error.context or "")
            # Without what it quotes of the file, which may be a key that was named by mistake.
            other = f"this is not YAML: {_QUOTED.sub('', said)[:200]}", "check this line and the one above it"
            told = next((known for part, known in _SYNTAX.items() if part in said), other)
        raise ConfigError(problem(file, place, *told)) from None
    except (YAMLError, ValueError, OverflowError):
        # An escape such as "\UFFFFFFFF" or a directive such as `%YAML x`, for which the parser gives no position.
        advice = "look for an escape sequence or a `%` line that YAML does not know"
        raise ConfigError(problem(file, Position(1, 1), "the file is not YAML", advice)) from None
    return document


def _limit(events: Iterator[yaml.Event], file: str) -> Iterator[yaml.Event]:
    """The parser's events up to a bound: each takes some 30 microseconds, and 1 MiB of `[],[],...` would take 15 s."""
    for number, event in enumerate(events):
        if number >= MOST_EVENTS:
            message = f"the file has more than {MOST_EVENTS:,} keys and values"
            raise ConfigError(problem(file, _place(event), message, "check that this is the right file"))
        yield event


_NO_TEXT = "this is not UTF-8", "save the file as UTF-8"
_NO_CHARACTER = "YAML does not allow this character", "remove it, or write it as an escape within double quotes"
_QUOTED = re.compile(r""" (['"])[^<].+\1""")
_QUOTE = 'put text that begins with `*` or `&` in quotes, as in "*/overlays/staging"'
_BLOCK = "`>` and `|` begin a block of text in YAML", 'put a range in quotes, as in `semver: ">=1.0 <2"`'
#: The parser's message -> what it usually means, and what to do.
_SYNTAX = {
    "found character '\\t'": ("there is a tab where YAML needs spaces", "indent with spaces"),
    "mapping values are not allowed": (
        "a second `: ` on one line, or a line that is indented too far",
        "put text with `: ` in quotes, and start keys of one level in the same column",
    ),
    "could not find expected ':'": ("a key without `:`", "write it as `key: value`"),
    "found unexpected end of stream": ("a quote is opened and never closed", "close the quote"),
    "cannot start any token": ("a value starts with a character that has another meaning in YAML", "put it in quotes"),
    "expected alphabetic or numeric character": ("`*` and `&` begin an alias or an anchor in YAML", _QUOTE),
    "expected chomping or indentation indicators": _BLOCK,
    "expected a comment or a line break": _BLOCK,
    "expected ',' or ']'": ("a list `[...]` is not closed, or a comma is missing", "close it with `]`"),
    "expected ',' or '}'": ("a mapping `{...}` is not closed, or a comma is missing", "close it with `}`"),
    "expected <block end>": ("this line's indentation matches nothing above it", "align it with the keys around it"),
}


def _place(event: yaml.Event) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _node(document: Document, events: Iterator[yaml.Event], event: yaml.Event, path: Path) -> Tree:
    if len(path) > MOST_DEPTH:
        advice = "no setting is nested that deep"
        raise ConfigError(problem(document.file, _place(event), "this is nested too deep", advice))
    if not isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent):
        advice = f"{_QUOTE}; replace an alias by its value (share policies under `policies`)"
        document.report_at(_place(event), "`*` starts a YAML alias, and aliases are not allowed here", advice)
        return Scalar.of("", "broken")
    # A YAML tag that changes the type of its value: no setting needs one.
    known = ("str",) if isinstance(event, yaml.ScalarEvent) else ("map", "seq")
    tagged = event.tag is not None and event.tag not in ("!", *(f"tag:yaml.org,2002:{kind}" for kind in known))
    if tagged:
        document.report_at(_place(event), "YAML tags are not allowed here", "remove the `!...`")
    match event:
        case yaml.ScalarEvent():
            plain = event.tag is None and event.style is None
            return Scalar.of(event.value, "broken" if tagged else kind_of(event.value) if plain else "text")
        case yaml.MappingStartEvent():
            return _mapping(document, events, path)
    items: list[Tree] = []
    for item in events:
        if isinstance(item, yaml.SequenceEndEvent):
            break
        item_path = (*path, len(items))
        document.values[item_path] = _place(item)
        items.append(_node(document, events, item, item_path))
    return items


def kind_of(text: str) -> Kind:
    """What YAML 1.2 makes of a text without quotes."""
    if text in _NOTHING:
        return "nothing"
    if text in _TRUTH:
        return "truth"
    return "number" if _NUMBER.fullmatch(text) else "text"


def _mapping(document: Document, events: Iterator[yaml.Event], path: Path) -> dict[str, Tree]:
    pairs: dict[str, Tree] = {}
    aside = Document(document.file)  # takes in what is refused by its key
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        place = _place(event)
        if not isinstance(event, yaml.ScalarEvent):
            document.report_at(place, "a key must be plain text", "write it as `key: value`")
            _node(aside, events, event, (*path, ""))
            _node(aside, events, next(events), (*path, ""))
            continue
        key, value = str(event.value), next(events)
        key_path = (*path, key)
        if key == "<<" and event.style is None:
            document.report_at(place, "merge keys are not allowed here", "write the keys out")
            _node(aside, events, value, key_path)
        elif key_path in document.keys:
            message = f"{key[:60]!r} is given twice; the first is on line {document.keys[key_path].line}"
            document.report_at(place, message, "keep one of the two")
            _node(aside, events, value, key_path)
        else:
            # For the parser, an empty value starts where the next token is.
            empty = isinstance(value, yaml.ScalarEvent) and value.style is None and not value.value
            document.keys[key_path], document.values[key_path] = place, place if empty else _place(value)
            pairs[key] = _node(document, events, value, key_path)
    return pairs
