"""`status` as text and as Markdown: what needs attention, why and what next; then what runs where.

The page and the Action have their words from here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot import redact
from gitops_bot.images import duration
from gitops_bot.images import reason as reasons
from gitops_bot.images.reason import Reason, Unmanaged
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text import markdown as md
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.history.trail import release_name
from gitops_bot.report.screen import GAP, align, frozen, short, unstopped
from gitops_bot.results.status import LONG_AGO, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Seen
    from gitops_bot.report.screen import Screen, Style
    from gitops_bot.results.result import Head
    from gitops_bot.results.status import EntryStatus, EnvironmentStatus, State, Status

_INDENT: Final = 2
#: Different pins that a cell names, and images that a row names.
_PINS, _NAMES = 3, 3


def age(status: Status, entry: EntryStatus) -> str:
    """How long an entry has had its pin."""
    return duration.roughly(status.at - entry.since) if entry.since is not None else "unknown"


#: A state as a headline counts one entry, and several.
_COUNTED: Final[Mapping[State, tuple[str, str]]] = {
    "check_failed": ("failed its check", "failed their checks"),
    "failed": ("failed", "failed"),
    "review": ("waits for review", "wait for review"),
    "next": ("comes next", "come next"),
    "soak": ("soaks", "soak"),
    "checks": ("waits for checks", "wait for checks"),
    "window": ("waits for the schedule", "wait for the schedule"),
    "held": ("held", "held"),
    "limit": ("over the limit", "over the limit"),
    "untracked": ("not tracked", "not tracked"),
    "current": ("up to date", "up to date"),
}
#: What is said of an entry for which nothing is to be done, by the code of its reason.
_CALM: Final = {"current": "up to date", "ignored": "ignored", "held.hold": "frozen"}
_STYLES: Final[Mapping[State, Style]] = {
    "check_failed": "bold red",
    "failed": "red",
    "review": "cyan",
    "next": "green",
    **dict.fromkeys(("soak", "checks", "window", "held", "limit"), "yellow"),
    "untracked": "dim",
}
#: Characters of why an environment is frozen, in its headline.
_WHY: Final = 80
#: Up to here a weekday tells the day.
_WEEK: Final = timedelta(days=6)


def counted(environment: EnvironmentStatus, state: State) -> str:
    """How many entries are in a state, in words; empty for none."""
    count = environment.counts[state]
    return f"{count} {_COUNTED[state][count != 1]}" if count else ""


def headline(status: Status, environment: EnvironmentStatus) -> str:
    """An environment in one line: how many entries are behind, and what they wait for; or that nothing waits."""
    counts = [words for state in STATES[:-1] if (words := counted(environment, state))]
    name = f"{plain(environment.name)}: {summary(status, environment)}"
    if environment.waiting:
        return f"{name}: {', '.join(counts)}"
    return ", ".join((name, *counts, newest_release(status, environment)))


def summary(status: Status, environment: EnvironmentStatus) -> str:
    """Until when it is frozen; how many entries are behind, ahead or to look at; calm words where nothing waits."""
    for freeze in environment.frozen[:1]:  # the longest
        ends = freeze.until.astimezone(UTC)
        until = f"{ends:{_day(status, ends)}}" if ends.time() == time() else _moment(status, ends)
        rest = summary(status, replace(environment, frozen=()))
        return f"frozen until {until} ({plain(freeze.why, _WHY)}); {rest}"
    total, current = len(environment.entries), environment.counts["current"]
    if environment.waiting:
        counts = {"behind": environment.behind, f"ahead of {plain(environment.source or '')}": environment.ahead}
        (what, count), *more = [item for item in counts.items() if item[1]] or [("to look at", environment.waiting)]
        return ", ".join([f"{count} of {total} {what}", *(f"{number} {where}" for where, number in more)])
    if not total:
        return "no images"
    known = Counter(entry.reason.code for entry in environment.entries if entry.reason is not None)
    if not known["current"] or known["current"] + known["ignored"] < current:
        return "nothing waits"  # only a registry tells whether there is something newer
    if known["current"] == total:
        return f"all {total} up to date"
    return f"{known['current']} up to date" + (f", {known['ignored']} ignored" if known["ignored"] else "")


def newest_release(status: Status, environment: EnvironmentStatus) -> str:
    """The newest release of an environment, and its age."""
    newest = environment.newest
    if newest is None:
        return "no release in the history that was read"
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
        return _version(present)
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
            return f"waits for the schedule, which opens {_moment(status, opens)}"
        case "limit", Reason(data={"most_open": int(most)}):
            return f"limit of {most} open reached"
        case "limit", Reason(data={"most_new_per_hour": int(most), "opens_at": str(opens)}):
            return f"limit of {most} an hour reached until {_moment(status, opens)}"
        case "held" | "untracked" as state, _:
            lead = _COUNTED[state][0]
            return text if text.startswith(lead) else f"{lead}: {text}"
        case "check_failed", _ if (failed := failed_check(entry)) is not None:
            return evidence.sentence(failed)
        case "current", _:
            return _CALM.get(reason.code if reason is not None else "", "nothing waits")
    return text


def failed_check(entry: EntryStatus) -> Seen | None:
    """The check that an entry is red for: its row says how that went, and has its link."""
    return next(iter(entry.seen), None) if entry.state == "check_failed" else None


def _seen(entry: EntryStatus) -> Sequence[str]:
    """What else its gates saw, a line each."""
    if entry.state == "check_failed":
        return evidence.lines(entry.seen[1:])
    return evidence.lines(entry.seen, entry.reason.text if entry.reason is not None else "")


def next_step(entry: EntryStatus) -> str | None:
    """What to do about an entry, in few words: `merge #4`; None where nothing is to be done but wait."""
    environment = quote(plain(entry.entry.environment or ""))
    match entry.state:
        case "check_failed" if entry.reason is None or entry.reason.code.startswith("held."):
            return "run it again, or release a fix"
        case "check_failed" if entry.proposal is None:
            return f"`gitops-bot update {environment}`"
        case "failed":
            return plain(entry.next, 1000) if entry.next else None
        case "review" | "check_failed":
            return f"merge #{entry.proposal.number}" if entry.proposal is not None else None
        case "next":
            return f"`gitops-bot update {environment}`"
        case "limit" if entry.after is not None and entry.reason is not None and "most_open" in entry.reason.data:
            return f"after #{entry.after.number}"  # an hour passes by itself
        case "held" | "untracked" if entry.reason is None or entry.reason.code != "held.hold":
            return f"`gitops-bot explain {environment} {quote(plain(entry.entry.name))}`"
    return None


def _moment(status: Status, moment: datetime | str) -> str:
    """A moment to come: by its weekday within a week, else by its date; in UTC."""
    moment = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)
    return f"{moment:{_day(status, moment)} %H:%M} UTC"


def _day(status: Status, moment: datetime) -> str:
    """How a day to come is written."""
    return "%a" if moment - status.at < _WEEK else "%Y-%m-%d"


def _served(data: Mapping[str, str | int | None]) -> str:
    """How much of its soak time is over: ` (9 of 48 h)`."""
    match data:
        case {"soak": str(wanted), "left": int(remaining)}:
            whole = duration.parse(wanted) // timedelta(seconds=1)
            length, unit = (3600, "h") if whole >= 2 * 3600 else (60, "min")
            return f" ({(whole - remaining) // length} of {whole // length} {unit})"
    return ""


class Row(NamedTuple):
    """Entries that wait for the same, and what the first of them says; `place` tells it from others of its image."""

    name: str
    place: str
    move: str
    why: str
    next: str
    first: EntryStatus

    @property
    def url(self) -> str:
        """The page of the check that failed, if it has one that may be a link."""
        failed = failed_check(self.first)
        return (evidence.link(failed) or "") if failed is not None else ""


def rows(status: Status, environment: EnvironmentStatus) -> Sequence[Row]:
    """What needs attention, the most urgent first.

    Entries of one image that say the same have one row, and so have all that are not tracked for one reason.
    """

    def words(entry: EntryStatus) -> tuple[str, ...]:
        if entry.state == "untracked" and isinstance(entry.reason, Unmanaged):
            by_hand = ", pinned by `set` or by hand" if entry.reason.why == "no_policy" else ""
            return "", "", redact.printable(f"not tracked{by_hand}: {plain(entry.reason.alike)}"), ""
        commits = entry.behind_commits if entry.candidate == entry.source_pin else None
        moves = f"{move(entry)} ({reasons.counted(commits, 'commit')})" if commits else move(entry)
        # Secrets are struck before padding and folding: half of one would not be recognised.
        own = (entry.image, moves, why(status, entry), next_step(entry) or "", *_seen(entry))
        return tuple(map(redact.printable, own))

    registry, told = common_registry(status), []
    for alike, place in grouped(environment, attention(environment), words):
        _, moves, reason, *_ = words(alike[0])
        names = list(dict.fromkeys(plain(entry.image).removeprefix(registry) for entry in alike))
        name, step = redact.printable(reasons.shortlist(names, _NAMES)), redact.printable(next_step(alike[0]) or "")
        told.append(Row(name, redact.printable(plain(place)), moves, reason, step, alike[0]))
    return told


def grouped(
    environment: EnvironmentStatus, entries: Iterable[EntryStatus], key: Callable[[EntryStatus], Hashable]
) -> Iterator[tuple[Sequence[EntryStatus], str]]:
    """Entries that are alike; with their place, where they are of one image that the environment has several times."""
    images = Counter(entry.image for entry in environment.entries)
    groups: dict[Hashable, list[EntryStatus]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    for alike in groups.values():
        place = f"in {len(alike)} overlays" if len(alike) > 1 else alike[0].entry.overlay
        yield alike, place if len({entry.image for entry in alike}) == 1 < images[alike[0].image] else ""


def common_registry(status: Status) -> str:
    """What the names of most images begin with, up to the last `/`: it is told once, and left out of each name."""
    images = dict.fromkeys(entry.image for environment in status.environments for entry in environment.entries)
    beginnings = Counter("".join(plain(image).rpartition("/")[:2]) for image in images)
    return max(beginnings, key=lambda text: beginnings[text], default="")


def matrix(status: Status) -> list[tuple[str, list[list[tuple[EntryStatus, str]]]]]:
    """What runs where: each image, with a cell for each environment; one entry for all that say the same."""

    def words(entry: EntryStatus) -> Hashable:
        return entry.image, entry.pin, entry.state, why(status, entry)

    cells: dict[str, list[list[tuple[EntryStatus, str]]]] = {}
    for at, environment in enumerate(status.environments):
        for (entry, *_), place in grouped(environment, environment.entries, words):
            cells.setdefault(entry.image, [[] for _ in status.environments])[at].append((entry, place))
    return sorted(cells.items())


def reached(cells: Iterable[Iterable[tuple[EntryStatus, str]]]) -> str:
    """How many waves, of three or more, run the pin that an image has in the first one: `2 of 6 waves`, or nothing."""
    pins: defaultdict[int, set[str | None]] = defaultdict(set)
    for entry, _ in chain.from_iterable(cells):
        pins[entry.wave].add(entry.pin.digest or entry.pin.tag)
    last, count = max(pins), 0
    while len(pins[1]) == 1 and pins[count + 1] == pins[1]:
        count += 1
    return f"{count} of {last} waves" if last > 2 and pins[1] else ""


def _matrix_in_words(status: Status) -> list[list[str]]:
    registry, told = common_registry(status), []
    for image, cells in matrix(status):
        pins = [dict.fromkeys(f"{_version(entry.pin)} ({age(status, entry)})" for entry, _ in cell) for cell in cells]
        name = f"{plain(image).removeprefix(registry)} {reached(cells)}".rstrip()
        told.append([redact.printable(word) for word in (name, *(reasons.shortlist(list(own), _PINS) for own in pins))])
    return told


def print_status(head: Head, status: Status, screen: Screen) -> None:
    """Print what needs attention in each environment, then what runs where; piped, one line for each entry."""
    screen.say(head.where)
    for text in frozen(status.environments):
        screen.say(text, hang=_INDENT, style="yellow")
    for text in unstopped(status.environments):
        screen.say(text, hang=_INDENT, style="bold red")
    if not status.sees_pull_requests:
        screen.say("No token is set, so open pull requests are not shown.")
    if screen.width is None:
        _print_lines(status, screen)
        return
    if registry := common_registry(status):
        screen.say(f"images of {registry.rstrip('/')}", style="dim")
    for environment in status.environments:
        _print_environment(status, environment, screen)
    if not any(environment.only_waiting for environment in status.environments):
        _print_matrix(status, screen)


def _print_lines(status: Status, screen: Screen) -> None:
    for environment in status.environments:
        screen.say(headline(status, environment))
    lines = []
    for environment in status.environments:
        calm = (entry for entry in environment.listed if entry.state == "current")
        for entry in (*attention(environment), *calm):
            pins = " -> ".join(short(pin) for pin in dict.fromkeys((entry.pin, entry.candidate)) if pin is not None)
            words = entry.image, environment.name, entry.state, pins, age(status, entry), entry.entry.overlay
            failed = failed_check(entry)
            page = evidence.link(failed) if failed is not None else None
            told = (why(status, entry), page, next_step(entry), *_seen(entry))
            lines.append([*map(plain, words), "; ".join(filter(None, told))])
    screen.say()
    screen.say_rows(lines)


def _print_environment(status: Status, environment: EnvironmentStatus, screen: Screen) -> None:
    screen.say()
    told = rows(status, environment)
    screen.say(headline(status, environment), hang=_INDENT, style="bold" if environment.waiting else "green")
    if not told:
        return
    if environment.waiting:
        source = f", promoted from {plain(environment.source)}" if environment.source else ""
        screen.say(f"{newest_release(status, environment)}{source}", indent=_INDENT, hang=_INDENT, style="dim")
    columns, width = align([[row.name, row.move] for row in told])
    for row, line in zip(told, columns, strict=True):
        style, why = _STYLES[row.first.state], f"{row.why} {row.url}".strip()
        text = " · ".join(filter(None, (why, row.next, row.place)))
        if width <= (screen.width or 0) * 2 // 3:
            lead, rest = line[: len(row.name)], f"{line[len(row.name) :]}{text}"
            screen.say(rest, indent=_INDENT, hang=width, lead=lead, style="bold", rest=style)
        else:
            screen.say(row.name, indent=_INDENT, style="bold")
            screen.say("  ".join(filter(None, (row.move, text))), indent=2 * _INDENT, hang=_INDENT, style=style)
        for seen in _seen(row.first):
            screen.say(seen, indent=2 * _INDENT, hang=_INDENT, style="dim")
    opened = {row.first.proposal.number: row.first.proposal.url for row in told if row.first.proposal is not None}
    for number, url in sorted(opened.items()):
        screen.say(f"#{number}: {plain(url)}", indent=_INDENT, hang=_INDENT, style="dim")


def _print_matrix(status: Status, screen: Screen) -> None:
    names = [redact.printable(plain(environment.name)) for environment in status.environments]
    table = _matrix_in_words(status)
    (heads, *lines), width = align([["", *names], *table])
    fits = width - GAP <= (screen.width or 0)
    screen.say()
    screen.say(heads if fits else "What runs where:", style="dim")
    for line, (image, *cells) in zip(lines, table, strict=True):
        if fits:
            screen.say(line[len(image) :], lead=image, style="bold")
        else:
            screen.say(image, style="bold")
            pins = (f"{name} {cell}" for name, cell in zip(names, cells, strict=True) if cell)
            screen.say(", ".join(pins), indent=_INDENT, hang=_INDENT)


def markdown(status: Status, problems: Sequence[Problem] = ()) -> str:
    """What could not be read, what needs attention in each environment, and folded what runs where."""
    first = [*frozen(status.environments), *unstopped(status.environments)]
    lines = [line for text in first for line in (f"**{md.prose(text, 1000)}**", "")]
    lines += [] if status.sees_pull_requests else ["No token is set, so open pull requests are not shown.", ""]
    texts = ((": ".join(filter(None, (problem.where, problem.message))), problem.next) for problem in problems)
    wrong = [f"- {md.prose(what, 1000)}. {md.prose(step, 1000)}".rstrip() for what, step in texts]
    lines += ["**Not everything could be read:**", "", *wrong, ""] if wrong else []
    for environment in status.environments:
        lines += [f"**{md.prose(headline(status, environment), 1000)}**", ""]
        told = [_cells(row) for row in rows(status, environment)]
        lines += [*md.table(["image", "change", "why", "next"], told), ""] if told else []
    if any(environment.only_waiting for environment in status.environments):
        return "\n".join(lines)
    table = _matrix_in_words(status)
    registry = f" of {md.html_code(registry)}" if (registry := common_registry(status).rstrip("/")) else ""
    lines += [f"<details><summary>What runs where: {reasons.counted(len(table), 'image')}{registry}</summary>", ""]
    heads = ["image", *(md.code(environment.name) for environment in status.environments)]
    lines += md.table(heads, ([md.code(image), *map(md.prose, cells)] for image, *cells in table))
    return "\n".join([*lines, "", "</details>", ""])


def _cells(row: Row) -> Sequence[str]:
    """A row as Markdown; a pull request has its address."""
    step, proposal = md.prose(row.next, 1000), row.first.proposal or row.first.after
    if proposal is not None and md.address(proposal.url):
        number = f"#{proposal.number}"
        step = step.replace(md.prose(number), f"[{number}]({proposal.url})")
    name = f"**{md.code(row.name)}** {md.prose(row.place)}".rstrip()
    told = [] if failed_check(row.first) is not None else [md.prose(row.why, 1000)]  # it is the first of the evidence
    return name, md.code(row.move), "<br>".join([*told, *evidence.markdown(row.first.seen)]), step


def _version(pin: Pin) -> str:
    """A pin by its tag, else by its digest."""
    return plain(pin.tag) if pin.tag else short(pin)
