from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.errors import EditError
from gitops_bot.targets.pin_file import Edit, edit, pinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reference import Pin


@dataclass(frozen=True, slots=True)
class Step:
    """One pin of one file that is said to have become another."""

    name: str
    before: Pin
    after: Pin
    new_name: str | None = None


def explains(file: str, before: bytes, after: bytes, steps: Sequence[Step]) -> bool:
    """Whether these steps, done again, turn exactly `before` into `after`, byte for byte."""
    try:
        old = targets.read(before, file)
        edits = [Edit(step.name, step.after, step.new_name) for step in steps]
        by_name = {entry.name: entry for entry in old.entries}
        for step, change in zip(steps, edits, strict=True):
            entry = by_name.get(step.name)
            if entry is None or entry.pin != step.before or pinned(entry, change) != step.after:
                return False
        return edit(old, edits) == after
    except EditError:
        return False
