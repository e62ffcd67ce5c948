"""Outcomes for people: what would change as a table and a diff, what is held, what failed and what to do next."""

from __future__ import annotations

import difflib
import shutil
import sys
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from gitops_bot import redact
from gitops_bot.proposals.markdown import plain
from gitops_bot.releases import hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.outcome import EnvironmentOutcome, Outcome, Proposed
    from gitops_bot.releases.checked import Checked
    from gitops_bot.releases.hold import WrittenHold
    from gitops_bot.releases.plan import Change

_SHORT = len("sha256:") + 12
_NO_ENVIRONMENT = (
    "No environment was found: there is no gitops-bot.yaml, and no kustomization lies in a directory that is named\n"
    "like one (dev, staging, production, ...). Name environments and their overlays in gitops-bot.yaml."
)
#: What an action is called before it is done, and after.
WORDS = {
    "open": ("would open a pull request", "opened"),
    "refresh": ("would refresh the pull request", "refreshed"),
    "close": ("would close the pull request", "closed"),
    "leave": ("would leave it alone", "left alone"),
    "commit": ("would commit", "committed"),
    "none": ("nothing to write", "nothing to write"),
}


def print_outcome(outcome: Outcome, out: TextIO, *, written: bool, diff: bool) -> None:
    """Print a plan (`written` is false), or what came of it."""
    where = " ".join(part for part in (outcome.repository, outcome.branch) if part)
    if outcome.commit:
        _say(f"{where} at {outcome.commit[:10]}".strip(), out)
    if not outcome.environments:
        _say(_NO_ENVIRONMENT, out)
    for environment in outcome.environments:
        _say("", out)
        _environment(environment, out, written=written)
    if diff:
        for environment in outcome.environments:
            for proposed in environment.proposals:
                print_diff(proposed.files, out)
    if not outcome.saw_pull_requests:
        _say("\nNo token is set, so pull requests were not seen: GITHUB_TOKEN lets the plan look at them.", out)


def print_changes(changes: Sequence[Change], out: TextIO) -> None:
    """One table row a change. What is piped is never folded, so that it can be searched."""
    rows = [_HEADINGS, *(_row(change) for change in changes)]
    lines = _folded(rows, width(out)) if out.isatty() else _unfolded(rows)
    for line in lines:
        _say(line.rstrip(), out)


_HEADINGS = ("IMAGE", "FROM", "TO", "WHERE AND WHY")
_INDENT, _GAP = 4, 2
#: Columns of what is piped.
_UNFOLDED = 4096


def _row(change: Change) -> tuple[str, ...]:
    renamed = f" (now {plain(change.new_name)})" if change.new_name else ""
    where = f"{plain(change.entry.file)}:{change.entry.line}"
    image = plain(change.entry.image) + renamed
    cells = (image, short(change.before), short(change.after), f"{where}\n{plain(change.reason.text)}")
    # Before a narrow terminal folds them: half a secret is not known any more.
    return tuple(map(redact.strike, cells))


def _folded(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table that fits into a terminal."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for heading in rows[0]:
        table.add_column(heading, no_wrap=heading in ("FROM", "TO"), overflow="fold")
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    text = StringIO()
    Console(file=text, width=width, highlight=False).print(Padding(table, (0, 0, 0, _INDENT), expand=False))
    return text.getvalue().splitlines()


def _unfolded(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The same without an end on the right. Rich takes 0.4 ms a row to find out that there is room."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) + _GAP for column in zip(*(row[:-1] for row in rows), strict=True)]
    for *cells, last in rows:
        first, *others = last.split("\n")
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
        yield " " * _INDENT + "".join(padded) + first
        yield from (" " * (_INDENT + sum(widths)) + other for other in others)


def width(out: TextIO) -> int:
    """The columns there are. What is piped is never folded, so that it can be searched."""
    return shutil.get_terminal_size().columns if out.isatty() else _UNFOLDED


def print_diff(files: Mapping[str, tuple[bytes, bytes]], out: TextIO) -> None:
    """A unified diff of what is written, and of nothing else."""
    for path, (before, after) in sorted(files.items()):
        name = plain(path).lstrip("/")
        lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}", lineterm="")
        _say("", out)
        for line in lines:
            _say(line, out)


def print_problems(problems: Iterable[Problem], out: TextIO) -> None:
    """What, where and what to do next."""
    for problem in problems:
        where = f"{plain(problem.where)}: " if problem.where else ""
        _say(f"error: {where}{plain(problem.message, 2000)}", out)
        if problem.next:
            _say(f"  next: {plain(problem.next, 2000)}", out)


def print_notice(message: str, advice: str, out: TextIO) -> None:
    """What people should know, with the next step."""
    _say(f"note: {plain(message, 2000)}\n  next: {plain(advice, 2000)}\n", out)


def print_ended(holds: Iterable[WrittenHold], out: TextIO) -> None:
    """The holds that hold nothing any more: no failure, and whoever wrote them wants to know."""
    for written in holds:
        file, line, column = written.place
        what = f"{written.environment} {written.image}" if written.image else written.environment
        why = f"the hold on {plain(what)} ended {hold.shown(written.until)} ({plain(written.why)})"
        _say(f"note: {plain(file)}:{line}:{column}: {why}\n  next: remove it, or give it a later `until`", out)


def short(pin: Pin) -> str:
    """A pin with its digest cut to twelve digits; what stands in a file may be any text."""
    digest = f"@{redact.strike(pin.digest)[:_SHORT]}" if pin.digest else ""
    return plain(f"{pin.tag or ''}{digest}") or "(none)"


def _environment(environment: EnvironmentOutcome, out: TextIO, *, written: bool) -> None:
    source = f" (from {plain(environment.promoted_from)})" if environment.promoted_from else ""
    _say(f"{plain(environment.name)}{source}", out)
    for proposed in environment.proposals:
        _proposed(proposed, out, written=written)
    if environment.held:
        _say("  held:", out)
    for held in environment.held:
        candidate = f" -> {short(held.candidate)}" if held.candidate else ""
        where = f"{plain(held.entry.file)}:{held.entry.line}"
        _say(f"    {plain(held.entry.name)} {short(held.current)}{candidate}  {where}", out)
        _say(f"      {held.reason.code}: {plain(held.reason.text)}", out)
    if environment.failed:
        _say("  failed:", out)
    for failed in environment.failed:
        name = f"{plain(failed.entry.name)}: " if failed.entry else ""
        where = f" ({plain(failed.problem.where)})" if failed.problem.where else ""
        _say(f"    {name}{plain(failed.problem.message, 2000)}{where}", out)
        if failed.problem.next:
            _say(f"      next: {plain(failed.problem.next, 2000)}", out)
    _say(f"  {environment.unchanged} unchanged", out)


def _proposed(proposed: Proposed, out: TextIO, *, written: bool) -> None:
    words = WORDS[proposed.action][1 if written else 0]
    if proposed.action == "none" and proposed.reason.code.startswith("failed."):
        words = "not done"
    target = f" {proposed.branch}" if proposed.branch else ""
    pull = f" #{proposed.pull_request.number} {proposed.pull_request.url}" if proposed.pull_request else ""
    commit = f" {proposed.commit[:10]}" if proposed.commit and proposed.action == "commit" else ""
    # Why something was opened, refreshed or committed is said for each change; why not, is said here.
    why = "" if written and proposed.action in ("open", "refresh", "commit") else f": {plain(proposed.reason.text)}"
    _say(f"  {words}{commit}{pull}{target}{why}", out)
    if proposed.changes:
        print_changes(proposed.changes, out)
    for notes in dict.fromkeys(change.reason.data.get("notes") for change in proposed.changes):
        if notes:
            _say(f"    beside the pins: {plain(str(notes), 2000)}", out)


def _lines(data: bytes) -> list[str]:
    """The lines of a file as a diff shows them."""
    # Secrets are struck out of the whole: of a private key, a diff may show the middle.
    lines = redact.strike(data.decode("utf-8", "replace")).removeprefix("\ufeff").split("\n")
    # As git has it: a file ends in a line break, or it is said that it does not.
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]


def _say(text: str, out: TextIO) -> None:
    """Print it, without secrets; what a terminal or a job's log would take for a command is escaped."""
    print(redact.printable(text), file=out)


def print_edit(
    changes: Sequence[Change], unchanged: int, files: Mapping[str, tuple[bytes, bytes]], out: TextIO
) -> None:
    """One line a change, and the diff of `files`. No table: this command has to be quick."""
    for change in changes:
        renamed = f" (now {plain(change.new_name)})" if change.new_name else ""
        where = f"{plain(change.entry.file)}:{change.entry.line}"
        pins = f"{plain(str(change.before))} -> {plain(str(change.after))}"
        _say(f"{where}: {plain(change.entry.name)}{renamed} {pins}", out)
    if unchanged:
        _say(f"{unchanged} already as asked", out)
    print_diff(files, out)


def print_checked(checked: Checked, out: TextIO) -> None:
    """How much was looked at; what is wrong goes to `print_problems`."""
    if not checked.files and not checked.problems:
        _say(_NO_ENVIRONMENT, out)
        return
    verdict = f"{len(checked.problems)} wrong" if checked.problems else "all good"
    _say(f"{checked.files} files, {checked.entries} entries: {verdict}", out)


def stdout() -> TextIO:
    """Standard output, with characters that it cannot show replaced rather than fatal."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    return sys.stdout
