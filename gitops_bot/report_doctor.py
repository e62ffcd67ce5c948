"""What `doctor` has found: a mark and a line for each check, and the next step where there is one."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from gitops_bot import redact, report_text
from gitops_bot.proposals.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

    from gitops_bot.proposals.health.finding import Diagnosis, Finding, Verdict

#: The mark, its colour (on a terminal: the word says the same), and `ok` in JSON.
_SHOWN: Mapping[Verdict, tuple[str, str, bool | None]] = {
    "good": ("ok", "green", True),
    "warning": ("warning", "yellow", None),
    "unknown": ("unknown", "cyan", None),
    "wrong": ("error", "bold red", False),
}
_LONG = 2000


def check_json(finding: Finding) -> dict[str, Any]:
    """One check; `ok` is null for a warning, and for what nobody knows."""
    return {
        "name": finding.name,
        "subject": plain(finding.subject),
        "ok": _SHOWN[finding.verdict][2],
        "verdict": finding.verdict,
        "text": plain(finding.text, _LONG),
        "next": plain(finding.next, _LONG),
    }


def print_diagnosis(diagnosis: Diagnosis, out: TextIO) -> None:
    """Print it: folded and in colours on a terminal, one line a check and one a next step where it is piped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in diagnosis.findings:
        mark, style, _ = _SHOWN[finding.verdict]
        table.add_row(Text(mark, style), Text(redact.printable(f"{_name(finding)}: {plain(finding.text, _LONG)}")))
        if finding.next:
            table.add_row("", Text(redact.printable(f"next: {plain(finding.next, _LONG)}")))
    text = StringIO()
    Console(file=text, force_terminal=out.isatty(), width=report_text.width(out), highlight=False).print(table)
    verdicts = [finding.verdict for finding in diagnosis.findings]
    counts = {mark: verdicts.count(verdict) for verdict, (mark, _, _) in _SHOWN.items()}
    for line in (
        *text.getvalue().splitlines(),
        ", ".join(f"{count} {mark}" for mark, count in counts.items() if count),
    ):
        print(line.rstrip(), file=out)


def _name(finding: Finding) -> str:
    return finding.name if finding.subject == finding.name else f"{finding.name} {plain(finding.subject)}"
