"""Reasons not to edit a value in YAML, the same for every target."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pairs import Pair

#: What only a template holds: ${X} $X $(X) {{ x }} {% x %} <% x %> <X> %X% @X@ #{X}. None of it fits into a tag, a
#: digest or a repository name; `name` may be a regular expression, in which `$` stands last and `{` and `(` alone.
_PLACEHOLDER = re.compile(
    r"\$\{ | \$\( | \$[A-Za-z_] | \{\{ | \{% | <% | \#\{ | <[A-Za-z_][\w .:/-]*> | %[A-Za-z_]\w*% | @[A-Za-z_]\w*@",
    re.VERBOSE,
)
#: __X__ is a placeholder only where it is not a good value of its field: `__X__` is a tag like any other.
_UNDERSCORED = re.compile(r"__[A-Za-z]\w*__")


def placeholder(text: str, *, fits: bool) -> bool:
    """Whether a text holds what a template fills in; `fits`: it is a good value of its field all the same."""
    return bool(_PLACEHOLDER.search(text) or (not fits and _UNDERSCORED.search(text)))


def unclear(document: Document, field: str, pair: Pair) -> Problem | None:
    """Why the value of a field cannot be replaced, by the way in which it is written."""
    value = pair.value
    if not isinstance(value, ScalarNode):
        return document.problem(value, f"{field} is no text", f"Write one word, as in `{field}: v1.4.2`.")
    if value.style in ("|", ">"):
        return document.problem(value, f"{field} is a block of text", "Write it on the line of its key.")
    if value.start_mark.index == value.end_mark.index:
        # The marks of an empty value lie at whatever comes next, so that nothing says where it belongs.
        return document.problem(pair.key, f"{field} has no value", f'Remove the key, or write `{field}: ""`.')
    if value.start_mark.line != value.end_mark.line:
        return document.problem(value, f"{field} runs over several lines", "Write it on one line.")
    return None


def tagged(document: Document, node: Node) -> bool:
    """Whether a node has an explicit YAML tag."""
    return node.start_mark.index < node.end_mark.index and document.text[node.start_mark.index] == "!"


def shared(roots: Iterable[Node]) -> frozenset[int]:
    """The `id` of every node that an alias leads to a second time, with all that is inside."""
    counts: Counter[int] = Counter()
    waiting = [*roots]
    repeated: list[Node] = []
    while waiting:
        node = waiting.pop()
        counts[id(node)] += 1
        if counts[id(node)] == 1:
            waiting += children(node)
        elif counts[id(node)] == 2:
            repeated.append(node)
    inside: set[int] = set()
    while repeated:
        node = repeated.pop()
        if id(node) not in inside:
            inside.add(id(node))
            repeated += children(node)
    return frozenset(inside)


def children(node: Node) -> list[Node]:
    """The nodes directly inside a node: items, or keys and values."""
    if isinstance(node, MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []
