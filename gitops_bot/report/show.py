"""Shows results as text, with problems on standard error, or as one JSON object.

Each command imports only its own report: importing all takes 30 ms of CPU.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from gitops_bot import redact
from gitops_bot.report import outcome as outcomes
from gitops_bot.report.screen import Screen
from gitops_bot.results.checkout import Checked
from gitops_bot.results.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.errors import Problem
    from gitops_bot.results.checkout import Inventory
    from gitops_bot.results.result import Result
    from gitops_bot.results.shape import JsonObject
    from gitops_bot.results.status import Overview, Status


def show(command: str, result: Result[Any], output: str, at: datetime, *, written: bool = True) -> None:
    """Show what a command did or found. If nothing was `written`, include the diff of what would be."""
    if isinstance(result.body, Outcome | Checked):
        outcomes.print_ended(result.body.ended, Screen.of(sys.stderr))
    if output == "json":
        from gitops_bot.report import document  # the shapes of all commands take 20 ms

        _print(document.of(command, result, at))
    else:
        _print_text(command, result, _stdout(), written=written)


def _print_text(command: str, result: Result[Any], screen: Screen, *, written: bool) -> None:
    head, body, coverage = result.head, result.body, None
    match command:
        case "audit":
            from gitops_bot.report.audit import print_audit

            print_audit(body, screen)
        case "check":
            outcomes.print_checked(head, body, screen)
            coverage = body.coverage
        case "doctor":
            from gitops_bot.report.doctor import print_diagnosis

            print_diagnosis(body, screen)
            return  # the problems are among its findings
        case "edit":
            outcomes.print_edit(body, screen, diff=not written)
        case "explain":
            from gitops_bot.report.explain import print_explanations

            print_explanations(head, body, screen)
        case "history":
            from gitops_bot.report.history import print_history

            print_history(head, body, screen)
        case "init":
            from gitops_bot.report.coverage import print_initialised

            print_initialised(body, screen)
        case "status":
            from gitops_bot.report.status import print_status

            print_status(head, body, screen)
        case _:
            outcomes.print_outcome(head, body, screen, written=written)
            coverage = body.coverage
    if coverage is not None:
        from gitops_bot.report.coverage import print_coverage

        print_coverage(coverage, screen)
    show_problems(body.problems if isinstance(body, Outcome) else head.problems)  # it told those of environments


def show_notice(output: str, message: str, advice: str) -> None:
    """A note above the plan; with JSON it goes to standard error."""
    outcomes.print_notice(message, advice, Screen.of(sys.stderr) if output == "json" else _stdout())


def show_inventory(inventory: Inventory, output: str) -> None:
    """What `init` found, before it asks or writes anything; with JSON it is part of the result."""
    if output == "text":
        from gitops_bot.report.coverage import print_inventory

        # On standard output is the text of the file, where `--dry-run` prints it.
        print_inventory(inventory, Screen.of(sys.stderr))
        show_problems(inventory.problems)


def show_markdown(result: Result[Status]) -> None:
    """`status` as Markdown."""
    from gitops_bot.report.status import markdown

    _stdout().out.write(redact.strike(markdown(result.body)))
    show_problems(result.head.problems)


def show_overview(result: Result[Overview]) -> None:
    """`status` as a page."""
    from gitops_bot.report import page  # takes 0.1 s of CPU, and is needed only here

    _stdout().out.write(page.html(result))
    show_problems(result.head.problems)


def show_problems(problems: Sequence[Problem]) -> None:
    """What went wrong, for people."""
    outcomes.print_problems(problems, Screen.of(sys.stderr))


def show_failure(command: str, problems: Sequence[Problem], output: str, at: datetime) -> None:
    """Why a command could not start."""
    if output == "json":
        show_usage(command, problems, at)
    show_problems(problems)


def show_usage(command: str, problems: Sequence[Problem], at: datetime) -> None:
    """Show usage errors as JSON; the text was already printed."""
    from gitops_bot.report import document

    _print(document.of_failure(command, problems, at))


def _stdout() -> Screen:
    """Standard output; characters that it cannot encode are replaced."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    return Screen.of(sys.stdout)


def _print(shown: JsonObject) -> None:
    # In one piece: if Python's output is unbuffered, as in the container, each piece is a system call.
    # On one line for a program: indenting thousands of releases or pins takes 0.03 s.
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(redact.struck(shown), indent=indent) + "\n")
