"""The changes of a plan as a short summary, and line by line in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reference import is_digest, is_tag
from gitops_bot.proposals import naming
from gitops_bot.proposals.text.markdown import cut, plain, quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Change, Source

#: The most characters that the changes take in a commit message.
_ROOM = 50_000
#: The most characters of a reason that a person gives.
_BECAUSE = 500
#: How many reasons of equal changes are shown.
REASONS = 3


def fields(environment: str, changes: Sequence[Change], group: str, source: Source) -> dict[str, str]:
    """The fields that templates can use, for at least one change."""
    return {
        "environment": quiet(environment),
        "group": quiet(group),
        "summary": quiet(in_words(changes, group)),
        "count": str(len(changes)),
        "images": quiet(", ".join(sorted({change.entry.image for change in changes}))),
        "overlays": quiet(", ".join(sorted({change.entry.overlay or "." for change in changes}))),
        "source": source,
    }


def in_words(changes: Sequence[Change], group: str = naming.DEFAULT_GROUP) -> str:
    """What changes, as the end of a sentence; with the group, unless that is the whole environment or the image."""
    names = sorted({_short(change) for change in changes})
    targets = {change.after.short for change in changes}
    if is_rollback(changes):
        what = " and ".join(names) if len(names) <= 2 else f"{len(names)} images"
        return f"roll back {what} to {targets.pop()}" if len(targets) == 1 else f"roll back {what}"
    if len(names) == 1 and len(targets) == 1:
        what = f"{names[0]} {targets.pop()}"
    elif len(names) <= 3:
        what = f"update {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"
    else:
        what = f"update {len(names)} images"
    named = all(group in (change.entry.name, change.entry.image, _short(change)) for change in changes)
    return what if named or group == naming.DEFAULT_GROUP else f"{what} in {group}"


def is_rollback(changes: Sequence[Change]) -> bool:
    """Whether all of it goes back to an earlier release."""
    return all(change.source == "rollback" for change in changes)


def because(changes: Sequence[Change]) -> str | None:
    """The reason that a person gave for the changes, on one line; None if they gave none."""
    return next((why for change in changes if (why := plain(change.because or "", _BECAUSE))), None)


def alike(changes: Sequence[Change]) -> list[tuple[Change, ...]]:
    """The changes, grouped if they differ only in their file, in the order of the first of each group."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        key = (change.entry.name, change.entry.image, change.before, change.after, change.new_name)
        groups.setdefault(key, []).append(change)
    return [tuple(group) for group in groups.values()]


def many(number: int, noun: str) -> str:
    """`1 pin`, `2 pins`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(changes: Sequence[Change]) -> str:
    """The changes as indented lines: image and file, from and to, why. No line can be taken for a trailer.

    Changes that are alike are told once; the trailers name every file.
    """
    grouped = alike(changes)

    def more(left: int) -> str:
        return f"* … and {sum(map(len, grouped[-left:]))} more: see the trailers"

    return "\n".join(cut(grouped, _row, _ROOM, more))


def name_of(change: Change) -> str:
    """What people call the entry: its repository, unless its name says something else."""
    # Several entries may have one image: then only the name tells them apart.
    return change.entry.image if change.entry.image.endswith(change.entry.name) else change.entry.name


def _short(change: Change) -> str:
    return change.entry.image.rpartition("/")[2]


def _row(row: Sequence[Change]) -> str:
    first = row[0]
    where = quiet(first.entry.file) if len(row) == 1 else f"{len(row)} overlays"
    reasons = dict.fromkeys(f"    {quiet(change.reason.text)}" for change in row)
    renamed = f" (now {quiet(first.new_name)})" if first.new_name else ""
    name = "" if name_of(first) == first.entry.image else f" ({quiet(first.entry.name)})"
    return "\n".join((
        f"* {quiet(first.entry.image)}{name}{renamed} in {where}",
        f"    {_pin(first.before)}",
        f"    -> {_pin(first.after)}",
        *list(reasons)[:REASONS],
    ))  # fmt: skip


def _pin(pin: Pin) -> str:
    # What stood in the file may be any text. A digest alone goes without its `@`, which would name a user.
    shown = plain(str(pin)).removeprefix("@")
    known = (pin.tag is None or is_tag(pin.tag)) and (pin.digest is None or is_digest(pin.digest))
    return shown if known else quiet(shown)
