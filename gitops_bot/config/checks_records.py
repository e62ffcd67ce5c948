"""Checks for contradictions in what is recorded of releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.config.document import Document, Path


def check(document: Document, environments: Iterable[str]) -> None:
    """Add a problem where artifacts are to be recorded, and nothing is."""
    paths: list[Path] = [("environments", name) for name in environments]
    records = document.at(("records",)) not in (None, "none")
    own = [document.at((*path, "records")) for path in paths]
    anywhere = any(word not in (None, "none") or (word is None and records) for word in own)
    _report(document, (), recorded=anywhere)
    for path, word in zip(paths, own, strict=True):
        _report(document, path, recorded=records if word is None else word != "none")


def _report(document: Document, path: Path, *, recorded: bool) -> None:
    key = (*path, "artifact_metadata")
    if str(document.at(key)) == "true" and not recorded:
        message = "`artifact_metadata` belongs to the deployments that `records` asks for"
        document.report(key, message, "set `records`, or remove `artifact_metadata`", at_key=True)
