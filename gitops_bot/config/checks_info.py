"""Checks of release info against the other settings of its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_bot.config.document import Document, Path


def check(document: Document, path: Path) -> None:
    """Add a problem where the file would have to follow two images."""
    if document.at((*path, "release_info")) is not None and document.at((*path, "blue_green")) is not None:
        message = "`release_info` describes one image, and with `blue_green` two may be deployed"
        advice = "remove one of them, or list the overlays without slots as an environment of their own"
        document.report((*path, "release_info"), message, advice, at_key=True)
