"""Images that resources of Argo CD and Flux give to kustomize.

https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/ (`kustomize.images`: `name=image:tag@digest`),
https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/ (`.argocd-source.yaml`, which may have the same),
https://fluxcd.io/flux/components/kustomize/kustomizations/#images and
https://fluxcd.io/flux/components/helm/helmreleases/#kustomize-post-renderer (the fields of a kustomization)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import ScalarNode, SequenceNode

from gitops_bot.images.reference import Pin
from gitops_bot.targets import image_items, nodes
from gitops_bot.targets.nodes import item_key
from gitops_bot.targets.yaml_pins import Slot, pins_image, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pin_file import Place

#: What a file has that holds such images.
_LISTS: Final = re.compile(rb"\bkustomize\b(?s:.*)\bimages\b")
_KIND: Final = re.compile(
    rb"^[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?(?:Application|ApplicationSet|HelmRelease|Kustomization)\b", re.MULTILINE
)
#: The first key of a `.argocd-source.yaml`, and all that it may have.
_SOURCE: Final = re.compile(rb"\A(?:[ \t]*(?:#[^\n]*|---[ \t]*)?\r?\n)*(?:kustomize|helm):[ \t]*(?:#[^\n]*)?\r?\n")
_SOURCE_KEYS: Final = frozenset({"directory", "helm", "kustomize", "plugin"})


def may_be_in(data: bytes) -> bool:
    """Whether a file may have such images: it is cheap to ask."""
    return may_be_source(data) or (_KIND.search(data) is not None and _LISTS.search(data) is not None)


def may_be_source(data: bytes) -> bool:
    """Whether a file may be a `.argocd-source.yaml`: it is cheap to ask."""
    return _SOURCE.match(data) is not None


def is_source(root: Node | None) -> bool:
    """Whether that is what Argo CD lays over the source of an Application: a file has nothing else then."""
    keys = nodes.pairs(root).keys()
    inside = (nodes.at(root, "kustomize", "images"), nodes.at(root, "helm", "parameters"))
    return keys <= _SOURCE_KEYS and any(isinstance(node, SequenceNode) for node in inside)


def places(parsed: Document) -> Iterator[tuple[str, Place[Slot]]]:
    """Where such images stand, each with the name of its resource."""
    for root in parsed.roots:
        spec, label = nodes.value(root, "spec"), nodes.text(nodes.value(root, "metadata"), "name")
        match nodes.text(root, "apiVersion").partition("/")[0], nodes.text(root, "kind"):
            case "argoproj.io", "Application":
                found = _of_argo(parsed, spec)
            case "argoproj.io", "ApplicationSet":
                found = _of_argo(parsed, nodes.at(spec, "template", "spec"))
            case "", "" if is_source(root):
                found = _of_sources(parsed, [root])
            case "kustomize.toolkit.fluxcd.io", "Kustomization":
                found = _of_flux(parsed, nodes.value(spec, "images"))
            case "helm.toolkit.fluxcd.io", "HelmRelease":
                renderers = nodes.items(nodes.value(spec, "postRenderers"))
                lists = [nodes.at(renderer, "kustomize", "images") for renderer in renderers]
                found = (place for images in _apart(lists) for place in _of_flux(parsed, images))
            case _:
                continue
        yield from ((label, place) for place in found)


def _apart(lists: list[Node | None]) -> Iterator[Node]:
    """These lists, each once: what an alias leads to is refused, and looked at once."""
    yield from {id(images): images for images in lists if images is not None}.values()


def _of_argo(parsed: Document, spec: Node | None) -> Iterator[Place[Slot]]:
    return _of_sources(parsed, [nodes.value(spec, "source"), *nodes.items(nodes.value(spec, "sources"))])


def _of_sources(parsed: Document, sources: Sequence[Node | None]) -> Iterator[Place[Slot]]:
    for images in _apart([nodes.at(source, "kustomize", "images") for source in sources]):
        for index, node in enumerate(nodes.items(images)):
            if not isinstance(images, SequenceNode) or not isinstance(node, ScalarNode):
                continue
            name, replaces, image = str(node.value).rpartition("=")
            if pins_image(image):
                own = reference(parsed, name, Slot(images, item_key(index)), before=name + replaces)
                yield own if name else own.with_entry(name=own.entry.repository)


def _of_flux(parsed: Document, images: Node | None) -> Iterator[Place[Slot]]:
    anchored = images is not None and (images.anchor is not None or id(images) in parsed.shared)
    for node in nodes.items(images):
        place = image_items.entry(parsed, node, anchored=anchored)
        if place.entry.pin != Pin():
            yield place
