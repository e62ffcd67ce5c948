"""A Service of Kubernetes whose selector says which of two slots is live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from gitops_bot.targets.yaml_pins import YamlPins


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
        from gitops_bot.targets.blue_green import pins

        return pins.read(data, file, self.key, self.slots)

    def count(self, data: bytes) -> int:
        """It has no image."""
        del data
        return 0
