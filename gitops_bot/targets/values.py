"""The values of a YAML document as plain Python, for files that are only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets.loader import compose

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

_DEPTH: Final = 50
_TOKENS: Final = 20_000


def values(text: str) -> Any:
    """Mappings as dicts, sequences as lists, every scalar as its text; None where the text cannot be read.

    The cost is bounded: a document with more than 20,000 tokens, or nested deeper than 50, cannot be read.
    """
    try:
        root = compose(text, _DEPTH, _TOKENS)
    except (YAMLError, ValueError, AssertionError, RecursionError, AttributeError, TypeError, IndexError):
        return None
    return None if root is None else _plain(root, {})


def _plain(node: Node, known: dict[int, Any]) -> Any:
    """An aliased node is converted once, so a document that repeats aliases costs no more than its text."""
    if id(node) in known:
        return known[id(node)]
    if isinstance(node, MappingNode):
        mapping = known[id(node)] = {}
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                mapping[key.value] = _plain(value, known)
        return mapping
    if isinstance(node, SequenceNode):
        items = known[id(node)] = []
        items += (_plain(item, known) for item in node.value)
        return items
    return node.value
