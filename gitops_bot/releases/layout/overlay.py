"""An environment as one commit has it: its overlays, read and ready to be edited."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.releases.plan import Entry
from gitops_bot.targets import kustomization

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.releases.plan import Change
    from gitops_bot.targets.kustomization import Entry as ManifestEntry


@dataclass(frozen=True, slots=True)
class Overlay:
    """A directory with a kustomization, of one environment."""

    environment: str | None
    directory: str
    kustomization: kustomization.Kustomization

    @property
    def file(self) -> str:
        """The path of its kustomization."""
        return self.kustomization.file

    def place(self, entry: ManifestEntry) -> Entry:
        """The entry together with where it stands."""
        image = entry.image
        return Entry(
            environment=self.environment,
            overlay=self.directory,
            file=self.file,
            line=entry.line,
            name=entry.name,
            image=str(image) if image else entry.new_name or entry.name,
        )


def edited(overlays: Iterable[Overlay], changes: Iterable[Change]) -> dict[str, bytes]:
    """The bytes of every file that the changes touch, each edit proved.

    Raises:
        EditError: a file or an entry is refused, or an edit could not be proved.
    """
    by_file: dict[str, list[kustomization.Edit]] = defaultdict(list)
    for change in changes:
        by_file[change.entry.file].append(kustomization.Edit(change.entry.name, change.after, change.new_name))
    known: Mapping[str, Overlay] = {overlay.file: overlay for overlay in overlays}
    return {file: kustomization.edit(known[file].kustomization, edits) for file, edits in sorted(by_file.items())}
