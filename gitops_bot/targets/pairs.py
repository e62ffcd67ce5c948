"""Setting, adding and removing pairs of one mapping, as splices of the text that it was composed from.

What stands between the pairs stays: comments, blank lines, the order and the indentation. A comment behind a removed
pair on its line goes with it. Where a pair cannot be removed without taking or moving anything else, it is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ruamel.yaml.nodes import ScalarNode

from gitops_bot.errors import EditError
from gitops_bot.targets import scalars
from gitops_bot.targets.spans import Splice, break_at, break_before, line_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import CollectionNode, Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document

#: The text that each of these fields shall have; None where the pair shall go.
Wanted: TypeAlias = dict[str, str | None]

#: What may stand behind a value on its line, and between two pairs in braces.
_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_COMMA = re.compile(r"\s*,\s*")


class Pair(NamedTuple):
    """A key and its value as they were composed."""

    key: ScalarNode
    value: Node


def splices(
    document: Document, node: CollectionNode, present: Mapping[str, Pair], order: Sequence[str], wanted: Wanted
) -> Iterator[Splice]:
    """The splices that make the fields of one mapping as wanted.

    `present` are its pairs by the names of the fields, `order` are all fields in the order in which they are written; a
    new one comes behind one that is there.

    Raises:
        EditError: a pair cannot be removed without touching something else.
    """
    for field, text in wanted.items():
        if text is None:
            yield _removed(document, node, present[field])
        elif field in present:
            value = present[field].value
            quote = value.style if isinstance(value, ScalarNode) else None
            yield Splice(value.start_mark.index, value.end_mark.index, scalars.render(text, quote))
    staying = [field for field in order if field in present and wanted.get(field, "") is not None]
    added: dict[str, dict[str, str]] = {}
    for field, text in sorted(wanted.items(), key=lambda item: order.index(item[0])):
        if text is not None and field not in present:
            behind = [other for other in staying if order.index(other) < order.index(field)]
            added.setdefault(behind[-1], {})[field] = text
    for field, texts in added.items():
        yield _added(document, node, present[field], texts)


def _added(document: Document, node: CollectionNode, behind: Pair, texts: Mapping[str, str]) -> Splice:
    """New pairs right behind a present one: each on its own line, or after a comma in flow style."""
    written = [f"{field}: {scalars.render(text)}" for field, text in texts.items()]
    at = behind.value.end_mark.index
    if node.flow_style:
        return Splice(at, at, "".join(f", {pair}" for pair in written))
    # In front of the line break, so that a file without a final one stays without.
    at = line_end(document.text, at)
    mark = behind.key.start_mark
    newline = break_at(document.text, at) or break_before(document.text, mark.index - mark.column) or "\n"
    return Splice(at, at, "".join(newline + " " * mark.column + pair for pair in written))


def _removed(document: Document, node: CollectionNode, pair: Pair) -> Splice:
    """The cut that takes one pair and nothing else."""
    if pair.key.start_mark.line != pair.value.end_mark.line:
        raise EditError(_unremovable(document, pair, "its value stands on another line"))
    keys = [key for key, _ in node.value]
    index = keys.index(pair.key)
    following = keys[index + 1].start_mark.index if index + 1 < len(keys) else None
    if not node.flow_style:
        return _line_cut(document, pair, following)
    start, end = pair.key.start_mark.index, pair.value.end_mark.index
    previous = node.value[index - 1][1].end_mark.index if index else None
    if previous is not None and _COMMA.fullmatch(document.text, previous, start):
        return Splice(previous, end, "")
    if previous is None and following is not None and _COMMA.fullmatch(document.text, end, following):
        return Splice(start, following, "")
    raise EditError(_unremovable(document, pair, "a comment stands beside it"))


def _line_cut(document: Document, pair: Pair, following: int | None) -> Splice:
    """The whole line of a pair with its comment; behind a dash, all up to the next key, which takes its place."""
    text, start = document.text, pair.key.start_mark.index
    line, rest = start - pair.key.start_mark.column, line_end(text, start)
    newline = break_at(text, rest)
    end = rest + len(newline)
    if not _REST.fullmatch(text, pair.value.end_mark.index, rest):
        raise EditError(_unremovable(document, pair, "something else stands on its line"))
    if break_before(text, line) == "\r" and text.startswith("\n", end):
        raise EditError(_unremovable(document, pair, "the line breaks around it would become one"))
    if not text[line:start].strip(" "):
        # At the end of a file without a final line break, the line before it stays without one, too.
        return Splice(line if newline else line - len(break_before(text, line)), end, "")
    if following is not None and not text[end:following].strip(" "):
        return Splice(start, following, "")
    raise EditError(_unremovable(document, pair, "it stands behind the dash, and a comment or nothing below it"))


def _unremovable(document: Document, pair: Pair, why: str) -> Problem:
    advice = "Remove it by hand, or pin a digest as well."
    return document.problem(pair.key, f"the stale {pair.key.value} cannot be removed cleanly: {why}", advice)
