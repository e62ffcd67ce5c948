"""Two slots of one application, of which the selector of a Service makes one live; the other is idle."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.releases.layout.glob import any_means

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from gitops_bot.config.form_target import BlueGreenForm
    from gitops_bot.releases.decisions import Managed


@dataclass(frozen=True, slots=True)
class Slots:
    """Two slots in one overlay, by name, and the paths of their files and of the Service.

    `wrong`: why nobody can tell which of them is live; then neither changes.
    """

    overlay: str
    selector: Managed | None
    entries: Mapping[str, tuple[Managed, ...]]
    soak: timedelta
    wrong: Problem | None = None
    files: tuple[str, ...] = ()

    @property
    def live(self) -> str:
        """The slot that the Service selects."""
        return (self.selector.pin.tag or "") if self.selector is not None else ""

    @property
    def idle(self) -> str:
        """The other one."""
        return next(name for name in self.entries if name != self.live)

    def slot_of(self, entry: Managed) -> str | None:
        """The slot that an entry belongs to."""
        return next(
            (name for name, entries in self.entries.items() if any(other.key == entry.key for other in entries)), None
        )

    def counterpart(self, entry: Managed) -> Managed | None:
        """The entry of the other slot that stands for this one: by container, else by repository if that is clear."""
        own = self.slot_of(entry)
        others = [other for name, entries in self.entries.items() if name != own for other in entries]
        for alike in (
            [other for other in others if other.name == entry.name],
            [other for other in others if _container(other) == _container(entry)],
            [other for other in others if other.image == entry.image],
        ):
            if len(alike) == 1:
                return alike[0]
        return None


def find(setting: BlueGreenForm, files: Mapping[str, str], entries: Mapping[str, Sequence[Managed]]) -> Iterator[Slots]:
    """The slots of an environment: `files` are all with pins and their overlays, `entries` those that could be read."""
    wanted = {setting.service, *setting.slots.values()}
    overlays: dict[str, set[str]] = {}
    for path, overlay in files.items():
        name = posixpath.basename(path)
        if name in wanted and any_means(setting.overlays, overlay, path):
            overlays.setdefault(overlay, set()).add(name)
    for overlay, names in sorted(overlays.items()):
        paths = {name: posixpath.join(overlay, name).removeprefix("./") for name in wanted}
        selectors = [entry for entry in entries.get(paths[setting.service], ()) if entry.choices]
        if names == {setting.service} and not selectors:
            continue  # a Service of its own
        by_slot = {name: tuple(entries.get(paths[file], ())) for name, file in setting.slots.items()}
        wrong = _wrong(setting, paths, names, {path for path in paths.values() if path in entries}, selectors, by_slot)
        selector = selectors[0] if len(selectors) == 1 else None
        yield Slots(overlay, selector, by_slot, setting.soak, wrong, tuple(paths.values()))


def _wrong(
    setting: BlueGreenForm,
    paths: Mapping[str, str],
    names: set[str],
    read: set[str],
    selectors: Sequence[Managed],
    by_slot: Mapping[str, Sequence[Managed]],
) -> Problem | None:
    """Why the slots of one overlay cannot be used; the first thing only."""
    service = paths[setting.service]
    for name in (setting.service, *setting.slots.values()):
        if name not in names:
            advice = "add it, or narrow the `overlays` of `blue_green` to those that have all three files"
            path = paths[min(names)]
            return Problem("failed.edit", f"{paths[name]} is missing, which `blue_green` needs", advice, path)
    if unread := sorted(set(paths.values()) - read):
        return Problem("failed.edit", f"{unread[0]} cannot be read", "correct it", unread[0])
    if not selectors:
        message = f"no Service in it has `{setting.selector}` in its selector"
        return Problem("failed.edit", message, f"add `{setting.selector}: {next(iter(setting.slots))}` there", service)
    if len(selectors) > 1:
        message = f"{len(selectors)} Services in it have `{setting.selector}` in their selectors"
        return Problem("failed.edit", message, "keep one of them in this file", service, selectors[1].line)
    for name, file in setting.slots.items():
        if not by_slot[name]:
            return Problem("failed.edit", f"the slot {name} pins no image", "add its workload", paths[file])
    return selectors[0].refusal


def _container(entry: Managed) -> str:
    return entry.name.rpartition("/")[2]
