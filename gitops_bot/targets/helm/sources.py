"""Where values stand: they are the file, or a part of a resource of Argo CD or Flux."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.errors import EditError
from gitops_bot.targets import blocks, nodes
from gitops_bot.targets.image_values import Tree
from gitops_bot.targets.pairs import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document

#: The resources that hold values, at the beginning of a line.
KIND: Final = re.compile(
    rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?(?:Application|ApplicationSet|HelmRelease)\b", re.MULTILINE
)
#: What a text has that pins an image.
_PINS: Final = re.compile(r"\b(?:image|tag|digest|sha)\b")


def trees(document: Document, shared: frozenset[int]) -> Iterator[Tree]:
    """The values that a file holds, in its order; `shared` are the nodes that an alias leads to.

    Raises:
        EditError: values that stand in a text cannot be edited.
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
    for source, helm in with_values:
        own = label
        if len(with_values) > 1:
            own = nodes.text(helm, "releaseName") or nodes.text(source, "chart") or nodes.text(source, "path") or label
        parameters = nodes.items(nodes.value(helm, "parameters"))
        yield Tree(
            document,
            nodes.value(helm, "valuesObject"),
            own,
            tuple(parameter for parameter in parameters if isinstance(parameter, MappingNode)),
        )
        yield from _text(document, helm, own, shared)


def _text(document: Document, helm: Node, label: str, shared: frozenset[int]) -> Iterator[Tree]:
    """The values that stand in a text."""
    for key, value in helm.value if isinstance(helm, MappingNode) else ():
        if key.value == "values" and isinstance(value, ScalarNode) and _PINS.search(str(value.value)):
            if id(value) in shared:
                advice = (
                    "Write it out where it is meant to change: an edit here changes every place that uses the alias."
                )
                raise EditError(document.problem(value, "values is shared by an alias", advice))
            block = blocks.read(document, Pair(key, value))
            yield Tree(block.document, block.document.root, label, block=block)
