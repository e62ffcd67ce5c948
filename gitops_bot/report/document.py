"""The JSON that scripts rely on, and its JSON Schema: every field is present, and later versions only add."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.proposals.text.shape import BOOL, COMMIT, COUNT, DEFS, TEXT, TIME, Shape, many, or_null, record
from gitops_bot.report.changes import diff_text
from gitops_bot.report.commands import COMMANDS
from gitops_bot.report.shapes import PROBLEM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.doctor.finding import Diagnosis
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.audit import Audit
    from gitops_bot.proposals.history import History
    from gitops_bot.proposals.outcome import EditOutcome, Outcome
    from gitops_bot.proposals.status import Status
    from gitops_bot.proposals.text.shape import Field, JsonObject, Schema
    from gitops_bot.releases.choice.explained import Explanations
    from gitops_bot.releases.layout.checked import Checked
    from gitops_bot.releases.layout.inventory import Initialised


@dataclass(frozen=True, slots=True)
class _Head:
    """What every document begins with."""

    at: datetime
    repository: str | None = None
    branch: str | None = None
    commit: str | None = None
    complete: bool = True
    problems: Sequence[Problem] = ()


_HEAD: Final[Mapping[str, Shape | Field]] = {
    "repository": or_null(TEXT),
    "branch": or_null(TEXT),
    "commit": or_null(COMMIT),
    "at": TIME,
    "complete": BOOL,
    "problems": many(PROBLEM),
}


def _body(command: str) -> Mapping[str, Shape | Field]:
    """The fields of a command's document. Only its own shapes are imported: all of them take 20 ms."""
    match command:
        case "check":
            from gitops_bot.report.shapes import COVERAGE

            return {"files": COUNT, "entries": COUNT.of("coverage.entries"), "coverage": COVERAGE}
        case "doctor":
            from gitops_bot.report.shapes_doctor import CHECK

            return {"checks": many(CHECK).of("findings")}
        case "explain":
            from gitops_bot.report.shapes_explain import EXPLAINED

            return {"entries": many(EXPLAINED)}
        case "history":
            from gitops_bot.proposals.text.release import RELEASE
            from gitops_bot.report.shapes import BETWEEN, CONTENT

            return {
                "environment": replace(TEXT, empty=""),
                "bounded": replace(BOOL, empty=False),
                "releases": many(RELEASE),
                "between": or_null(BETWEEN),
                "diff": or_null(TEXT).of(lambda history: None if history.files is None else diff_text(history.files)),
                "content": or_null(CONTENT),
                "exported": or_null(TEXT),
            }
        case "audit":
            from gitops_bot.report.shapes import RELEASES
            from gitops_bot.report.shapes_audit import AUDITED, KEPT

            return {
                "environments": many(AUDITED),
                "keep": or_null(many(KEPT)),
                "histories": or_null(many(RELEASES)),
            }
        case "init":
            from gitops_bot.report.shapes import ELSEWHERE, FOUND, GAP, REGISTRY

            return {
                "file": or_null(TEXT),
                "written": replace(BOOL, empty=False),
                "text": or_null(TEXT),
                "environments": many(FOUND).of("inventory.environments"),
                "no_environment": COUNT.of("inventory.outside.entries"),
                "deployed_elsewhere": many(ELSEWHERE).of(lambda done: list(done.inventory.elsewhere.items())),
                "registries": many(REGISTRY).of("inventory.registries"),
                "without_counterpart": many(GAP).of("gaps"),
            }
        case "status":
            from gitops_bot.report.shapes import ENVIRONMENT_STATUS

            return {"environments": many(ENVIRONMENT_STATUS)}
        case "edit":
            from gitops_bot.report.shapes_plan import CHANGE

            return {"changes": many(CHANGE), "unchanged": COUNT}
        case _:
            from gitops_bot.report.shapes import COVERAGE
            from gitops_bot.report.shapes_plan import ENVIRONMENT

            return {"environments": many(ENVIRONMENT), **({"coverage": COVERAGE} if command == "plan" else {})}


def schema(command: str) -> Schema:
    """The schema of what `gitops-bot COMMAND --output json` prints."""
    for name in COMMANDS:  # fills DEFS, which is the same for all of them
        _body(name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitops-bot {command}",
        **record({"schema": _name(command), **_HEAD, **_body(command)}).schema,
        "$defs": DEFS,
    }


def of_outcome(command: str, outcome: Outcome, at: datetime) -> JsonObject:
    """What `plan`, `update`, `set`, `promote` and `rollback` print."""
    head = _Head(at, outcome.repository, outcome.branch, outcome.commit, outcome.complete, outcome.all_problems)
    return _document(command, head, outcome)


def of_checked(checked: Checked, at: datetime) -> JsonObject:
    """What `check` prints."""
    return _document("check", _Head(at, complete=not checked.problems, problems=checked.problems), checked)


def of_diagnosis(diagnosis: Diagnosis, at: datetime) -> JsonObject:
    """What `doctor` prints; failed checks are in `problems` too."""
    problems = diagnosis.problems
    head = _Head(at, diagnosis.repository, diagnosis.branch, diagnosis.commit, not problems, problems)
    return _document("doctor", head, diagnosis)


def of_edit(edited: EditOutcome, at: datetime) -> JsonObject:
    """What `edit` prints."""
    return _document("edit", _Head(at), edited)


def of_explanations(explanations: Explanations, at: datetime) -> JsonObject:
    """What `explain` prints."""
    problems = explanations.problems
    head = _Head(at, explanations.repository, explanations.branch, explanations.commit, not problems, problems)
    return _document("explain", head, explanations)


def of_history(history: History, at: datetime) -> JsonObject:
    """What `history` prints."""
    head = _Head(at, history.repository, history.branch, history.commit, not history.problems, history.problems)
    return _document("history", head, history)


def of_audit(audit: Audit, at: datetime) -> JsonObject:
    """What `audit` prints."""
    head = _Head(at, audit.repository, audit.branch, audit.commit, not audit.problems, audit.problems)
    return _document("audit", head, audit)


def of_initialised(done: Initialised, at: datetime) -> JsonObject:
    """What `init` prints."""
    problems = done.inventory.problems
    return _document("init", _Head(at, complete=not problems, problems=problems), done)


def of_status(status: Status) -> JsonObject:
    """What `status` prints."""
    head = _Head(
        status.at, status.repository, status.branch, status.commit, not status.problems, problems=status.problems
    )
    return _document("status", head, status)


def of_failure(command: str, problems: Sequence[Problem], at: datetime) -> JsonObject:
    """What a command prints that could not start: its usual shape, empty but for the problems."""
    return _document(command, _Head(at, complete=False, problems=problems), None)


def _document(command: str, head: _Head, result: Any) -> JsonObject:
    body = record(_body(command))
    return {
        "schema": f"gitops-bot/{command}/1",
        **record(_HEAD).write(head),
        **(body.empty if result is None else body.write(result)),
    }


def _name(command: str) -> Shape:
    return Shape({"const": f"gitops-bot/{command}/1"})
