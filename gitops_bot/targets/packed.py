"""A composed file as one short text: its trees of nodes take fifteen times the memory, and a run reads thousands.

What an edit and its proof need is unpacked from it, so that no file has to be composed a second time for them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, cast

from ruamel.yaml.error import FileMark
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

from gitops_bot.targets.nodes import children, walk
from gitops_bot.targets.writing import LINE_BREAK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ruamel.yaml.nodes import CollectionNode, Node

_SCALAR, _SEQUENCE, _MAPPING = range(3)
_KINDS: Final = (ScalarNode, SequenceNode, MappingNode)
#: Tags by their numbers in the text; any other is written out.
_TAGS: Final = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq", "int", "bool", "null", "float"))
_NUMBERS: Final = {tag: number for number, tag in enumerate(_TAGS)}


def pack(roots: Sequence[Node]) -> tuple[list[Any], dict[int, int]]:
    """These trees as a value for JSON, and the number in it of each node, by its `id`."""
    nodes = list(walk(roots))
    numbers = {id(node): number for number, node in enumerate(nodes)}
    packed: list[Any] = [[numbers[id(root)] for root in roots]]
    for node in nodes:
        tag = str(node.ctag)
        if isinstance(node, ScalarNode):
            what = (_SCALAR, node.value, node.style or 0)
        else:
            kind = _SEQUENCE if isinstance(node, SequenceNode) else _MAPPING
            what = (
                kind,
                [numbers[id(child)] for child in children(node)],
                int(cast("CollectionNode", node).flow_style),
            )
        record = (*what, _NUMBERS.get(tag, tag), node.start_mark.index, node.end_mark.index)
        packed.append(record if node.anchor is None else (*record, node.anchor))
    return packed, numbers


def unpack(packed: Sequence[Any], text: str) -> tuple[tuple[Node, ...], list[Node]]:
    """The roots that were packed, and every node at its number; `text` is what they were composed from."""
    roots, *records = packed
    # A byte order mark takes no column.
    lines = [int(text.startswith("\ufeff")), *(line_break.end() for line_break in LINE_BREAK.finditer(text))]

    def mark(index: int) -> FileMark:
        line = max(bisect_right(lines, index) - 1, 0)
        return FileMark(None, index, line, max(index - lines[line], 0))

    nodes: list[Node] = []
    for kind, value, style, tag, start, end, *anchor in records:
        # ruamel.yaml decodes the escapes of a tag.
        known = Tag(suffix=_TAGS[tag] if isinstance(tag, int) else tag.replace("%", "%25"))
        written = (style or None) if kind == _SCALAR else bool(style)
        nodes.append(_KINDS[kind](known, value, mark(start), mark(end), written, None, *anchor))
    for node in nodes:
        if not isinstance(node, ScalarNode):
            inside = [nodes[number] for number in node.value]
            node.value = inside if isinstance(node, SequenceNode) else list(zip(inside[::2], inside[1::2], strict=True))
    return tuple(nodes[number] for number in roots), nodes
