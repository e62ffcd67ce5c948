"""An environment as one commit has it: its overlays, read and ready to be edited."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.images.rules import Rules
from gitops_bot.images.unmanaged import decided_elsewhere, unset
from gitops_bot.releases.plan import Entry
from gitops_bot.targets.pin_file import edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.images.reference import Assignment
    from gitops_bot.releases.plan import Change
    from gitops_bot.targets.pin_file import FileEntry, PinFile


@dataclass(frozen=True, slots=True)
class Overlay:
    """A directory with a file that holds pins, of one environment."""

    environment: str | None
    directory: str
    pin_file: PinFile

    @property
    def file(self) -> str:
        """The path of that file."""
        return self.pin_file.file

    def entry(self, item: FileEntry, rules: Rules) -> Entry:
        """One of its items, with where it is and the rules that apply to it."""
        return Entry(
            environment=self.environment,
            overlay=self.directory,
            file=self.file,
            line=item.line,
            name=item.name,
            image=str(item.image) if item.image else item.new_name or item.repository or item.name,
            column=item.column,
            pin=item.pin,
            repository=item.image,
            new_name=item.new_name,
            refusal=item.refusal,
            rules=_fitting(item, rules, self.file),
            choices=item.choices,
        )


def _fitting(item: FileEntry, rules: Rules, file: str) -> Rules:
    """The rules as far as they can apply: what has no room for a digest gets a tag alone, whatever is configured."""
    if item.choices:
        return Rules(None, pin="tag", ignore=rules.ignore)
    if item.decided_by is not None:
        return Rules(None, ignore=rules.ignore, unmanaged=decided_elsewhere(item.decided_by))
    if item.unset is not None:
        return Rules(None, ignore=rules.ignore, unmanaged=unset(item.unset, f"{file}:{item.line}"))
    if item.says is None:
        return rules
    return replace(rules, pin=item.says, no_room=item.says == "tag" and rules.pin != "tag")


def edited(overlays: Iterable[Overlay], changes: Iterable[Change]) -> dict[str, bytes]:
    """The bytes of every file that the changes touch, each edit proved.

    Raises:
        EditError: a file or an entry is refused, or an edit could not be proved.
    """
    by_file: dict[str, list[Assignment]] = defaultdict(list)
    for change in changes:
        by_file[change.entry.file].append(change.pin_change.assignment)
    known: Mapping[str, Overlay] = {overlay.file: overlay for overlay in overlays}
    return {file: edit(known[file].pin_file, assignments) for file, assignments in sorted(by_file.items())}
