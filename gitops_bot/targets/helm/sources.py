"""Where values stand: they are the file, or a part of a resource of Argo CD or Flux."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode

from gitops_bot.errors import EditError
from gitops_bot.targets import blocks, nodes
from gitops_bot.targets import document as documents
from gitops_bot.targets.image_values import Tree
from gitops_bot.targets.nodes import Pair
from gitops_bot.targets.yaml_pins import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document

#: The resources that hold values, at the beginning of a line.
KIND: Final = re.compile(
    rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?(?:Application|ApplicationSet|HelmRelease)\b", re.MULTILINE
)
#: Characters of all texts with values together: each of them is read with a bound of its own.
TEXT_LIMIT: Final = 1 << 18
PARAMETER_LIMIT: Final = 1_000
#: What a text has that pins an image.
_PINS: Final = re.compile(r"\b(?:image|tag|digest|sha)\b")


def trees(document: Document, shared: frozenset[int]) -> Iterator[Tree]:
    """The values that a file holds, in its order; `shared` are the nodes that an alias leads to.

    Raises:
        EditError: there is more of it than is read.
    """
    for root in document.roots:
        if not nodes.text(root, "apiVersion") or not nodes.text(root, "kind"):
            yield Tree(document, root)
            continue
        label = nodes.text(nodes.value(root, "metadata"), "name")
        match nodes.text(root, "kind"):
            case "HelmRelease":
                yield Tree(document, nodes.at(root, "spec", "values"), label)
            case "Application":
                yield from _application(document, nodes.value(root, "spec"), label, shared)
            case "ApplicationSet":
                yield from _application(document, nodes.at(root, "spec", "template", "spec"), label, shared)


def _application(document: Document, spec: Node | None, label: str, shared: frozenset[int]) -> Iterator[Tree]:
    sources = [nodes.value(spec, "source"), *nodes.items(nodes.value(spec, "sources"))]
    with_values = [(source, helm) for source in sources if (helm := nodes.value(source, "helm")) is not None]
    seen: set[int] = set()
    size = 0
    for source, helm in with_values:
        own = label
        if len(with_values) > 1:
            own = nodes.text(helm, "releaseName") or nodes.text(source, "chart") or nodes.text(source, "path") or label
        # What an alias leads to is refused, and looked at once.
        values, parameters = (
            node if node is not None and id(node) not in seen else None
            for node in (nodes.value(helm, "valuesObject"), nodes.value(helm, "parameters"))
        )
        seen |= {id(values), id(parameters)}
        yield Tree(document, values, own, _parameters(document, parameters))
        text = nodes.text(helm, "values")
        size += len(text)
        if _PINS.search(text):
            if size > TEXT_LIMIT:
                message = f"the texts with values have more than {TEXT_LIMIT:,} characters together"
                raise EditError(document.problem(helm, message, "Split the file."))
            yield _text(document, helm, own, shared)


def _parameters(document: Document, node: Node | None) -> Mapping[str, Slot]:
    items = nodes.items(node)
    if len(items) > PARAMETER_LIMIT:
        message = f"there are more than {PARAMETER_LIMIT:,} parameters"
        raise EditError(document.problem(items[0], message, "Write them as values."))
    pairs = [(nodes.text(item, "name"), Slot(item, "value")) for item in items if isinstance(item, MappingNode)]
    return {name: slot for name, slot in pairs if name and slot.pair is not None}


def _text(document: Document, helm: Node, label: str, shared: frozenset[int]) -> Tree:
    """The values that stand in a text; where no single one of them can be replaced, they are read and refused."""
    key, value = next((key, value) for key, value in helm.value if key.value == "values")
    if id(value) in shared:
        advice = "Write it out where it is meant to change: an edit here would change every use of the alias."
        why = document.problem(value, "values is shared by an alias", advice)
        return _refused(document, str(value.value), label, why)
    try:
        block = blocks.read(document, Pair(key, value))
    except EditError as error:
        return _refused(document, str(value.value), label, error.problem)
    return Tree(block.document, block.document.root, label, block=block)


def _refused(document: Document, text: str, label: str, why: Problem) -> Tree:
    try:
        inside = documents.compose(text, document.file)
    except EditError:
        return Tree(document, None, label, refusal=why)
    return Tree(inside, inside.root, label, refusal=why if inside.root is not None else None)
