"""The images of a setting, each with the expression that finds its pin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUPS: Final = ("tag", "digest")


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """An image, and the expression of RE2 that finds its pin."""

    repository: str
    expression: str
