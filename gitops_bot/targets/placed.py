"""The values of a file with the line that each stands on, for files that are only read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets.loader import compose_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

_DEPTH: Final = 50
_TOKENS: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A value and its line, counted from 1: the text of a scalar, a mapping, or a list. What is missing is empty."""

    line: int
    text: str = ""
    pairs: Mapping[str, Placed] | None = None
    items: Sequence[Placed] = ()

    def at(self, *keys: str) -> Placed:
        """The value below these keys; an empty one on the line of the last that is there."""
        found = self
        for key in keys:
            found = (found.pairs or {}).get(key) or Placed(found.line)
        return found

    def has(self, key: str) -> bool:
        """Whether it is a mapping with this key."""
        return key in (self.pairs or {})

    @property
    def entries(self) -> Iterator[tuple[str, Placed]]:
        """The keys of a mapping with their values."""
        yield from (self.pairs or {}).items()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of a list; a single text is a list of one."""
        return tuple(item.text for item in self.items if item.text) or ((self.text,) if self.text else ())

    @property
    def empty(self) -> bool:
        """Whether nothing is there."""
        return not self.text and not self.pairs and not self.items

    @property
    def is_text(self) -> bool:
        """Whether it is neither a mapping nor a list."""
        return self.pairs is None and not self.items


def documents(text: str) -> tuple[Placed, ...] | None:
    """The documents of a YAML file; None where it cannot be read. A list of resources is its items.

    The cost is bounded: a file with more than 20,000 tokens, or nested deeper than 50, cannot be read.
    """
    try:
        roots = compose_all(text, _DEPTH, _TOKENS)
    except (YAMLError, ValueError, AssertionError, RecursionError, AttributeError, TypeError, IndexError, KeyError):
        return None
    found: list[Placed] = []
    for root in roots:
        document = _placed(root, {})
        listed = document.at("items").items if document.at("kind").text.endswith("List") else ()
        found += listed or [document]
    return tuple(found)


def _placed(node: Node, known: dict[int, Placed]) -> Placed:
    """An aliased node is converted once; one that holds itself is empty inside."""
    if id(node) in known:
        return known[id(node)]
    line = node.start_mark.line + 1
    known[id(node)] = Placed(line)
    match node:
        case MappingNode():
            pairs = {key.value: _placed(value, known) for key, value in node.value if isinstance(key, ScalarNode)}
            placed = Placed(line, pairs=pairs)
        case SequenceNode():
            placed = Placed(line, items=[_placed(item, known) for item in node.value])
        case _:
            placed = Placed(line, text=node.value)
    known[id(node)] = placed
    return placed
