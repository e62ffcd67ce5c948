"""Reasons not to edit a value in YAML, the same for every target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import ScalarNode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.nodes import Pair

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
        return document.problem(value, f"{field} is not a string", f"Write one word, as in `{field}: v1.4.2`.")
    if value.style in ("|", ">"):
        return document.problem(value, f"{field} is a block of text", "Write it on the line of its key.")
    if value.start_mark.index == value.end_mark.index:
        # The marks of an empty value lie at whatever comes next, so that nothing says where it belongs.
        return document.problem(pair.key, f"{field} has no value", f'Remove the key, or write `{field}: ""`.')
    if value.start_mark.line != value.end_mark.line:
        return document.problem(value, f"{field} runs over several lines", "Write it on one line.")
    return None


def unsafe(
    document: Document, mapping: Node, pair: Pair, shared: Collection[int], fits: Callable[[str], bool], advice: str
) -> Problem | None:
    """Why the value of a pair cannot be replaced without a doubt.

    `shared` are the nodes that an alias leads to (`nodes.shared`); `fits`: a text is a good value of the field, so that
    `__X__` is not a placeholder; `advice` is for one that is a template.
    """
    field, value = str(pair.key.value), pair.value
    if problem := unclear(document, field, pair):
        return problem
    if tagged(document, value):
        return document.problem(value, f"{field} has an explicit YAML tag", "Remove the tag.")
    is_shared = id(mapping) in shared or id(value) in shared
    if is_shared or value.anchor:
        why = "Write it out where it is meant to change: an edit here changes every place that uses the alias."
        return document.problem(value, f"{field} {'is shared by an alias' if is_shared else 'has an anchor'}", why)
    if sum(key.value == field for key, _ in mapping.value) > 1:
        why = "Keep one of them: most programs take the last, and some refuse the file."
        return document.problem(value, f"{field} stands there twice", why)
    text = str(value.value)
    if placeholder(text, fits=fits(text)):
        return document.problem(value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    return None


def tagged(document: Document, node: Node) -> bool:
    """Whether a node has an explicit YAML tag."""
    return node.start_mark.index < node.end_mark.index and document.text[node.start_mark.index] == "!"
