"""A Service of Kubernetes whose selector says which of two slots is live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ruamel.yaml.nodes import MappingNode

from gitops_bot.images.reference import Pin
from gitops_bot.targets import document, nodes, refusals
from gitops_bot.targets.pin_file import FileEntry
from gitops_bot.targets.yaml_pins import Place, Slot, YamlPins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document


@dataclass(frozen=True, slots=True)
class SelectorTarget:
    """A file with such Services; see `Target`. `key` is the key of the selector, and each of `slots` a value of it."""

    NOUN: ClassVar = "Service"
    FILE_NAMES: ClassVar = ()
    ALONE: ClassVar = False

    key: str
    slots: tuple[str, ...]

    def known_by(self, name: str) -> None:
        """Only a setting tells which Service selects a slot."""
        del name

    def read(self, data: bytes, file: str) -> YamlPins:
        """Read the selectors of its Services.

        Raises:
            EditError: the file as a whole cannot be edited; see `document.read`.
        """
        parsed = document.read(data, file, several=True)
        return YamlPins(parsed, tuple(self._places(parsed)))

    def count(self, data: bytes) -> int:
        """It has no image."""
        del data
        return 0

    def _places(self, parsed: Document) -> Iterator[Place]:
        shared = refusals.shared(parsed.roots)
        for root in parsed.roots:
            selector = nodes.at(root, "spec", "selector")
            value = nodes.value(selector, self.key)
            if nodes.text(root, "kind") != "Service" or not isinstance(selector, MappingNode) or value is None:
                continue
            slot = Slot(selector, self.key)
            text = slot.text
            name = f"Service/{nodes.text(nodes.value(root, 'metadata'), 'name')}".rstrip("/")
            mark = value.start_mark
            refusal = self._refusal(parsed, slot, shared)
            pin = Pin(text if refusal is None else None)
            yield Place(
                FileEntry(name, None, pin, mark.line + 1, mark.column + 1, refusal, choices=self.slots), tag=slot
            )

    def _refusal(self, parsed: Document, slot: Slot, shared: frozenset[int]) -> Problem | None:
        pair = slot.pair
        assert pair is not None  # noqa: S101 - it was found by its value
        field, value = f"the selector {self.key}", pair.value
        if (unclear := refusals.unclear(parsed, self.key, pair)) is not None:
            return unclear
        if refusals.tagged(parsed, value):
            return parsed.problem(value, f"{field} has an explicit YAML tag", "Remove the tag.")
        if any(id(node) in shared for node in (slot.mapping, value)):
            advice = "Write it out in the Service: an edit here changes every place that uses the alias."
            return parsed.problem(value, f"{field} is shared by an alias", advice)
        if slot.text not in self.slots:
            known = " and ".join(self.slots)
            message = f"{field} is {(slot.text or '')[:100]!r}, which is none of the slots {known}"
            return parsed.problem(value, message, "Set it to one of them, or correct `slots` in gitops-bot.yaml.")
        return None
