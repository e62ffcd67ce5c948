"""A Service of Kubernetes whose selector says which of two slots is live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ruamel.yaml.nodes import MappingNode

from gitops_bot.images.reference import Pin
from gitops_bot.targets import nodes, yaml_pins
from gitops_bot.targets.pin_file import FileEntry, Place
from gitops_bot.targets.yaml_pins import Slot, YamlTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.nodes import KeyAndValue


@dataclass(frozen=True, slots=True)
class SelectorTarget(YamlTarget):
    """A file with such Services; see `Target`. Only a setting tells which Service selects a slot.

    `key` is the key of the selector, and each of `slots` a value of it.
    """

    NOUN: ClassVar = "Service"

    key: str
    slots: tuple[str, ...]

    def places(self, parsed: Document) -> Iterator[Place[Slot]]:
        """The selectors of its Services; see `YamlTarget`."""
        for root in parsed.roots:
            selector = nodes.at(root, "spec", "selector")
            pair = nodes.pairs(selector).get(self.key)
            if nodes.text(root, "kind") != "Service" or not isinstance(selector, MappingNode) or pair is None:
                continue
            name = f"Service/{nodes.text(nodes.value(root, 'metadata'), 'name')}".rstrip("/")
            refusal = _refusal(parsed, selector, pair, self.slots)
            pin = Pin(str(pair.value.value) if refusal is None else None)
            entry = FileEntry(name, None, pin, *parsed.place(pair.value), refusal, choices=self.slots)
            yield Place(entry, tag=Slot(selector, self.key))

    def count(self, data: bytes) -> int:
        """It has no image."""
        del data
        return 0


def _refusal(parsed: Document, selector: Node, pair: KeyAndValue, slots: tuple[str, ...]) -> Problem | None:
    advice = "Set it to one of them, or correct `slots` in gitops-bot.yaml."
    unsafe = yaml_pins.value_refusal(parsed, selector, pair, slots.__contains__, advice)
    if unsafe is not None or pair.value.value in slots:
        return unsafe
    known, text = " and ".join(slots), str(pair.value.value)[:100]
    message = f"the selector {pair.key.value} is {text!r}, which is not one of the slots {known}"
    return parsed.problem(pair.value, message, advice)
