"""Files that no other target knows: expressions say where their pins stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gitops_bot.targets.patterns import file
from gitops_bot.targets.patterns.file import GROUPS, ImagePattern, PatternFile

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

    def read(self, data: bytes, file_name: str) -> PatternFile:
        """See `file.read`."""
        return file.read(data, file_name, self.patterns)

    def count(self, data: bytes) -> int:
        """One entry for each expression, whatever it matches."""
        del data
        return len(self.patterns)
