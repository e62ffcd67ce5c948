"""Outcomes for whoever asked: text for people (`report.text`), or one JSON object for scripts.

Of the JSON every field is present; later versions only add. What is wrong goes to standard error as text in any case.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from gitops_bot import redact
from gitops_bot.releases.layout.checked import Checked
from gitops_bot.report import coverage as report_coverage
from gitops_bot.report import doctor as report_doctor
from gitops_bot.report import text as report_text
from gitops_bot.report.failed import print_problems
from gitops_bot.report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.doctor.finding import Diagnosis
    from gitops_bot.errors import Problem
    from gitops_bot.images.reason import Reason
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.outcome import EnvironmentOutcome, Outcome, Proposed
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.choice.hold import WrittenHold
    from gitops_bot.releases.plan import Change, Entry, Failed, Held

JsonObject = dict[str, Any]


def show_outcome(command: str, outcome: Outcome, output: str, at: datetime, *, written: bool) -> None:
    """A plan (`written` is false, and the diff is shown), or what came of it."""
    report_text.print_ended(outcome.ended, Screen.of(sys.stderr))
    if output == "json":
        _print(outcome_json(command, outcome, at))
        return
    report_text.print_outcome(outcome, Screen.of(report_text.stdout()), written=written, diff=not written)
    if outcome.coverage is not None:
        report_coverage.print_coverage(outcome.coverage, Screen.of(report_text.stdout()))
    print_problems(outcome.problems, Screen.of(sys.stderr))


def show_notice(output: str, message: str, advice: str) -> None:
    """What people should know before they read a plan; beside JSON it goes to standard error."""
    out = sys.stderr if output == "json" else report_text.stdout()
    report_text.print_notice(message, advice, Screen.of(out))


def show_edit(
    changes: Sequence[Change], unchanged: int, files: Mapping[str, tuple[bytes, bytes]], output: str, at: datetime
) -> None:
    """What `edit` did; `files` holds what it did not write, before and after."""
    if output == "json":
        _print(edit_json(changes, unchanged, at))
    else:
        report_text.print_edit(changes, unchanged, files, Screen.of(report_text.stdout()))


def show_checked(checked: Checked, output: str, at: datetime) -> None:
    """What `check` found."""
    report_text.print_ended(checked.ended, Screen.of(sys.stderr))
    if output == "json":
        _print(checked_json(checked, at))
        return
    report_text.print_checked(checked, Screen.of(report_text.stdout()))
    report_coverage.print_coverage(checked.coverage, Screen.of(report_text.stdout()))
    print_problems(checked.problems, Screen.of(sys.stderr))


def show_diagnosis(diagnosis: Diagnosis, output: str, at: datetime) -> None:
    """What `doctor` found."""
    if output == "json":
        _print(diagnosis_json(diagnosis, at))
    else:
        report_doctor.print_diagnosis(diagnosis, Screen.of(report_text.stdout()))


def show_ended(holds: Iterable[WrittenHold]) -> None:
    """The holds that hold nothing any more."""
    report_text.print_ended(holds, Screen.of(sys.stderr))


def show_problems(problems: Sequence[Problem]) -> None:
    """Why a command could not start, for people."""
    print_problems(problems, Screen.of(sys.stderr))


def show_failure(command: str, problems: Sequence[Problem], output: str, at: datetime) -> None:
    """Why a command could not start."""
    if output == "json":
        _print(failure_json(command, problems, at))
    print_problems(problems, Screen.of(sys.stderr))


def show_usage(command: str, problem: Problem, at: datetime) -> None:
    """What is wrong with the command line, for scripts; people have been told."""
    _print(failure_json(command, [problem], at))


def _print(document: JsonObject) -> None:
    json.dump(redact.struck(document), sys.stdout, indent=2)
    sys.stdout.write("\n")


def time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def envelope(
    command: str,
    at: datetime,
    *,
    repository: str | None = None,
    branch: str | None = None,
    commit: str | None = None,
    complete: bool = True,
    problems: Sequence[Problem] = (),
) -> JsonObject:
    """What every object starts with."""
    return {
        "schema": f"gitops-bot/{command}/1",
        "repository": repository,
        "branch": branch,
        "commit": commit,
        "at": time(at),
        "complete": complete,
        "problems": [problem_json(problem) for problem in problems],
    }


def outcome_json(command: str, outcome: Outcome, at: datetime) -> JsonObject:
    """`plan`, `update` and `set`: one shape, each under its own schema name."""
    head = envelope(
        command,
        at,
        repository=outcome.repository,
        branch=outcome.branch,
        commit=outcome.commit,
        complete=outcome.complete,
        problems=outcome.all_problems,
    )
    body: JsonObject = {"environments": [_environment(environment) for environment in outcome.environments]}
    if outcome.coverage is not None:
        body["coverage"] = report_coverage.coverage_json(outcome.coverage)
    return head | body


def result_json(command: str, result: Outcome | Checked, at: datetime) -> JsonObject:
    """What came of a command, as it prints it."""
    if isinstance(result, Checked):
        return checked_json(result, at)
    return outcome_json(command, result, at)


def edit_json(changes: Sequence[Change], unchanged: int, at: datetime) -> JsonObject:
    """`edit`: what was done to the one file."""
    return envelope("edit", at) | {"changes": [change_json(change) for change in changes], "unchanged": unchanged}


def checked_json(checked: Checked, at: datetime) -> JsonObject:
    """`check`: what is wrong stands in `problems`."""
    head = envelope("check", at, complete=not checked.problems, problems=checked.problems)
    return head | {
        "files": checked.files,
        "entries": checked.coverage.entries,
        "coverage": report_coverage.coverage_json(checked.coverage),
    }


def diagnosis_json(diagnosis: Diagnosis, at: datetime) -> JsonObject:
    """`doctor`: every check; what is wrong stands in `problems` too."""
    head = envelope(
        "doctor",
        at,
        repository=diagnosis.repository,
        branch=diagnosis.branch,
        commit=diagnosis.commit,
        complete=not diagnosis.problems,
        problems=diagnosis.problems,
    )
    return head | {"checks": [report_doctor.check_json(finding) for finding in diagnosis.findings]}


#: What a command that could not start says of its subject: nothing.
_NOTHING: dict[str, JsonObject] = {
    "plan": {"environments": [], "coverage": report_coverage.coverage_json(None)},
    "check": {"files": 0, "entries": 0, "coverage": report_coverage.coverage_json(None)},
    "doctor": {"checks": []},
    "edit": {"changes": [], "unchanged": 0},
}


def failure_json(command: str, problems: Sequence[Problem], at: datetime) -> JsonObject:
    """A command that could not start: its own shape, with nothing in it but the problems."""
    return envelope(command, at, complete=False, problems=problems) | _NOTHING.get(command, {"environments": []})


def problem_json(problem: Problem) -> JsonObject:
    """What, where and what to do next."""
    return {
        "code": problem.code,
        "message": problem.message,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "next": problem.next,
    }


def entry_json(entry: Entry) -> JsonObject:
    """Where a pin stands."""
    return {
        "environment": entry.environment,
        "overlay": entry.overlay,
        "file": entry.file,
        "line": entry.line,
        "name": entry.name,
        "image": entry.image,
    }


def pin_json(pin: Pin) -> JsonObject:
    """What is pinned."""
    return {"tag": pin.tag, "digest": pin.digest}


def reason_json(reason: Reason) -> JsonObject:
    """Why."""
    return {"code": reason.code, "text": reason.text, "data": dict(reason.data)}


def change_json(change: Change) -> JsonObject:
    """One pin that becomes another. A new name, which only `set` and `edit` give, stands in the reason's data."""
    data = dict(change.reason.data) | ({} if change.new_name is None else {"new_name": change.new_name})
    return {
        "entry": entry_json(change.entry),
        "from": pin_json(change.before),
        "to": pin_json(change.after),
        "source": change.source,
        "direction": change.direction,
        "reason": reason_json(change.reason) | {"data": data},
        "carried": change.carried,
    }


def _environment(environment: EnvironmentOutcome) -> JsonObject:
    return {
        "name": environment.name,
        "promoted_from": environment.promoted_from,
        "proposals": [_proposed(proposed) for proposed in environment.proposals],
        "held": [*map(_held, environment.all_held)],
        "failed": [_failed(failed) for failed in environment.failed],
        "unchanged": environment.unchanged,
    }


def _proposed(proposed: Proposed) -> JsonObject:
    return {
        "group": proposed.group,
        "branch": proposed.branch,
        "action": proposed.action,
        "reason": reason_json(proposed.reason),
        "pull_request": _pull_request(proposed.pull_request),
        "commit": proposed.commit,
        "changes": [change_json(change) for change in proposed.changes],
    }


def _pull_request(pull: PullRequest | None) -> JsonObject | None:
    return None if pull is None else {"number": pull.number, "url": pull.url, "state": pull.state}


def _held(held: Held) -> JsonObject:
    return {
        "entry": entry_json(held.entry),
        "current": pin_json(held.current),
        "candidate": pin_json(held.candidate) if held.candidate else None,
        "reason": reason_json(held.reason),
    }


def _failed(failed: Failed) -> JsonObject:
    return {
        "entry": entry_json(failed.entry) if failed.entry else None,
        "problem": problem_json(failed.problem),
    }
