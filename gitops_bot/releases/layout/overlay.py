"""An overlay as one commit has it: a file that holds pins, and its entries with the rules that apply to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.images.reason import unmanaged
from gitops_bot.images.rules import Rules
from gitops_bot.releases.decisions import Managed

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.targets.pin_file import FileEntry, PinFile


@dataclass(frozen=True, slots=True)
class Overlay:
    """A file that holds pins, of one environment; `entries` are those of the file, in their order."""

    pin_file: PinFile
    entries: tuple[Managed, ...]

    @classmethod
    def of(cls, environment: str, directory: str, pin_file: PinFile, rules: Callable[[FileEntry], Rules]) -> Overlay:
        """With where it stands, and what the configuration says of each entry."""
        file = pin_file.file
        entries = (
            Managed(item, file, directory, environment, _fitting(item, rules(item), file)) for item in pin_file.entries
        )
        return cls(pin_file, tuple(entries))


def _fitting(item: FileEntry, rules: Rules, file: str) -> Rules:
    """The rules as far as they can apply: what has no room for a digest gets a tag alone, whatever is configured."""
    if item.choices:
        return Rules(None, pin="tag", ignore=rules.ignore)
    if item.decided_by is not None:
        return Rules(None, ignore=rules.ignore, unmanaged=unmanaged("decided_elsewhere", item.decided_by))
    if item.unset is not None:
        return Rules(None, ignore=rules.ignore, unmanaged=unmanaged("unset", item.unset, f"{file}:{item.line}"))
    if item.says is None:
        return rules
    return replace(rules, pin=item.says, no_room=item.says == "tag" and rules.pin != "tag")
