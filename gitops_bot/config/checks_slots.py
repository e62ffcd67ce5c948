"""Checks of a blue-green deployment as it is written: two slots, and three files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config.document import Scalar
from gitops_bot.config.leaves import quoted

if TYPE_CHECKING:
    from gitops_bot.config.document import Document, Path


def check(document: Document, path: Path) -> None:
    """Add a problem for each contradiction."""
    slots = document.at((*path, "slots"))
    names = list(slots) if isinstance(slots, dict) else []
    if isinstance(slots, dict) and len(slots) != 2:
        message = f"`slots` has {len(slots)} of them, and a Service is switched between two"
        document.report((*path, "slots"), message, "name two, as in `{blue: blue.yaml, green: green.yaml}`")
    files: dict[str, str] = {}
    for where in ((*path, "service"), *((*path, "slots", name) for name in names)):
        file = document.at(where)
        if isinstance(file, Scalar) and files.setdefault(file, str(where[-1])) != str(where[-1]):
            message = f"{quoted(file)} is the file of `{files[file][:60]}` already"
            document.report(where, message, "give the Service and each slot a file of its own")
