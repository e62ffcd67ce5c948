from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import EditError
from gitops_bot.targets import BY_NAME
from gitops_bot.targets.pin_file import Edit, edit, pinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.releases.plan import PinChange
    from gitops_bot.targets import FileTargets


def explains(
    file: str, before: bytes, after: bytes, changes: Sequence[PinChange], targets: FileTargets = BY_NAME
) -> bool:
    """Whether these changes, made again, turn exactly `before` into `after`, byte for byte."""
    target = targets[file]
    if target is None:
        return False
    try:
        old = target.read(before, file)
        edits = [Edit(change.name, change.after, change.new_name) for change in changes]
        by_name = {entry.name: entry for entry in old.entries}
        for change, wanted in zip(changes, edits, strict=True):
            entry = by_name.get(change.name)
            if entry is None or entry.pin != change.before or pinned(entry, wanted) != change.after:
                return False
        return edit(old, edits) == after
    except EditError:
        return False
