"""Prints changed pins, as a table if it fits, else as blocks, and the diff of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.diff import unified
from gitops_bot.report.screen import GAP, padded, widths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Change, Entry
    from gitops_bot.report.screen import Screen, Style

_SHORT = len("sha256:") + 12
_HEADINGS = ("IMAGE", "FROM", "TO", "WHERE AND WHY")
_INDENT = 4
#: A terminal with fewer columns has no table.
_TABLE = 100


def print_changes(changes: Sequence[Change], screen: Screen) -> None:
    """Print a table. On a terminal, file and reason are on lines below each row.

    A terminal that is too narrow for the table gets a block for each change. Words are never broken.
    """
    rows = [_cells(change) for change in changes]
    columns = widths([row[:3] for row in (_HEADINGS, *rows)])
    if screen.width is None:
        screen.say(padded(_HEADINGS, columns), indent=_INDENT)
        for *cells, why in rows:
            screen.say(padded(cells, columns), indent=_INDENT)
            screen.say(why, indent=_INDENT + sum(columns))
        return
    table = screen.width >= max(_TABLE, _INDENT + sum(columns) - GAP)
    if table:
        screen.say(padded(_HEADINGS[:3], columns), indent=_INDENT)
    for image, before, after, where, why in rows:
        if table:
            screen.say(padded((image, before, after), columns), indent=_INDENT)
        else:
            screen.say(image, indent=_INDENT, style="bold")
            screen.say(f"{before} -> {after}", indent=_INDENT + 2, hang=2)
        for line in (where, why):
            screen.say(line, indent=_INDENT + 2, hang=2)


def diff_text(files: Mapping[str, tuple[bytes, bytes]]) -> str:
    """A unified diff as one text."""
    return "".join(f"{line}\n" for lines in _diffs(files) for line in lines)


def print_diff(files: Mapping[str, tuple[bytes, bytes]], screen: Screen) -> None:
    """A unified diff of what is written, and of nothing else."""
    for lines in _diffs(files):
        screen.say()
        for number, line in enumerate(lines):
            screen.say_as_is(line, "bold" if number < 2 else _DIFF.get(line[:1]))


def _diffs(files: Mapping[str, tuple[bytes, bytes]]) -> Iterator[Iterator[str]]:
    for path, (before, after) in sorted(files.items()):
        name = plain(path).lstrip("/")
        yield unified(_lines(before), _lines(after), f"a/{name}", f"b/{name}")


_DIFF: Mapping[str, Style] = {"+": "green", "-": "red", "@": "cyan"}


def short(pin: Pin) -> str:
    """A pin with its digest shortened to twelve digits; files may pin any text."""
    digest = f"@{redact.strike(pin.digest)[:_SHORT]}" if pin.digest else ""
    return plain(f"{pin.tag or ''}{digest}") or "(none)"


def place(entry: Entry) -> str:
    """`file:line`."""
    return f"{plain(entry.file)}:{entry.line}"


def renamed(change: Change) -> str:
    """The new name, where a person gave one."""
    return f" (now {plain(change.new_name)})" if change.new_name else ""


def _cells(change: Change) -> tuple[str, ...]:
    image = plain(change.entry.image) + renamed(change)
    cells = (image, short(change.before), short(change.after), place(change.entry), plain(change.reason.text))
    # Secrets are struck before padding and folding: half of one would not be recognised.
    return tuple(map(redact.printable, cells))


def _lines(data: bytes) -> list[str]:
    """The lines of a file as a diff shows them."""
    # Secrets are struck from the whole file: a diff may show the middle of a private key.
    lines = redact.strike(data.decode("utf-8", "replace")).removeprefix("\ufeff").split("\n")
    # As in git: if a file does not end in a line break, the diff says so.
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]
