"""Checks of a blue-green deployment as it is written: two slots, and three files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config.document import Scalar
from gitops_bot.config.leaves import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.config.document import Document, Path


def check(document: Document, path: Path) -> None:
    """Add a problem for each contradiction in one setting, or in a list of them."""
    written = document.at(path)
    if not isinstance(written, list):
        _check(document, path)
        return
    files: dict[str, int] = {}
    for at, slots in enumerate(written):
        _check(document, (*path, at))
        if isinstance(slots, dict) and "overlays" not in slots:
            for where, file in _files(document, (*path, at)):
                if files.setdefault(file, at) != at:
                    message = f"{quoted(file)} is a file of the setting before it, too"
                    document.report(where, message, "give each its own files, or narrow both by `overlays`")


def _files(document: Document, path: Path) -> Iterator[tuple[Path, str]]:
    """Where the names of files stand, and what they are."""
    slots = document.at((*path, "slots"))
    for where in ((*path, "service"), *((*path, "slots", name) for name in (slots if isinstance(slots, dict) else ()))):
        file = document.at(where)
        if isinstance(file, Scalar):
            yield where, file


def _check(document: Document, path: Path) -> None:
    slots = document.at((*path, "slots"))
    if isinstance(slots, dict) and len(slots) != 2:
        message = f"`slots` has {len(slots)} of them, and a Service is switched between two"
        document.report((*path, "slots"), message, "name two, as in `{blue: blue.yaml, green: green.yaml}`")
    files: dict[str, str] = {}
    for where, file in _files(document, path):
        if files.setdefault(file, str(where[-1])) != str(where[-1]):
            message = f"{quoted(file)} is the file of `{files[file][:60]}` already"
            document.report(where, message, "give the Service and each slot a file of its own")
