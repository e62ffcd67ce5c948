"""Unified diffs of files with few, small differences, such as edited pins.

`difflib` looks for the best possible diff, which takes minutes for a file of 1 MiB with repeated lines. This one only
looks a few lines ahead, in linear time. If more lines differ in one place, it shows the rest of the file as changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.proposals.text.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.report.screen import Screen, Style

#: Lines that are shown around a change.
_CONTEXT = 3
#: Lines that are looked at to find where both files agree again. An edit changes three lines of an entry at most.
_AHEAD = 8
_STEPS = sorted(
    ((old, new) for old in range(_AHEAD) for new in range(_AHEAD) if old or new),
    key=lambda step: (max(step), abs(step[0] - step[1])),
)
_STYLES: Mapping[str, Style] = {"+": "green", "-": "red", "@": "cyan"}


def diff_text(files: Mapping[str, tuple[bytes, bytes]]) -> str:
    """The diff of these files, each before and after, as one text."""
    return "".join(f"{line}\n" for lines in _diffs(files) for line in lines)


def print_diff(files: Mapping[str, tuple[bytes, bytes]], screen: Screen) -> None:
    """Print what is written to these files, and nothing else."""
    for lines in _diffs(files):
        screen.say()
        for number, line in enumerate(lines):
            screen.say_as_is(line, "bold" if number < 2 else _STYLES.get(line[:1]))


def _diffs(files: Mapping[str, tuple[bytes, bytes]]) -> Iterator[Iterator[str]]:
    for path, (before, after) in sorted(files.items()):
        name = plain(path).lstrip("/")
        yield unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")


def _lines(data: bytes) -> list[str]:
    """The lines of a file as a diff shows them."""
    # Secrets are struck from the whole file: a diff may show the middle of a private key.
    lines = redact.strike(data.decode("utf-8", "replace")).removeprefix("\ufeff").split("\n")
    # As in git: if a file does not end in a line break, the diff says so.
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines `old` to `old_end` of the first file became lines `new` to `new_end` of the second."""

    old: int
    old_end: int
    new: int
    new_end: int


def unified_diff(before: Sequence[str], after: Sequence[str], old_name: str, new_name: str) -> Iterator[str]:
    """The lines of the diff; none where nothing differs."""
    hunks: list[list[_Change]] = []
    for change in _changes(before, after):
        if hunks and change.old - hunks[-1][-1].old_end <= 2 * _CONTEXT:
            hunks[-1].append(change)
        else:
            hunks.append([change])
    if hunks:
        yield f"--- {old_name}"
        yield f"+++ {new_name}"
    for hunk in hunks:
        yield from _hunk(hunk, before, after)


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[_Change]:
    old = new = 0
    while old < len(before) or new < len(after):
        if old < len(before) and new < len(after) and before[old] == after[new]:
            old, new = old + 1, new + 1
            continue
        start = (old, new)
        while (step := _step(before, after, old, new)) is None:
            old, new = old + 1, new + 1
        old, new = old + step[0], new + step[1]
        yield _Change(start[0], old, start[1], new)


def _step(before: Sequence[str], after: Sequence[str], old: int, new: int) -> tuple[int, int] | None:
    """How many lines of each file differ until both agree again or end; None if that is too far ahead."""
    for more, less in _STEPS:
        old_at, new_at = old + more, new + less
        if old_at < len(before) and new_at < len(after):
            if before[old_at] == after[new_at]:
                return more, less
        elif (old_at, new_at) == (len(before), len(after)):
            return more, less
    remaining = len(before) - old, len(after) - new
    return remaining if min(remaining) <= 0 else None


def _hunk(hunk: Sequence[_Change], before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    first, last = hunk[0], hunk[-1]
    lead, tail = min(first.old, _CONTEXT), min(len(before) - last.old_end, _CONTEXT)
    old = _range(first.old - lead, last.old_end + tail)
    yield f"@@ -{old} +{_range(first.new - lead, last.new_end + tail)} @@"
    at = first.old - lead
    for change in hunk:
        yield from (f" {line}" for line in before[at : change.old])
        yield from (f"-{line}" for line in before[change.old : change.old_end])
        yield from (f"+{line}" for line in after[change.new : change.new_end])
        at = change.old_end
    yield from (f" {line}" for line in before[at : at + tail])


def _range(start: int, end: int) -> str:
    """As diff(1) counts: from 1, without the length of a single line, and from the line before an empty range."""
    if end - start == 1:
        return str(end)
    return f"{start + (end > start)},{end - start}"
