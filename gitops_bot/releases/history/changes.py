"""What a release changed: pins, and configuration."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Assignment
from gitops_bot.releases.decisions import EntryKey
from gitops_bot.releases.history.line import agree
from gitops_bot.targets import BY_NAME, release_info, same_file, versions
from gitops_bot.targets.pin_file import edit, pin_after
from gitops_bot.targets.versions import Seen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import InfoChange
    from gitops_bot.releases.history.releases import Release
    from gitops_bot.targets import FileTargets


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that was added (`before` is None), removed (`after` is None), or got another pin.

    `file` is the same at all times, whatever the file was called (`same_file`).
    """

    file: str
    name: str
    before: Pin | None
    after: Pin | None

    @property
    def key(self) -> EntryKey:
        """File and name, like `Managed.place`."""
        return EntryKey(self.file, self.name)

    @property
    def overlay(self) -> str:
        """The directory of its file; `.` is the top."""
        return posixpath.dirname(self.file) or "."

    @property
    def moved(self) -> bool:
        """Whether the pin changed, and did not just become more precise."""
        return self.before is not None and self.after is not None and not agree(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Changes:
    """What one release changed. `config` are the paths in which it changed more than pins."""

    release: Release
    pins: tuple[EntryChange, ...]
    config: tuple[str, ...]


def changes(releases: Sequence[Release]) -> Iterator[Changes]:
    """What each release changed, the newest first, worked out one at a time.

    Where a file could not be read, the changes of its pins show at the commit that mended it.
    """
    return (change_at(releases, at) for at in range(len(releases)))


def change_at(releases: Sequence[Release], at: int) -> Changes:
    """What the release at an index of the list (the newest first) changed."""
    release = releases[at]
    files = {same_file(path)[0] for path in release.paths if path in release.step.files}
    pins = tuple(repinned for file in sorted(files) for repinned in _pin_changes(releases, at, file))
    return Changes(release, pins, tuple(path for path in release.paths if not _only_pins(release, path, pins)))


def pins_at(present: Mapping[EntryKey, Pin], since: Sequence[Changes]) -> dict[EntryKey, Pin]:
    """The pin that each entry had before all of these changes (the newest first), by file and name."""
    then = dict(present)
    for release in since:
        for repinned in release.pins:
            if repinned.before is None:
                then.pop(repinned.key, None)
            else:
                then[repinned.key] = repinned.before
    return then


def previous(known: Sequence[Release], more: str, wanted: Collection[EntryKey] | None = None) -> Release | Problem:
    """The release before the newest one that moved a pin, of one of the entries `wanted` if they are given.

    One that only changed configuration, added a digest to a tag, or mended a malformed pin does not count. `more` is
    how to know more of the history, empty if it is complete.
    """
    mended: set[EntryKey] = set()
    for at, release in enumerate(changes(known)):
        pins = [pin for pin in release.pins if wanted is None or pin.key in wanted]
        broken = {pin.key for pin in pins if pin.before is not None and pin.before.malformed}
        moved = {pin.key for pin in pins if pin.moved} - broken - mended
        mended = broken | (mended - {pin.key for pin in pins})
        if moved:
            if at + 1 < len(known):
                return known[at + 1]
            break
    why = "no release before the present pins is known"
    if known and not more:
        why = "the present pins are the first, and there is no release before them"
    advice = f"{more[0].upper()}{more[1:]}. " if more else ""
    return Problem(
        "failed.git", f"nothing to roll back to: {why}", f"{advice}To choose a pin yourself, use `gitops-bot set`."
    )


def _pin_changes(releases: Sequence[Release], at: int, file: str) -> Iterator[EntryChange]:
    """What the release at an index changed in one file; where it cannot tell what was there before, older ones do."""
    step = releases[at].step
    before, after = step.before(file), step.after(file)
    if after is None:
        return
    for name in dict.fromkeys([*after, *(before or ())]):
        now = after.get(name)
        if now is not None and now.pin is None:
            continue
        earlier = before.get(name) if before is not None else _UNKNOWN
        if earlier is not None and earlier.pin is None:
            earlier = _earlier((releases[older] for older in range(at + 1, len(releases))), file, name)
        if earlier is _UNKNOWN:
            continue
        was = earlier.pin if earlier is not None else None
        is_now = now.pin if now is not None else None
        if was != is_now:
            yield EntryChange(file, name, was, is_now)


#: Nobody knows what was there: no release that can be read says it.
_UNKNOWN = Seen(None, None)


def _earlier(older: Iterable[Release], file: str, name: str) -> Seen | None:
    """The entry before the newest of these releases that can be read; None if there was none."""
    for release in older:
        if not release.step.sides(file) or (before := release.step.before(file)) is None:
            continue
        seen = before.get(name)
        if seen is None or seen.pin is not None:
            return seen
    return _UNKNOWN


def _only_pins(release: Release, path: str, pins: Sequence[EntryChange]) -> bool:
    """Whether a commit changed nothing in a file but these pins, or the values that follow them."""
    before, after = release.step.files.get(path, (None, None))
    if before is None or after is None:
        return False
    if keys := release.step.targets.following(path):
        return bool(pins) and release_info.only_values(before, after, keys)
    changed = [
        (repinned.before, Assignment(repinned.name, repinned.after))
        for repinned in pins
        if repinned.file == same_file(path)[0] and repinned.before is not None and repinned.after is not None
    ]
    target = release.step.targets[path]
    if not changed or target is None:
        return False
    return versions.only_pins(target, before, after) or explains(path, before, after, changed, release.step.targets)


def explains(
    file: str, before: bytes, after: bytes, changes: Sequence[tuple[Pin, Assignment]], targets: FileTargets = BY_NAME
) -> bool:
    """Whether these changes (old pin, and edit), made again, turn `before` into `after`, byte for byte."""
    target = targets[file]
    if target is None:
        return False
    try:
        old = target.read(before, file)
        by_name = {entry.name: entry for entry in old.entries}
        for replaced, wanted in changes:
            entry = by_name.get(wanted.image)
            if entry is None or entry.pin != replaced or pin_after(entry, wanted.pin) != wanted.pin:
                return False
        return edit(old, [wanted for _, wanted in changes]) == after
    except EditError:
        return False


def informs(info: InfoChange, before: bytes, after: bytes) -> bool:
    """The same for the values that follow a pin."""
    try:
        old = release_info.read(before, info.file, info.after)
        return (
            all(old.values.get(key) == text for key, text in info.before.items())
            and old.with_values(info.after) == after
        )
    except EditError:
        return False
