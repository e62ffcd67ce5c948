"""`status` as text and as Markdown: what every environment pins, by image."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.images import duration
from gitops_bot.proposals.text import markdown as md
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.history.releases import release_name
from gitops_bot.report.screen import GAP, align, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.report.screen import Screen
    from gitops_bot.results.result import Head
    from gitops_bot.results.status import EntryStatus, EnvironmentStatus, Status

#: A terminal with fewer columns has no table.
_TABLE: Final = 80
_INDENT: Final = 2
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%\[\]-]{1,2000}\Z")


class Pinned(NamedTuple):
    """What one environment pins of an image, in one overlay."""

    environment: EnvironmentStatus
    entry: EntryStatus


def by_image(status: Status) -> Mapping[str, Sequence[Pinned]]:
    """Every image, and what each environment pins of it, in the order of the configuration."""
    pinned = (Pinned(environment, entry) for environment in status.environments for entry in environment.entries)
    ordered = sorted(pinned, key=lambda item: item.entry.image)
    return {image: list(items) for image, items in groupby(ordered, key=lambda item: item.entry.image)}


def age(status: Status, entry: EntryStatus) -> str:
    """How long an entry has had its pin."""
    return duration.roughly(status.at - entry.since) if entry.since is not None else "unknown"


def behind(entry: EntryStatus) -> str:
    """How far an entry is behind its source; empty where it has none."""
    if entry.source_pin is None:
        return ""
    if entry.behind_releases is None:
        return f"differs{_commits(entry)}" if entry.drifts_since is not None else ""
    if entry.behind_releases or entry.drifts_since:
        return f"{entry.behind_releases} behind{_commits(entry)}"
    return "up to date"


def _commits(entry: EntryStatus) -> str:
    count = entry.behind_commits
    return f" ({count} commit{'' if count == 1 else 's'})" if count is not None else ""


def print_status(head: Head, status: Status, screen: Screen) -> None:
    """Print a table for each image, or a list on a narrow terminal; piped, one line for each entry."""
    screen.say(head.where)
    for environment in status.environments:
        screen.say(_head(status, environment))
    if not status.sees_pull_requests:
        screen.say("No token is set, so open pull requests are not shown.")
    rows = [_cells(status, image, item) for image, items in by_image(status).items() for item in items]
    if screen.width is None:
        screen.say()
        lines, _ = align([row[:6] for row in rows])
        for line, (*_, notes) in zip(lines, rows, strict=True):
            screen.say(f"{line.rstrip()}  {'; '.join(notes.splitlines())}")
        return
    lines, width = align([row[1:5] for row in rows])
    table, shown = screen.width >= max(_TABLE, _INDENT + width - GAP), ""
    for line, (image, *cells, overlay, notes) in zip(lines, rows, strict=True):
        if image != shown:
            screen.say()
            screen.say(image, style="bold")
            shown = image
        if table:
            screen.say(line, indent=_INDENT)
        else:
            screen.say(", ".join(cell for cell in cells if cell), indent=_INDENT, hang=2)
        for below in (overlay, *notes.splitlines()):
            screen.say(below, indent=_INDENT + 2, hang=2)


def markdown(status: Status) -> str:
    """A table of environments by images, for a summary or a comment."""
    names = [environment.name for environment in status.environments]
    lines = [f"{md.prose(_head(status, environment))}  " for environment in status.environments]
    lines += ["", _row(["image", *(md.code(name) for name in names)]), _row(["---"] * (len(names) + 1))]
    for image, items in by_image(status).items():
        cells = dict.fromkeys(names, "")
        for environment, entries in groupby(items, key=lambda item: item.environment.name):
            cells[environment] = "<br>".join(dict.fromkeys(_cell(status, item.entry) for item in entries))
        lines.append(_row([md.code(image), *cells.values()]))
    held = [
        f"* {md.code(item.entry.image)} in {md.code(item.entry.overlay)}: {md.prose(item.hold.text, 1000)}"
        for environment in status.environments
        for item in environment.entries
        if item.hold is not None
    ]
    return "\n".join([*lines, *(["", "Held:", "", *held] if held else []), ""])


def _head(status: Status, environment: EnvironmentStatus) -> str:
    name, newest = plain(environment.name), environment.newest
    after = f", promoted from {plain(environment.source)}" if environment.source else ""
    if newest is None:
        return f"{name}: no release is known{after}"
    return f"{name}: {release_name(newest.number, newest.commit)}, {duration.roughly(status.at - newest.at)} ago{after}"


def _cells(status: Status, image: str, item: Pinned) -> tuple[str, ...]:
    """Image, environment, pin, age, how far behind, overlay; and the notes, one a line."""
    entry = item.entry
    notes = []
    if entry.proposal is not None:
        notes.append(f"#{entry.proposal.number} is open: {plain(entry.proposal.url)}")
    if entry.hold is not None:
        notes.append(f"held: {plain(entry.hold.text, 1000)}")
    cells = (
        plain(image),
        plain(item.environment.name),
        short(entry.pin),
        age(status, entry),
        behind(entry),
        plain(entry.entry.overlay),
        "\n".join(notes),
    )
    # Secrets are struck before padding and folding: half of one would not be recognised.
    return tuple(map(redact.printable, cells))


def _cell(status: Status, entry: EntryStatus) -> str:
    parts = [md.code(short(entry.pin)), age(status, entry), behind(entry)]
    if entry.proposal is not None:
        number = f"#{entry.proposal.number}"
        parts.append(f"[{number}]({entry.proposal.url})" if _ADDRESS.match(entry.proposal.url) else number)
    if entry.hold is not None:
        parts.append("held")
    return ", ".join(part for part in parts if part)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
