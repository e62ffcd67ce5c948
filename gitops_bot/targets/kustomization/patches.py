"""Images in the patches that stand in a kustomization: strategic ones and those of JSON (RFC 6902).

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError
from gitops_bot.targets import document, nodes
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.nodes import KeyAndValue
from gitops_bot.targets.yaml_pins import Slot, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Block, Document
    from gitops_bot.targets.pin_file import Place

#: What a kustomization with an image in a patch has, and what such a patch has.
_PATCH: Final = re.compile(rb"^[ \t-]*[\"']?(?:patch|patchesStrategicMerge)[\"']?[ \t]*:", re.IGNORECASE | re.MULTILINE)
_IMAGE: Final = re.compile(r"\bimage\b")
#: Characters of all patches together that are read.
_LIMIT: Final = 1 << 18


def may_be_in(data: bytes) -> bool:
    """Whether a kustomization may have images in patches: it is cheap to ask."""
    return b"image" in data and _PATCH.search(data) is not None


def places(parsed: Document, listed: Iterable[str]) -> Iterator[Place[Slot]]:
    """The images in patches; `listed` are the names for which the kustomization has an image of its own, which wins."""
    above = tuple((name, parsed.file) for name in listed)
    return number(
        parsed.file, (place for pair, target in _patches(parsed) for place in _of(parsed, pair, target, above))
    )


def _patches(parsed: Document) -> Iterator[tuple[KeyAndValue, Node | None]]:
    """The texts of patches that name an image, and what each is for."""
    size = 0
    root = parsed.root
    for key, value in root.value if isinstance(root, MappingNode) else ():
        match str(key.value).casefold():
            case "patches" | "patchesjson6902":
                items = nodes.items(value)
                pairs = [(item_pairs["patch"], item) for item in items if "patch" in (item_pairs := nodes.pairs(item))]
            case "patchesstrategicmerge" if isinstance(value, SequenceNode):
                pairs = [(KeyAndValue(key, item), item) for item in value.value]
            case _:
                continue
        for pair, item in pairs:
            text = str(pair.value.value) if isinstance(pair.value, ScalarNode) else ""
            size += len(text)
            if "\n" in text and _IMAGE.search(text):
                if size > _LIMIT:
                    message = f"the patches have more than {_LIMIT:,} characters together"
                    raise EditError(parsed.problem(pair.value, message, "Move them to files of their own."))
                yield pair, nodes.value(item, "target")


def _of(
    parsed: Document, pair: KeyAndValue, target: Node | None, above: tuple[tuple[str, str], ...]
) -> Iterator[Place[Slot]]:
    """The images of one patch, all refused where no single value of its text can be replaced."""
    why, block = None, None
    try:
        block = _block(parsed, pair)
        inside = block.document
    except EditError as error:
        why = error.problem
        try:
            inside = document.compose(str(pair.value.value), parsed.file)
        except EditError:
            return  # it is no YAML, which kustomize will tell
    of = "/".join(text for key in ("kind", "name") if (text := nodes.text(target, key)))
    for place in ManifestsTarget(reads=2, above=above).places(inside, of):
        if why is not None:
            yield place.with_entry(refusal=why, line=why.line or 1, column=why.column or 1)
        elif place.entry.pin.tag or place.entry.pin.digest:
            yield replace(place, block=block)


def _block(parsed: Document, pair: KeyAndValue) -> Block:
    if id(pair.value) in parsed.shared:
        raise EditError(parsed.problem(pair.value, "the patch is shared by an alias", "Write it out."))
    return document.read_block(parsed, pair)
