"""Changing the pairs of a YAML file's mappings, as splices of the text that they were composed from; proved.

What stands between the pairs stays: comments, blank lines, the order and the indentation. A comment behind a removed
pair on its line goes with it. Where a pair cannot be removed without taking or moving anything else, it is refused.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ruamel.yaml.nodes import ScalarNode, SequenceNode

from gitops_bot.errors import EditError
from gitops_bot.targets import document, proof, writing
from gitops_bot.targets.nodes import item, pairs
from gitops_bot.targets.writing import Splice, apply, break_at, break_before, line_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import MappingNode

    from gitops_bot.targets.document import Block, Document
    from gitops_bot.targets.nodes import KeyAndValue

#: What may stand behind a value on its line, and between two pairs in braces.
_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_COMMA = re.compile(r"\s*,\s*")


@dataclass(frozen=True, slots=True)
class MappingEdit:
    """What becomes of one mapping or list: the text of each of these keys, None for one that goes with its value.

    `behind` says for each new key which present one it follows.
    """

    mapping: MappingNode | SequenceNode
    texts: dict[str, str | None] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)


#: The changes of a file: in each of the texts inside of it, and outside of them.
Changes: TypeAlias = "Mapping[Block | None, Sequence[MappingEdit]]"


def apply_changes(before: Document, changes: Changes) -> bytes:
    """The bytes of a file with these changes, proved to differ in nothing else.

    Raises:
        EditError: a change cannot be made without touching something else.
    """
    splices: list[Splice] = []
    blocks: dict[int, tuple[Block, str]] = {}
    for block, inside in changes.items():
        if block is not None:
            block_splices = [splice for change in inside for splice in _splices(block.document, change)]
            after = document.compose(apply(block.document.text, block_splices), before.file)
            proof.prove(block.document, after, {id(change.mapping): change.texts for change in inside})
            splices += map(block.outside, block_splices)
            blocks[id(block.node)] = block, after.text
    outside = changes.get(None, ())
    splices += (splice for change in outside for splice in _splices(before, change))
    if not splices:
        return before.text.encode()
    after = document.compose(apply(before.text, splices), before.file, several=len(before.roots) > 1)
    proof.prove(before, after, {id(change.mapping): change.texts for change in outside}, blocks=blocks)
    return after.text.encode()


def _splices(document: Document, change: MappingEdit) -> Iterator[Splice]:
    if isinstance(change.mapping, SequenceNode):
        for key, text in change.texts.items():
            yield _replacement(document, item(change.mapping, key), text or "")
        return
    present = pairs(change.mapping)
    added: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for key, text in change.texts.items():
        if text is None:
            yield _removal(document, change.mapping, present[key])
        elif key in present:
            yield _replacement(document, present[key], text)
        else:
            added[change.behind[key]][key] = text
    for key, texts in added.items():
        yield _addition(document, change.mapping, present[key], texts)


def _replacement(document: Document, pair: KeyAndValue, text: str) -> Splice:
    """Another text for one value."""
    key, value = pair
    if writing.needs_escapes(text):  # what was there stays in part: the tag beside a new digest
        message = f"{key.value} is not an image: {str(value.value)[:100]!r}"
        raise EditError(document.problem(value, message, "Correct it by hand, or give a tag as well."))
    quote = value.style if isinstance(value, ScalarNode) else None
    return Splice(value.start_mark.index, value.end_mark.index, writing.render(text, quote))


def _addition(document: Document, mapping: MappingNode, behind: KeyAndValue, texts: Mapping[str, str]) -> Splice:
    """New pairs right behind a present one: each on its own line, or after a comma in flow style."""
    written = [f"{key}: {writing.render(text)}" for key, text in texts.items()]
    at = behind.value.end_mark.index
    if mapping.flow_style:
        return Splice(at, at, "".join(f", {pair}" for pair in written))
    # In front of the line break, so that a file without a final one stays without.
    at = line_end(document.text, at)
    mark = behind.key.start_mark
    newline = break_at(document.text, at) or break_before(document.text, mark.index - mark.column) or "\n"
    return Splice(at, at, "".join(newline + " " * mark.column + pair for pair in written))


def _removal(document: Document, mapping: MappingNode, pair: KeyAndValue) -> Splice:
    """The cut that takes one pair and nothing else.

    In block style it takes the line with its comment, or behind a dash all up to the next key, which takes its place.
    """

    def refused(why: str) -> EditError:
        message = f"the stale {pair.key.value} cannot be removed cleanly: {why}"
        return EditError(document.problem(pair.key, message, "Remove it by hand, or pin a digest as well."))

    text, (start, end) = document.text, (pair.key.start_mark.index, pair.value.end_mark.index)
    if pair.key.start_mark.line != pair.value.end_mark.line:
        raise refused("its value stands on another line")
    keys = [key for key, _ in mapping.value]
    index = keys.index(pair.key)
    following = keys[index + 1].start_mark.index if index + 1 < len(keys) else None
    if mapping.flow_style:
        previous = mapping.value[index - 1][1].end_mark.index if index else None
        if previous is not None and _COMMA.fullmatch(text, previous, start):
            return Splice(previous, end, "")
        if previous is None and following is not None and _COMMA.fullmatch(text, end, following):
            return Splice(start, following, "")
        raise refused("a comment stands beside it")
    line, rest = start - pair.key.start_mark.column, line_end(text, start)
    newline = break_at(text, rest)
    if not _REST.fullmatch(text, end, rest):
        raise refused("something else stands on its line")
    end = rest + len(newline)
    if break_before(text, line) == "\r" and text.startswith("\n", end):
        raise refused("the line breaks around it would become one")
    if not text[line:start].strip(" "):
        # At the end of a file without a final line break, the line before it stays without one, too.
        return Splice(line if newline else line - len(break_before(text, line)), end, "")
    if following is not None and not text[end:following].strip(" "):
        return Splice(start, following, "")
    raise refused("it stands behind the dash, and a comment or nothing below it")
