"""Composes YAML as most people write it: in block style, one key or item on a line, in a quarter of the loader's time.

The nodes are those that the loader gives. Whatever is out of the ordinary is left to it: braces, anchors, tags,
escapes, texts over several lines, several documents, other characters than those of ASCII.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from ruamel.yaml.error import FileMark
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.tag import Tag

from gitops_bot.targets.loader import RULES

#: Characters of a text, each of which makes two tokens of YAML at most.
_LONGEST: Final = 50_000
_ORDINARY: Final = re.compile(r"[ -~\n]*\Z")
#: A line: dashes, a key, and a value, which is a plain scalar or one in quotes that hold no escape. No part can share
#: spaces with the next one in several ways, so that no line takes long.
_LINE: Final = re.compile(
    r"""\ *+((?:-(?:\ ++|\Z))*)
    (?:([A-Za-z0-9_][A-Za-z0-9_./-]{0,200}):(?:\ ++|\Z))?
    (?:((?:[A-Za-z0-9_/.~$]|-(?=[^\ ]))(?:[^\ :]|:(?=[^\ ])|\ ++(?=[^\#:]))*)|("[^"\\]*+")|('[^']*+'))?
    \ *+(?:(?<!\S)\#.*)?""",
    re.VERBOSE,
)


class _Frame:
    """A collection that is not complete. `waits`: it has a key without a value, or a dash without an item."""

    __slots__ = ("column", "empty", "key", "node", "waits")

    def __init__(self, node: Any, column: int) -> None:
        self.node, self.column = node, column
        self.waits = False
        #: The key that waits, and where the item of a dash is if it is empty.
        self.key: ScalarNode | None = None
        self.empty: FileMark | None = None

    def put(self, node: Any) -> None:
        self.node.value.append(node if self.key is None else (self.key, node))
        self.waits = False

    def end_item(self, mark: FileMark) -> None:
        """What waits has no value: something else comes at `mark`."""
        if self.waits:
            where = self.empty or mark
            self.put(ScalarNode(_tag(""), "", where, where))


class _Unusual(Exception):  # noqa: N818 - never leaves this module
    """The loader has to read the text."""


def compose(text: str, depth: int) -> Any:
    """The root node of the one document; None where the loader has to read the text, be it only to refuse it."""
    if len(text) > _LONGEST or not _ORDINARY.match(text):
        return None
    frames: list[_Frame] = []
    start = number = 0
    try:
        for number, line in enumerate(text.split("\n")):
            _line(frames, line if number or line != "---" else "", start, number, depth)
            start += len(line) + 1
    except _Unusual:
        return None
    end = FileMark(None, len(text), number, len(text) - text.rfind("\n") - 1)
    for frame in reversed(frames):
        frame.end_item(end)
        frame.node.end_mark = end
    return frames[0].node if frames else None


def _line(frames: list[_Frame], line: str, start: int, number: int, depth: int) -> None:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise _Unusual

    def mark(column: int) -> FileMark:
        return FileMark(None, start + column, number, column)

    dashes, name, plain, double, single = parts.groups()
    for column in [at for at in range(*parts.span(1)) if line[at] == "-"] if dashes else ():
        frame = _frame(frames, SequenceNode, mark(column), depth)
        frame.waits, frame.empty = True, mark(column + 1)
    if name is not None:
        column, end = parts.span(2)
        frame = _frame(frames, MappingNode, mark(column), depth)
        frame.waits, frame.key = True, ScalarNode(_tag(name), name, mark(column), mark(end))
    if (written := plain or double or single) is not None:
        column, end = parts.span(parts.lastindex or 0)
        _close(frames, mark(column))
        if not frames or not frames[-1].waits or column <= frames[-1].column or len(frames) + 1 > depth:
            raise _Unusual
        if plain:
            node = ScalarNode(_tag(plain), plain, mark(column), mark(end))
        else:
            tag = BaseResolver.DEFAULT_SCALAR_TAG
            node = ScalarNode(tag, written[1:-1], mark(column), mark(end), style=written[0])
        frames[-1].put(node)


def _frame(frames: list[_Frame], kind: Any, mark: FileMark, depth: int) -> _Frame:
    """The collection that a dash or a key is of."""
    column = mark.column
    _close(frames, mark, items=kind is SequenceNode)
    top = frames[-1] if frames else None
    if top is not None and column == top.column and type(top.node) is kind:
        top.end_item(mark)
        return top
    # The dashes of a list may be in the column of its key.
    fits = top is None or (top.waits and (column > top.column or (column == top.column and kind is SequenceNode)))
    if not fits or len(frames) + 2 > depth:
        raise _Unusual
    tag = BaseResolver.DEFAULT_SEQUENCE_TAG if kind is SequenceNode else BaseResolver.DEFAULT_MAPPING_TAG
    frame = _Frame(kind(tag, [], mark, None, flow_style=False), column)
    if top is not None:
        top.put(frame.node)
    frames.append(frame)
    return frame


def _close(frames: list[_Frame], mark: FileMark, *, items: bool = True) -> None:
    """End the collections that nothing in this column is of; `items`: a list in it goes on. The outermost stays."""
    while len(frames) > 1 and (
        mark.column < frames[-1].column
        or (not items and mark.column == frames[-1].column and type(frames[-1].node) is SequenceNode)
    ):
        frame = frames.pop()
        frame.end_item(mark)
        frame.node.end_mark = mark


@lru_cache(maxsize=4096)
def _tag(text: str) -> Tag:
    """What a plain scalar is, by the rules of YAML 1.2."""
    rules = RULES[1, 2].get(text[:1], ())
    return next((Tag(suffix=tag) for tag, pattern in rules if pattern.match(text)), BaseResolver.DEFAULT_SCALAR_TAG)
