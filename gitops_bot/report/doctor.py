"""The findings of `doctor`: a mark and a line for each check, and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.screen import LONG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.report.screen import Screen, Style
    from gitops_bot.results.diagnosis import Diagnosis, Verdict

#: The mark, and its colour on a terminal.
_SHOWN: Mapping[Verdict, tuple[str, Style]] = {
    "good": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "unknown": ("unknown", "cyan"),
    "wrong": ("error", "bold red"),
}


def print_diagnosis(diagnosis: Diagnosis, screen: Screen) -> None:
    """Print it: folded and in colours on a terminal; piped, a line for each check and each next step."""
    marks = [_SHOWN[finding.verdict][0] for finding in diagnosis]
    column = max((len(mark) for mark in marks), default=0) + 2
    for finding, mark in zip(diagnosis, marks, strict=True):
        style = _SHOWN[finding.verdict][1]
        subject = "" if finding.subject == finding.name else f" {plain(finding.subject)}"
        text = f"{finding.name}{subject}: {plain(finding.text, LONG)}"
        screen.say(text, hang=column, lead=mark.ljust(column), style=style)
        if finding.next:
            screen.say(f"next: {plain(finding.next, LONG)}", indent=column)
    verdicts = [finding.verdict for finding in diagnosis]
    counts = {mark: verdicts.count(verdict) for verdict, (mark, _) in _SHOWN.items()}
    screen.say(", ".join(f"{count} {mark}" for mark, count in counts.items() if count))
