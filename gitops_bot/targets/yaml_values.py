"""The values of a file with the line that each stands on, for files that are only read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

from gitops_bot.targets import nodes
from gitops_bot.targets.loader import compose

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
    file: str = ""

    def at(self, *keys: str) -> Placed:
        """The value below these keys; an empty one on the line of the last that is there."""
        value = self
        for key in keys:
            value = (value.pairs or {}).get(key) or Placed(value.line, file=value.file)
        return value

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
    def emptied(self) -> Placed:
        """An empty value in the same place."""
        return Placed(self.line, file=self.file)

    @property
    def is_text(self) -> bool:
        """Whether it is neither a mapping nor a list."""
        return self.pairs is None and not self.items


def documents(text: str, file: str = "") -> tuple[Placed, ...] | None:
    """The documents of a YAML file; None where it cannot be read. A list of resources is its items.

    The cost is bounded: a file with more than 20,000 tokens, or nested deeper than 50, cannot be read.
    """
    try:
        roots = compose(text, _DEPTH, _TOKENS, several=True)
    except YAMLError:
        return None
    resources: list[Placed] = []
    for root in roots:
        document = _value(root, file, {})
        listed = document.at("items").items if document.at("kind").text.endswith("List") else ()
        resources += listed or [document]
    return tuple(resources)


def _value(node: Node, file: str, known: dict[int, Placed]) -> Placed:
    """An aliased node is converted once; one that holds itself is empty inside."""
    if id(node) in known:
        return known[id(node)]
    line = node.start_mark.line + 1
    known[id(node)] = Placed(line, file=file)
    match node:
        case MappingNode():
            pairs = {key: _value(pair.value, file, known) for key, pair in nodes.pairs(node).items()}
            placed = Placed(line, pairs=pairs, file=file)
        case SequenceNode():
            placed = Placed(line, items=[_value(item, file, known) for item in node.value], file=file)
        case _:
            placed = Placed(line, text=node.value, file=file)
    known[id(node)] = placed
    return placed
