"""The summary of a step: Markdown within the size that GitHub allows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.action.outcome import count_line, outcome_of, repository, split_held
from gitops_bot.proposals.text.details import pull_command
from gitops_bot.proposals.text.markdown import code, plain, prose
from gitops_bot.report.show import LABELS
from gitops_bot.results.checkout import Checked
from gitops_bot.results.outcome import WRITING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitops_bot.action.outcome import StepResult
    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.proposal import Written
    from gitops_bot.releases.decisions import Change, Held
    from gitops_bot.results.outcome import EnvironmentOutcome

_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,500}")
#: Bytes reserved for the end of a block and for the line that says what is missing.
_END = 1024


@dataclass(slots=True)
class _Text:
    """Collects lines up to a number of bytes and counts those that do not fit."""

    room: int
    lines: list[str] = field(default_factory=list)
    left_out: int = 0

    def add(self, line: str) -> bool:
        size = len(line.encode()) + 1
        if size > self.room:
            return False
        self.room -= size
        self.lines.append(line)
        return True

    def block(self, head: Sequence[str], rows: Iterable[str], tail: Sequence[str] = ()) -> None:
        """Add rows between a head and a tail, which are written completely or not at all."""
        rows = list(rows)
        frame = sum(len(line.encode()) + 1 for line in (*head, *tail))
        if not rows or self.left_out or frame > self.room:
            self.left_out += len(rows)
            return
        self.room -= frame
        self.lines += head
        for number, row in enumerate(rows):
            if not self.add(row):
                self.left_out += len(rows) - number
                break
        self.lines += tail


def summary(title: str, result: StepResult, room: int, *, written: bool) -> str:
    """What was done: changes with digests in full, how to pull them, what was held and what failed.

    `room` is in bytes; what does not fit is left out, and the last line says how much that is.
    """
    if room < 2 * _END:
        return ""
    text = _Text(room - _END)
    text.add(f"### {prose(title)}")
    if isinstance(result.body, Checked):
        text.block([""], [count_line(result.body)])
    outcome = outcome_of(result)
    for environment, proposed in outcome.proposals:
        text.block(["", _heading(environment, proposed, written=written)], [""])
        text.block(["| Image | From | To | Where |", "|---|---|---|---|"], map(_change_row, proposed.changes), [""])
        pulls = (pull_command(repository(change), change.after.digest) for change in proposed.changes)
        text.block(["```sh"], dict.fromkeys(pull for pull in pulls if pull), ["```"])
    for environment in outcome.environments:
        entries, unmanaged = split_held(environment)
        text.block(["", f"**{prose(environment.name)}** held:", ""], map(_held_row, entries))
        text.block([""], [f"**{prose(environment.name)}**: {prose(unmanaged)}"] if unmanaged else [], [""])
        if not environment.proposals and not environment.all_held:
            text.block(["", f"**{prose(environment.name)}**: nothing to do"], [""])
    text.block(["", "**Failed:**", ""], map(_problem_row, dict.fromkeys(result.head.problems)))
    if text.left_out:
        text.lines += ["", f"… {text.left_out} more do not fit here; the log has all of them."]
    return "\n".join([*text.lines, "", ""])


def _heading(environment: EnvironmentOutcome, proposed: Written, *, written: bool) -> str:
    pull, action = proposed.pull_request, LABELS[proposed.action.name][written]
    link = " " + _link(f"#{pull.number}", pull.url) if pull else ""
    branch = f" on {code(proposed.branch)}" if proposed.branch else ""
    commit = f" at {code(proposed.commit)}" if proposed.commit else ""
    why = "" if proposed.action.name in WRITING else f": {prose(proposed.action.reason.text)}"
    return f"**{prose(environment.name)}**: {action}{link}{branch}{commit}{why}"


def _link(text: str, url: str) -> str:
    return f"[{plain(text)}]({url})" if _ADDRESS.fullmatch(url) else code(url)


def _change_row(change: Change) -> str:
    cells = (repository(change), _pin(change.before), _pin(change.after), f"{change.entry.file}:{change.entry.line}")
    return f"| {' | '.join(code(cell) for cell in cells)} |"


def _pin(pin: Pin) -> str:
    return str(pin) or "(none)"


def _held_row(held: Held) -> str:
    candidate = f" → {code(_pin(held.candidate))}" if held.candidate else ""
    where = code(f"{held.entry.file}:{held.entry.line}")
    return f"- {code(held.entry.image)} {code(_pin(held.current))}{candidate}: {prose(held.reason.text)} ({where})"


def _problem_row(problem: Problem) -> str:
    where = f"{code(problem.where)}: " if problem.where else ""
    advice = f" *Next:* {prose(problem.next, 2000)}" if problem.next else ""
    return f"- {where}{prose(problem.message, 2000)}{advice}"
