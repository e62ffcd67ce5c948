"""A composed file as one short text: its trees of nodes take fifteen times the memory, and a run reads thousands.

What an edit and its proof need is unpacked from it, so that no file has to be composed a second time for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from ruamel.yaml.error import FileMark
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

from gitops_bot.targets.nodes import children, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ruamel.yaml.nodes import CollectionNode, Node

_SCALAR, _SEQUENCE, _MAPPING = range(3)
#: Tags by their numbers in the text; any other is written out.
_TAGS: Final = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq", "int", "bool", "null", "float"))
_NUMBERS: Final = {tag: number for number, tag in enumerate(_TAGS)}


def pack(roots: Sequence[Node]) -> tuple[list[Any], dict[int, int]]:
    """These trees as a value for JSON, and the number in it of each node, by its `id`."""
    nodes = list(walk(roots))
    numbers = {id(node): number for number, node in enumerate(nodes)}
    packed: list[Any] = [[numbers[id(root)] for root in roots]]
    for node in nodes:
        start, end, tag = node.start_mark, node.end_mark, str(node.ctag)
        if isinstance(node, ScalarNode):
            what = (_SCALAR, node.value, node.style)
        else:
            kind = _SEQUENCE if isinstance(node, SequenceNode) else _MAPPING
            what = (kind, [numbers[id(child)] for child in children(node)], cast("CollectionNode", node).flow_style)
        marks = (start.index, start.line, start.column, end.index, end.line, end.column)
        packed.append((*what, _NUMBERS.get(tag, tag), node.anchor, *marks))
    return packed, numbers


def unpack(packed: Sequence[Any]) -> tuple[tuple[Node, ...], list[Node]]:
    """The roots that were packed, and every node at its number."""
    roots, *records = packed
    nodes = [_node(*record) for record in records]
    for node, (kind, value, *_) in zip(nodes, records, strict=True):
        if kind != _SCALAR:
            inside = [nodes[number] for number in value]
            node.value = inside if kind == _SEQUENCE else list(zip(inside[::2], inside[1::2], strict=True))
    return tuple(nodes[number] for number in roots), nodes


def _node(kind: int, value: Any, style: Any, tag: int | str, anchor: str | None, *marks: int) -> Node:
    # ruamel.yaml decodes the escapes of a tag.
    known = Tag(suffix=_TAGS[tag] if isinstance(tag, int) else tag.replace("%", "%25"))
    start, end = FileMark(None, *marks[:3]), FileMark(None, *marks[3:])
    if kind == _SCALAR:
        return ScalarNode(known, value, start, end, style=style, anchor=anchor)
    collection = SequenceNode if kind == _SEQUENCE else MappingNode
    return collection(known, [], start, end, flow_style=style, anchor=anchor)
