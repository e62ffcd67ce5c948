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

    from gitops_bot.targets.document import Document


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
            advice = "Set it to one of them, or correct `slots` in gitops-bot.yaml."
            refusal = yaml_pins.value_refusal(parsed, selector, pair, self.slots.__contains__, advice)
            if refusal is None and pair.value.value not in self.slots:
                known, text = " and ".join(self.slots), str(pair.value.value)[:100]
                message = f"the selector {self.key} is {text!r}, which is not one of the slots {known}"
                refusal = parsed.problem(pair.value, message, advice)
            pin = Pin(str(pair.value.value) if refusal is None else None)
            entry = FileEntry(name, None, pin, *parsed.place(pair.value), refusal, choices=self.slots)
            yield Place(entry, tag=Slot(selector, self.key))

    def count(self, data: bytes) -> int:
        """It has no image."""
        del data
        return 0
