"""Files that no other target knows: an expression for each image, whose groups `tag` and `digest` are the pin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gitops_bot.targets.patterns.images import GROUPS, ImagePattern

if TYPE_CHECKING:
    from gitops_bot.targets.patterns.pins import PatternFile

__all__ = ["GROUPS", "ImagePattern", "PatternTarget"]


@dataclass(frozen=True, slots=True)
class PatternTarget:
    """Any text, with an expression for each image in it, by name; see `Target`."""

    NOUN: ClassVar = "file with patterns"
    FILE_NAMES: ClassVar = ()
    ALONE: ClassVar = False

    patterns: tuple[tuple[str, ImagePattern], ...]

    def known_by(self, name: str) -> None:
        """Only a setting tells that a file is one."""
        del name

    def read(self, data: bytes, file: str) -> PatternFile:
        """Find each pattern's match. What is wrong with one is in the `refusal` of its entry.

        Raises:
            EditError: the file is over 1 MiB, or not UTF-8.
        """
        from gitops_bot.targets.patterns import pins

        return pins.read(data, file, self.patterns)

    def count(self, data: bytes) -> int:
        """One entry for each expression, whatever it matches."""
        del data
        return len(self.patterns)
