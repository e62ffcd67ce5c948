"""Values of Helm charts: in files of their own, and in resources of Argo CD and Flux."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from ruamel.yaml.nodes import MappingNode

from gitops_bot.errors import EditError
from gitops_bot.targets import document, nodes
from gitops_bot.targets.helm.values import Tree, name_all
from gitops_bot.targets.nodes import Pair
from gitops_bot.targets.pin_file import Target
from gitops_bot.targets.yaml_pins import Slot, YamlPins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.helm.values import ImagePaths

#: What a chart has beside its values.
CHART: Final = "Chart.yaml"

#: A tag, a digest, and the repository of which they may be a part.
_TAG, _DIGEST, _REPOSITORY = (
    re.compile(rb"(?:^|[{, \t])[\"']?(?:%b)[\"']?[ \t]*:[ \t]*[\"']?[A-Za-z0-9/]" % key, re.MULTILINE)
    for key in (b"tag", b"digest|sha", b"repository")
)
#: A text with all of an image.
_IMAGE: Final = re.compile(
    rb"^[ \t-]*[\"']?image[\"']?[ \t]*:[ \t]*[\"']?[A-Za-z0-9][\w./:-]*[:@][\w]", re.MULTILINE | re.ASCII
)
_PARAMETER: Final = re.compile(rb"name[\"']?:[ \t]*[\"']?[\w.-]*(?:tag|image)[\"']?[ \t\r]*[,\n]", re.ASCII)
#: What resources have at the top, and what starts a list or stands in braces.
_RESOURCE: Final = re.compile(
    rb"\A(?:[ \t]*+(?:#[^\n]*+)?+\n)*+[ \t]*+[{\[-](?!--)|^[\"']?apiVersion[\"']?[ \t]*:", re.MULTILINE
)
#: The keys at the top of other files with images in one text: of compose, and of pipelines.
_OTHER: Final = re.compile(rb"^[\"']?(?:services|jobs|stages|steps|pipeline|runs|on)[\"']?[ \t]*:", re.MULTILINE)
#: The resources that hold values, at the beginning of a line.
_KIND: Final = re.compile(
    rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?(?:Application|ApplicationSet|HelmRelease)\b", re.MULTILINE
)
#: Characters of all texts with values together: each of them is read with a bound of its own.
_TEXT_LIMIT: Final = 1 << 18
_PARAMETER_LIMIT: Final = 1_000
#: What a text has that pins an image.
_PINS: Final = re.compile(r"\b(?:image|tag|digest|sha)\b")


@dataclass(frozen=True, slots=True)
class HelmTarget(Target):
    """A file with values of Helm; see `Target`. `images` are the ones to look for, by their names."""

    NOUN: ClassVar = "values file"
    FILE_NAMES: ClassVar = ("values.yaml",)
    #: As in `values-production.yaml` and `web.values.yml`.
    NAMES: ClassVar = re.compile(
        r"(?:.*values|(?:.*[-_.])?values(?:[-_.].*)?)\.ya?ml", re.IGNORECASE | re.ASCII | re.DOTALL
    )
    POSSIBLE_NAMES: ClassVar = re.compile(r".*\.ya?ml", re.DOTALL)
    CUT: ClassVar = "pins"

    images: tuple[tuple[str, ImagePaths], ...] = ()

    def read(self, data: bytes, file: str) -> YamlPins:
        """Read the images in its values; see `Target`."""
        parsed = document.read(data, file, several=True)
        trees = ((tree, tree.places(self.images)) for tree in _trees(parsed))
        return YamlPins(file, tuple(name_all(file, trees)), parsed)

    def count(self, data: bytes) -> int:
        """How many lines look like pins in values."""
        pinned = len(_TAG.findall(data)) or len(_DIGEST.findall(data))
        if _KIND.search(data):
            return pinned + len(_IMAGE.findall(data)) + len(_PARAMETER.findall(data))
        if _RESOURCE.search(data):
            return 0
        if not _REPOSITORY.search(data):
            pinned = 0
        return pinned if pinned or _OTHER.search(data) else len(_IMAGE.findall(data))


def _trees(parsed: Document) -> Iterator[Tree]:
    """The values that a file holds, in its order.

    Raises:
        EditError: there is more of it than is read.
    """
    for root in parsed.roots:
        if not nodes.text(root, "apiVersion") or not nodes.text(root, "kind"):
            yield Tree(parsed, root)
            continue
        label = nodes.text(nodes.value(root, "metadata"), "name")
        match nodes.text(root, "kind"):
            case "HelmRelease":
                yield Tree(parsed, nodes.at(root, "spec", "values"), label)
            case "Application":
                yield from _application(parsed, nodes.value(root, "spec"), label)
            case "ApplicationSet":
                yield from _application(parsed, nodes.at(root, "spec", "template", "spec"), label)


def _application(parsed: Document, spec: Node | None, label: str) -> Iterator[Tree]:
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
        yield Tree(parsed, values, own, _parameters(parsed, parameters))
        text = nodes.text(helm, "values")
        size += len(text)
        if _PINS.search(text):
            if size > _TEXT_LIMIT:
                message = f"the texts with values have more than {_TEXT_LIMIT:,} characters together"
                raise EditError(parsed.problem(helm, message, "Split the file."))
            yield _text(parsed, helm, own)


def _parameters(parsed: Document, node: Node | None) -> Mapping[str, Slot]:
    items = nodes.items(node)
    if len(items) > _PARAMETER_LIMIT:
        message = f"there are more than {_PARAMETER_LIMIT:,} parameters"
        raise EditError(parsed.problem(items[0], message, "Write them as values."))
    pairs = [(nodes.text(item, "name"), Slot(item, "value")) for item in items if isinstance(item, MappingNode)]
    return {name: slot for name, slot in pairs if name and slot.pair is not None}


def _text(parsed: Document, helm: Node, label: str) -> Tree:
    """The values that stand in a text; where no single one of them can be replaced, they are read and refused."""
    key, value = next((key, value) for key, value in helm.value if key.value == "values")
    if id(value) in parsed.shared:
        advice = "Write it out where it is meant to change: an edit here would change every use of the alias."
        why = parsed.problem(value, "values is shared by an alias", advice)
        return _refuse(parsed, str(value.value), label, why)
    try:
        block = document.read_block(parsed, Pair(key, value))
    except EditError as error:
        return _refuse(parsed, str(value.value), label, error.problem)
    return Tree(block.document, block.document.root, label, block=block)


def _refuse(parsed: Document, text: str, label: str, why: Problem) -> Tree:
    try:
        inside = document.compose(text, parsed.file)
    except EditError:
        return Tree(parsed, None, label, refusal=why)
    return Tree(inside, inside.root, label, refusal=why if inside.root is not None else None)
