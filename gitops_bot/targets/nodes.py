"""Looking into composed nodes of YAML: by keys, by paths, and by what a value says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class KeyAndValue(NamedTuple):
    """A key and its value as they were composed."""

    key: ScalarNode
    value: Node


def pairs(node: Node | None) -> dict[str, KeyAndValue]:
    """The pairs of a mapping by their keys, where those are texts; of two with one key the last."""
    mapping = node.value if isinstance(node, MappingNode) else ()
    return {str(key.value): KeyAndValue(key, value) for key, value in mapping if isinstance(key, ScalarNode)}


def item_key(index: int) -> str:
    """What stands for the key of an item of a list, and is said of it."""
    return f"item {index + 1}"


def item(node: SequenceNode, key: str) -> KeyAndValue:
    """The item of a list that `item_key` names, as the value of that key."""
    found: Node = node.value[int(key.removeprefix("item ")) - 1]
    return KeyAndValue(ScalarNode(found.tag, key, found.start_mark, found.end_mark), found)


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
    scalar = value(node, key)
    return str(scalar.value) if isinstance(scalar, ScalarNode) else ""


def items(node: Node | None) -> Sequence[Node]:
    """The items of a list."""
    return node.value if isinstance(node, SequenceNode) else ()


def children(node: Node) -> Sequence[Node]:
    """The nodes directly inside a node: items, or keys and values."""
    return [child for pair in node.value for child in pair] if isinstance(node, MappingNode) else items(node)


def walk(roots: Iterable[Node]) -> Iterator[Node]:
    """These nodes and all that is inside, each once: an alias leads to a node that was there before."""
    seen: set[int] = set()
    waiting = [*roots]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            waiting += children(node)
            yield node
