"""Shows outcomes: text for people, or one JSON object for scripts; problems go to standard error too.

Each command imports its own report alone: all of them take 30 ms of CPU.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.report import document
from gitops_bot.report import text as report_text
from gitops_bot.report.failed import print_problems
from gitops_bot.report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from gitops_bot.doctor.finding import Diagnosis
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.audit import Audit
    from gitops_bot.proposals.history import History
    from gitops_bot.proposals.outcome import EditOutcome, Outcome
    from gitops_bot.proposals.overview import Overview
    from gitops_bot.proposals.status import Status
    from gitops_bot.proposals.text.shape import JsonObject
    from gitops_bot.releases.choice.explained import Explanations
    from gitops_bot.releases.choice.hold import WrittenHold
    from gitops_bot.releases.layout.checked import Checked
    from gitops_bot.releases.layout.inventory import Initialised, Inventory


def show_outcome(command: str, outcome: Outcome, output: str, at: datetime, *, written: bool) -> None:
    """A plan with its diff (`written` is false), or what came of it."""
    from gitops_bot.report import coverage as report_coverage

    show_ended(outcome.ended)
    if output == "json":
        _print(document.of_outcome(command, outcome, at))
        return
    report_text.print_outcome(outcome, Screen.of(report_text.stdout()), written=written, diff=not written)
    if outcome.coverage is not None:
        report_coverage.print_coverage(outcome.coverage, Screen.of(report_text.stdout()))
    print_problems(outcome.problems, Screen.of(sys.stderr))


def show_notice(output: str, message: str, advice: str) -> None:
    """A note above the plan; with JSON it goes to standard error."""
    out = sys.stderr if output == "json" else report_text.stdout()
    report_text.print_notice(message, advice, Screen.of(out))


def show_edit(edited: EditOutcome, output: str, at: datetime, *, diff: bool) -> None:
    """What `edit` did, or would do (`diff`: what it would write)."""
    if output == "json":
        _print(document.of_edit(edited, at))
    else:
        report_text.print_edit(edited, Screen.of(report_text.stdout()), diff=diff)


def show_checked(checked: Checked, output: str, at: datetime) -> None:
    """The result of `check`."""
    from gitops_bot.report import coverage as report_coverage

    show_ended(checked.ended)
    if output == "json":
        _print(document.of_checked(checked, at))
        return
    report_text.print_checked(checked, Screen.of(report_text.stdout()))
    report_coverage.print_coverage(checked.coverage, Screen.of(report_text.stdout()))
    print_problems(checked.problems, Screen.of(sys.stderr))


def show_inventory(inventory: Inventory, output: str) -> None:
    """What `init` found, before it asks or writes anything; with JSON it is part of the result."""
    from gitops_bot.report import init as report_init

    if output == "text":
        # Beside the text of the file, which is what a `--dry-run` prints.
        report_init.print_inventory(inventory, Screen.of(sys.stderr))
        print_problems(inventory.problems, Screen.of(sys.stderr))


def show_initialised(done: Initialised, output: str, at: datetime) -> None:
    """What `init` wrote, or would write."""
    from gitops_bot.report import init as report_init

    if output == "json":
        _print(document.of_initialised(done, at))
    else:
        report_init.print_initialised(done, Screen.of(report_text.stdout()))


def show_explanations(explanations: Explanations, output: str, at: datetime) -> None:
    """What `explain` found."""
    from gitops_bot.report import explain as report_explain

    if output == "json":
        _print(document.of_explanations(explanations, at))
        return
    report_explain.print_explanations(explanations, Screen.of(report_text.stdout()))
    print_problems(explanations.problems, Screen.of(sys.stderr))


def show_audit(audit: Audit, output: str, at: datetime) -> None:
    """What registries still have, what they must keep, or releases as CSV."""
    from gitops_bot.report import audit as report_audit

    if output == "json":
        _print(document.of_audit(audit, at))
        return
    if audit.keep is not None:
        report_audit.print_keep_list(audit, sys.stdout)
    elif audit.histories is not None:
        report_audit.print_csv(audit.histories, report_text.stdout())
    else:
        report_audit.print_audit(audit, Screen.of(report_text.stdout()))
    print_problems(audit.problems, Screen.of(sys.stderr))


def show_history(history: History, output: str, at: datetime) -> None:
    """The releases of an environment."""
    from gitops_bot.report import history as report_history

    if output == "json":
        _print(document.of_history(history, at))
        return
    report_history.print_history(history, Screen.of(report_text.stdout()))
    print_problems(history.problems, Screen.of(sys.stderr))


def show_status(status: Status, output: str) -> None:
    """What every environment pins."""
    from gitops_bot.report import status as report_status

    match output:
        case "json":
            _print(document.of_status(status))
            return
        case "markdown":
            sys.stdout.write(redact.strike(report_status.markdown(status)))
        case _:
            report_status.print_status(status, Screen.of(report_text.stdout()))
    print_problems(status.problems, Screen.of(sys.stderr))


def show_overview(overview: Overview) -> None:
    """The page."""
    from gitops_bot.report import page  # takes 0.1 s of CPU, and is needed only here

    sys.stdout.write(page.html(overview))
    print_problems(overview.status.problems, Screen.of(sys.stderr))


def show_diagnosis(diagnosis: Diagnosis, output: str, at: datetime) -> None:
    """The result of `doctor`."""
    from gitops_bot.report import doctor as report_doctor

    if output == "json":
        _print(document.of_diagnosis(diagnosis, at))
    else:
        report_doctor.print_diagnosis(diagnosis, Screen.of(report_text.stdout()))


def show_ended(holds: Iterable[WrittenHold]) -> None:
    """The holds that have ended."""
    report_text.print_ended(holds, Screen.of(sys.stderr))


def show_problems(problems: Sequence[Problem]) -> None:
    """Why a command could not start, for people."""
    print_problems(problems, Screen.of(sys.stderr))


def show_failure(command: str, problems: Sequence[Problem], output: str, at: datetime) -> None:
    """Why a command could not start."""
    if output == "json":
        _print(document.of_failure(command, problems, at))
    show_problems(problems)


def show_usage(command: str, problem: Problem, at: datetime) -> None:
    """What is wrong with the command line, for scripts: people have read it already."""
    _print(document.of_failure(command, [problem], at))


def _print(shown: JsonObject) -> None:
    # In one piece: where Python's output has no buffer, as in the container, each piece is a call of the system.
    sys.stdout.write(json.dumps(redact.struck(shown), indent=2) + "\n")
