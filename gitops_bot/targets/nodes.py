"""Looking into composed nodes of YAML: by keys, by paths, and by what a value says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ruamel.yaml.nodes import Node


def value(node: Node | None, key: str) -> Node | None:
    """The value of a key, where the node is a mapping that has it."""
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def at(node: Node | None, *keys: str) -> Node | None:
    """What a path of keys leads to."""
    for key in keys:
        node = value(node, key)
    return node


def text(node: Node | None, key: str) -> str:
    """The value of a key, where it is a text; else nothing."""
    found = value(node, key)
    return str(found.value) if isinstance(found, ScalarNode) else ""


def items(node: Node | None) -> Sequence[Node]:
    """The items of a list."""
    return node.value if isinstance(node, SequenceNode) else ()
