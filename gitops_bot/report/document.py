"""The JSON that scripts rely on, and its JSON Schema: every field is present, and later versions only add."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from gitops_bot.doctor.finding import Check, Verdict
from gitops_bot.images.reason import CODES
from gitops_bot.proposals.pull_request import State
from gitops_bot.proposals.reconcile import ActionName
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice.explained import Kind as PolicyKind
from gitops_bot.releases.choice.explained import Outcome as ExplainedOutcome
from gitops_bot.releases.history.record import Kind as ReleaseKind
from gitops_bot.releases.plan import Direction, Source
from gitops_bot.report.changes import diff_text
from gitops_bot.report.screen import LONG
from gitops_bot.report.shape import BOOL, COMMIT, COUNT, LINE, TEXT, TIME, Shape, many, one_of, or_null, record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.doctor.finding import Diagnosis
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.history import History
    from gitops_bot.proposals.outcome import EditOutcome, Outcome
    from gitops_bot.releases.choice.explained import Explanations
    from gitops_bot.releases.layout.checked import Checked
    from gitops_bot.releases.layout.inventory import Initialised
    from gitops_bot.releases.plan import Change
    from gitops_bot.report.shape import Field, JsonObject, Schema

#: The shapes that the schema names, in its order.
_DEFS: Final[Schema] = {}


def _named(name: str, fields: Mapping[str, Shape | Field]) -> Shape:
    shape = record(fields)
    _DEFS[name] = shape.schema
    return Shape({"$ref": f"#/$defs/{name}"}, shape.write)


def _reason_data(change: Change) -> JsonObject:
    """The reason's data, with the new name that `set` and `edit` may give."""
    return dict(change.reason.data) | ({} if change.new_name is None else {"new_name": change.new_name})


_CODE = one_of(*CODES)
_OBJECT = Shape({"type": "object"}, dict)
#: `ok` is null for a warning, and for what nobody knows.
_OK: Final[Mapping[Verdict, bool | None]] = {"good": True, "warning": None, "unknown": None, "wrong": False}

_PROBLEM = _named(
    "problem",
    {
        "code": _CODE,
        "message": TEXT,
        "file": or_null(TEXT),
        "line": or_null(LINE),
        "column": or_null(LINE),
        "next": TEXT,
    },
)
_REASON = _named("reason", {"code": _CODE, "text": TEXT, "data": _OBJECT})
_PIN = _named("pin", {"tag": or_null(TEXT), "digest": or_null(TEXT)})
_ENTRY = _named(
    "entry",
    {"environment": or_null(TEXT), "overlay": TEXT, "file": TEXT, "line": LINE, "name": TEXT, "image": TEXT},
)
_PULL_REQUEST = _named("pull_request", {"number": LINE, "url": TEXT, "state": one_of(*get_args(State))})
_CHANGE = _named(
    "change",
    {
        "entry": _ENTRY,
        "from": _PIN.of("before"),
        "to": _PIN.of("after"),
        "source": one_of(*get_args(Source)),
        "direction": one_of(*get_args(Direction)),
        "reason": _REASON.of(lambda change: replace(change.reason, data=_reason_data(change))),
        "carried": BOOL,
    },
)
_PROPOSAL = _named(
    "proposal",
    {
        "group": TEXT,
        "branch": or_null(TEXT),
        "action": one_of(*get_args(ActionName)).of("action.name"),
        "reason": _REASON.of("action.reason"),
        "pull_request": or_null(_PULL_REQUEST),
        "commit": or_null(COMMIT),
        "changes": many(_CHANGE),
    },
)
_HELD = _named("held", {"entry": _ENTRY, "current": _PIN, "candidate": or_null(_PIN), "reason": _REASON})
_FAILED = _named("failed", {"entry": or_null(_ENTRY), "problem": _PROBLEM})
_CHECK = _named(
    "check",
    {
        "name": one_of(*get_args(Check)),
        "subject": TEXT.of(lambda finding: plain(finding.subject)),
        "ok": or_null(BOOL).of(lambda finding: _OK[finding.verdict]),
        "verdict": one_of(*get_args(Verdict)),
        "text": TEXT.of(lambda finding: plain(finding.text, LONG)),
        "next": TEXT.of(lambda finding: plain(finding.next, LONG)),
    },
)
_ENVIRONMENT = _named(
    "environment",
    {
        "name": TEXT,
        "promoted_from": or_null(TEXT),
        "proposals": many(_PROPOSAL),
        "held": many(_HELD).of("all_held"),
        "failed": many(_FAILED),
        "unchanged": COUNT,
    },
)
_FOUND = record(
    {
        "name": TEXT,
        "overlays": many(TEXT),
        "files": COUNT,
        "entries": COUNT.of("coverage.entries"),
        "followed": COUNT.of("coverage.tracked"),
        "source": or_null(TEXT),
        "promote": BOOL,
        "deployed_by": many(TEXT),
    }
)
_POLICY = record(
    {
        "name": or_null(TEXT),
        "kind": one_of(*get_args(PolicyKind)),
        "origin": one_of("config", "inferred"),
        "text": TEXT,
        "place": or_null(TEXT),
    }
)
_ASKED = record({"tag": TEXT, "rule": or_null(TEXT), "text": TEXT})
_EXPLAINED = record(
    {
        "entry": or_null(_ENTRY),
        "policy": _POLICY,
        "current": _PIN,
        "seen": COUNT.of("selection.seen"),
        "steps": many(record({"rule": TEXT, "kept": COUNT, "removed": COUNT, "sample": many(TEXT)})).of(
            "selection.steps"
        ),
        "candidates": many(record({"tag": TEXT, "key": many(TEXT), "built": or_null(TIME)})).of("selection.candidates"),
        "outcome": one_of(*get_args(ExplainedOutcome)),
        "pin": or_null(_PIN),
        "reason": _REASON,
        "asked": or_null(_ASKED),
        "gates": many(record({"gate": TEXT, "passed": BOOL, "reason": or_null(_REASON)})),
    }
)
_ENTRY_CHANGE = record(
    {"overlay": TEXT, "name": TEXT, "from": or_null(_PIN).of("before"), "to": or_null(_PIN).of("after")}
)
_RELEASE = record(
    {
        "id": TEXT.of("record.id"),
        "number": or_null(LINE).of("record.release.number"),
        "commit": COMMIT.of("record.release.commit"),
        "at": TIME.of("record.at"),
        "author": TEXT.of("record.release.step.who"),
        "merged_by": or_null(TEXT).of("merge.merged_by"),
        "approved_by": many(TEXT).of("merge.approved_by"),
        "pull_request": or_null(_PULL_REQUEST).of("merge.pull_request"),
        "kind": one_of(*get_args(ReleaseKind)).of("record.kind"),
        "from_release": or_null(TEXT).of("record.from_release"),
        "rollback_of": or_null(TEXT).of("record.rollback_of"),
        "changes": many(_ENTRY_CHANGE).of("record.changes"),
        "config": many(TEXT).of("record.config"),
    }
)
_BETWEEN = record(
    {
        "from": TEXT.of("older.commit"),
        "to": TEXT.of("newer.commit"),
        "changes": many(_ENTRY_CHANGE),
        "config": many(TEXT),
    }
)
_ELSEWHERE = record(
    {"environment": TEXT.of(lambda item: item[0]), "overlays": many(TEXT).of(lambda item: list(item[1]))}
)
_REGISTRY = record({"host": TEXT, "verdict": one_of("good", "warning", "unknown", "wrong"), "text": TEXT})
_COVERAGE = record(
    {
        "tracked": COUNT,
        "promoted": COUNT,
        "ignored": COUNT.of(lambda coverage: len(coverage.ignored)),
        "unmanaged": COUNT,
        "no_environment": COUNT.of("outside.entries"),
    }
)


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
    "problems": many(_PROBLEM),
}
_PROPOSED: Final[Mapping[str, Shape | Field]] = {"environments": many(_ENVIRONMENT)}
_BODIES: Final[Mapping[str, Mapping[str, Shape | Field]]] = {
    "plan": {**_PROPOSED, "coverage": _COVERAGE},
    "update": _PROPOSED,
    "set": _PROPOSED,
    "promote": _PROPOSED,
    "rollback": _PROPOSED,
    "check": {"files": COUNT, "entries": COUNT.of("coverage.entries"), "coverage": _COVERAGE},
    "doctor": {"checks": many(_CHECK).of("findings")},
    "edit": {"changes": many(_CHANGE), "unchanged": COUNT},
    "explain": {"entries": many(_EXPLAINED)},
    "history": {
        "environment": replace(TEXT, empty=""),
        "bounded": replace(BOOL, empty=False),
        "releases": many(_RELEASE),
        "between": or_null(_BETWEEN),
        "diff": or_null(TEXT).of(lambda history: None if history.files is None else diff_text(history.files)),
    },
    "init": {
        "file": or_null(TEXT),
        "written": replace(BOOL, empty=False),
        "text": or_null(TEXT),
        "environments": many(_FOUND).of("inventory.environments"),
        "no_environment": COUNT.of("inventory.outside.entries"),
        "deployed_elsewhere": many(_ELSEWHERE).of(lambda done: list(done.inventory.elsewhere.items())),
        "registries": many(_REGISTRY).of("inventory.registries"),
    },
}


def schema(command: str) -> Schema:
    """The schema of what `gitops-bot COMMAND --output json` prints.

    Raises:
        KeyError: the command prints no JSON.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitops-bot {command}",
        **record({"schema": _name(command), **_HEAD, **_BODIES[command]}).schema,
        "$defs": _DEFS,
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


def of_initialised(done: Initialised, at: datetime) -> JsonObject:
    """What `init` prints."""
    problems = done.inventory.problems
    return _document("init", _Head(at, complete=not problems, problems=problems), done)


def of_failure(command: str, problems: Sequence[Problem], at: datetime) -> JsonObject:
    """What a command prints that could not start: its usual shape, empty but for the problems."""
    return _document(command, _Head(at, complete=False, problems=problems), None)


def _document(command: str, head: _Head, result: Any) -> JsonObject:
    body = record(_BODIES.get(command, _PROPOSED))
    return {
        "schema": f"gitops-bot/{command}/1",
        **record(_HEAD).write(head),
        **(body.empty if result is None else body.write(result)),
    }


def _name(command: str) -> Shape:
    return Shape({"const": f"gitops-bot/{command}/1"})
