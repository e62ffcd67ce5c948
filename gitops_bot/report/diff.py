"""Unified diffs of files with few, small differences, such as edited pins.

`difflib` looks for the best possible diff, which takes minutes for a file of 1 MiB with repeated lines. This one only
looks a few lines ahead, in linear time. If more lines differ in one place, it shows the rest of the file as changed.
"""

from __future__ import annotations

from difflib import Match, SequenceMatcher
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


class _Matcher(SequenceMatcher[str]):
    """Finds in linear time where two files agree."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        super().__init__(None, before, after, autojunk=False)
        self._files = before, after

    def get_matching_blocks(self) -> list[Match]:
        (before, after), blocks = self._files, []
        old = new = 0
        while old < len(before) or new < len(after):
            start = old, new
            while old < len(before) and new < len(after) and before[old] == after[new]:
                old, new = old + 1, new + 1
            blocks.append(Match(*start, old - start[0]))
            while (step := _step(before, after, old, new)) is None:
                old, new = old + 1, new + 1
            old, new = old + step[0], new + step[1]
        return [*blocks, Match(old, new, 0)]


def unified_diff(before: Sequence[str], after: Sequence[str], old_name: str, new_name: str) -> Iterator[str]:
    """The lines of the diff; none where nothing differs."""
    head = [f"--- {old_name}", f"+++ {new_name}"]
    for hunk in _Matcher(before, after).get_grouped_opcodes(_CONTEXT):
        (_, old, _, new, _), (_, _, old_end, _, new_end) = hunk[0], hunk[-1]
        yield from (*head, f"@@ -{_range(old, old_end)} +{_range(new, new_end)} @@")
        head = []
        for tag, old, old_end, new, new_end in hunk:
            if tag == "equal":
                yield from (f" {line}" for line in before[old:old_end])
            else:
                yield from (f"-{line}" for line in before[old:old_end])
                yield from (f"+{line}" for line in after[new:new_end])


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


def _range(start: int, end: int) -> str:
    """As diff(1) counts: from 1, without the length of a single line, and from the line before an empty range."""
    if end - start == 1:
        return str(end)
    return f"{start + (end > start)},{end - start}"
