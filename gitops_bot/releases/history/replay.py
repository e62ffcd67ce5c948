from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import EditError
from gitops_bot.targets import BY_NAME, release_info
from gitops_bot.targets.pin_file import edit, pinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reference import Assignment, Pin
    from gitops_bot.releases.decisions import InfoChange
    from gitops_bot.targets import FileTargets


def explains(
    file: str, before: bytes, after: bytes, changes: Sequence[tuple[Pin, Assignment]], targets: FileTargets = BY_NAME
) -> bool:
    """Whether these changes, made again, turn exactly `before` into `after`, byte for byte.

    Each is the pin that was there, and what was asked for.
    """
    target = targets[file]
    if target is None:
        return False
    try:
        old = target.read(before, file)
        by_name = {entry.name: entry for entry in old.entries}
        for replaced, wanted in changes:
            entry = by_name.get(wanted.image)
            if entry is None or entry.pin != replaced or pinned(entry, wanted.pin) != wanted.pin:
                return False
        return edit(old, [wanted for _, wanted in changes]) == after
    except EditError:
        return False


def informs(info: InfoChange, before: bytes, after: bytes) -> bool:
    """Whether the values that follow a pin, written again, turn exactly `before` into `after`."""
    try:
        old = release_info.read(before, info.file, info.after)
        return all(old.values.get(key) == text for key, text in info.before.items()) and old.edited(info.after) == after
    except EditError:
        return False
