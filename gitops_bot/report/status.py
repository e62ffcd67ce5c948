"""`status` as text and as Markdown: what every environment pins, by image."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import groupby
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.images import duration
from gitops_bot.images.reason import Reason
from gitops_bot.proposals.text import markdown as md
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.history.releases import release_name
from gitops_bot.report.screen import GAP, align, short
from gitops_bot.results.status import LONG_AGO, STATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.report.screen import Screen
    from gitops_bot.results.result import Head
    from gitops_bot.results.status import EntryStatus, EnvironmentStatus, State, Status

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


#: A state as a headline counts one entry, and several.
_COUNTED: Final[Mapping[State, tuple[str, str]]] = {
    "failed": ("failed", "failed"),
    "review": ("waits for review", "wait for review"),
    "next": ("comes next", "come next"),
    "soak": ("soaks", "soak"),
    "window": ("waits for the schedule", "wait for the schedule"),
    "held": ("held", "held"),
    "limit": ("over the limit", "over the limit"),
    "untracked": ("not tracked", "not tracked"),
    "current": ("up to date", "up to date"),
}
#: Up to here a weekday tells the day.
_WEEK: Final = timedelta(days=6)


def counted(environment: EnvironmentStatus, state: State) -> str:
    """How many entries are in a state, in words; empty for none."""
    count = environment.counts[state]
    return f"{count} {_COUNTED[state][count != 1]}" if count else ""


def headline(status: Status, environment: EnvironmentStatus) -> str:
    """An environment in one line: how many entries are behind, and what they wait for; or that nothing waits."""
    name, total, current = plain(environment.name), len(environment.entries), environment.counts["current"]
    if waiting := [words for state in STATES[:-1] if (words := counted(environment, state))]:
        behind = f"{environment.behind} of {total} behind" if environment.behind else f"{total - current} of {total}"
        return f"{name}: {behind}: {', '.join(waiting)}"
    return f"{name}: all {total} up to date, {newest_release(status, environment)}"


def newest_release(status: Status, environment: EnvironmentStatus) -> str:
    """The newest release of an environment, and its age."""
    newest = environment.newest
    if newest is None:
        return "no release is known"
    return f"{release_name(newest.number, newest.commit)}, {duration.roughly(status.at - newest.at)} ago"


def attention(environment: EnvironmentStatus) -> Sequence[EntryStatus]:
    """All that is not up to date: the most urgent first, and what waits longest for its review."""

    def urgency(entry: EntryStatus) -> tuple[int, datetime, str]:
        opened = entry.proposal.created_at if entry.proposal is not None else None
        return STATES.index(entry.state), opened or LONG_AGO, entry.image

    return sorted((entry for entry in environment.entries if entry.state != "current"), key=urgency)


def move(entry: EntryStatus) -> str:
    """What is pinned, and what it would move to: `v1.4.0 -> v1.9.0`, by digests where the tags do not tell."""
    present, candidate = entry.pin, entry.candidate
    if candidate is None or candidate == present:
        return short(present)
    by_tag = present.tag and candidate.tag and present.tag != candidate.tag
    before, after = (plain(pin.tag or "") if by_tag else short(pin) for pin in (present, candidate))
    return f"{before} -> {after}"


def why(status: Status, entry: EntryStatus) -> str:
    """Why an entry is where it is, in few words: `soaks until Tue 14:00 UTC (9 of 48 h)`."""
    reason = entry.reason
    text = plain(reason.text, 1000) if reason is not None else ""
    match entry.state, reason:
        case "review", _:
            opened = entry.proposal.created_at if entry.proposal is not None else None
            return f"waits {duration.roughly(status.at - opened)}" if opened is not None else "waits for review"
        case "next", _:
            return "nothing holds it"
        case "soak", Reason(ends=datetime() as ends, data=data):
            return f"soaks until {_moment(status, ends)}{_served(data)}"
        case "window", Reason(data={"opens_at": str(opens)}):
            return f"waits for the schedule, which opens {_moment(status, datetime.fromisoformat(opens))}"
        case "limit", Reason(data={"most_open": int(most)}):
            return f"limit of {most} open reached"
        case "limit", Reason(data={"most_new_per_hour": int(most), "opens_at": str(opens)}):
            return f"limit of {most} an hour reached until {_moment(status, datetime.fromisoformat(opens))}"
        case "held", _:
            return text if text.startswith("held") else f"held: {text}"
        case "untracked", _:
            return f"not tracked: {text}"
        case "current", _:
            return "ignored" if reason is not None and reason.code == "ignored" else "up to date"
        case _:
            return text


def next_step(entry: EntryStatus) -> str | None:
    """What to do about an entry, in few words: `merge #4`; None where nothing is to be done but wait."""
    environment = quote(plain(entry.entry.environment or ""))
    match entry.state:
        case "failed":
            return plain(entry.next, 1000) if entry.next else None
        case "review":
            return f"merge #{entry.proposal.number}" if entry.proposal is not None else None
        case "next":
            return f"`gitops-bot update {environment}`"
        case "limit":
            return f"after #{entry.after.number}" if entry.after is not None else None
        case "held" | "untracked" if entry.reason is None or entry.reason.code != "held.hold":
            return f"`gitops-bot explain {environment} {quote(plain(entry.entry.name))}`"
        case _:
            return None


def _moment(status: Status, moment: datetime) -> str:
    """A moment to come: by its weekday within a week, else by its date; in UTC."""
    moment = moment.astimezone(UTC)
    return f"{moment:%a %H:%M} UTC" if moment - status.at < _WEEK else f"{moment:%Y-%m-%d %H:%M} UTC"


def _served(data: Mapping[str, str | int | None]) -> str:
    """How much of its soak time is over: ` (9 of 48 h)`."""
    match data:
        case {"soak": str(wanted), "left": int(remaining)}:
            whole = duration.parse(wanted) // timedelta(seconds=1)
            length, unit = (3600, "h") if whole >= 2 * 3600 else (60, "min")
            return f" ({(whole - remaining) // length} of {whole // length} {unit})"
        case _:
            return ""


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
