"""The JSON that scripts rely on, and its JSON Schema: every field is present, and later versions only add."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.changes import diff_text
from gitops_bot.report.screen import LONG
from gitops_bot.report.shapes import ENTRY, PROBLEM, REASON
from gitops_bot.results.history import PIN, RELEASE
from gitops_bot.results.result import COMMANDS, Head
from gitops_bot.results.shape import (
    BOOL,
    COMMIT,
    COUNT,
    DEFS,
    TEXT,
    TIME,
    Shape,
    many,
    named,
    one_of,
    or_null,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.errors import Problem
    from gitops_bot.results.result import Result
    from gitops_bot.results.shape import Field, JsonObject, Schema


#: What every document begins with.
_HEAD: Final[Mapping[str, Shape | Field]] = {
    "repository": or_null(TEXT),
    "branch": or_null(TEXT),
    "commit": or_null(COMMIT),
    "at": TIME,
    "complete": BOOL,
    "problems": many(PROBLEM),
}


def _whole(body: object) -> object:
    """The body itself, where it is a list."""
    return body


def _body(command: str) -> Mapping[str, Shape | Field]:
    """The fields of a command's document. Each command imports only its own shapes: importing all takes 20 ms."""
    match command:
        case "check":
            from gitops_bot.report.shapes import COVERAGE

            return {"files": COUNT, "entries": COUNT.of("coverage.entries"), "coverage": COVERAGE}
        case "doctor":
            return {"checks": many(_check()).of(_whole)}
        case "explain":
            return {"entries": many(_explained()).of(_whole)}
        case "history":
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
            return _audit()
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


def _check() -> Shape:
    """The shape of a finding of `doctor`; `ok` is null for a warning or an unknown result."""
    from gitops_bot.results.diagnosis import Check, Verdict

    ok = {"good": True, "wrong": False}
    return named(
        "check",
        {
            "name": one_of(*get_args(Check)),
            "subject": TEXT.of(lambda finding: plain(finding.subject)),
            "ok": or_null(BOOL).of(lambda finding: ok.get(finding.verdict)),
            "verdict": one_of(*get_args(Verdict)),
            "text": TEXT.of(lambda finding: plain(finding.text, LONG)),
            "next": TEXT.of(lambda finding: plain(finding.next, LONG)),
        },
    )


def _explained() -> Shape:
    """The shape of an explanation."""
    from gitops_bot.results.explained import EntryOutcome, Kind

    policy = {
        "name": or_null(TEXT),
        "kind": one_of(*get_args(Kind)),
        "origin": one_of("config", "inferred"),
        "text": TEXT,
        "place": or_null(TEXT),
    }
    step = {"rule": TEXT, "kept": COUNT, "removed": COUNT, "sample": many(TEXT)}
    candidate = {"tag": TEXT, "key": many(TEXT), "built": or_null(TIME)}
    return record(
        {
            "entry": or_null(ENTRY),
            "policy": record(policy),
            "current": PIN,
            "seen": COUNT.of("selection.seen"),
            "steps": many(record(step)).of("selection.steps"),
            "candidates": many(record(candidate)).of("selection.candidates"),
            "outcome": one_of(*get_args(EntryOutcome)),
            "pin": or_null(PIN),
            "reason": REASON,
            "asked": or_null(record({"tag": TEXT, "rule": or_null(TEXT), "text": TEXT})),
            "gates": many(record({"gate": TEXT, "passed": BOOL, "reason": or_null(REASON)})),
        }
    )


def _audit() -> Mapping[str, Shape | Field]:
    """The fields of `audit`: what registries have, which images must be kept, and the releases."""
    from gitops_bot.results.audit import Verdict

    entry = record(
        {
            "entry": ENTRY,
            "pin": PIN.of("entry.pin"),
            "verdict": one_of(*get_args(Verdict)),
            "digest": or_null(TEXT),
            "missing": many(TEXT).of("absent"),
        }
    )
    kept = record(
        {
            "image": TEXT.of(lambda kept: str(kept.image)),
            "digest": TEXT,
            "tags": many(TEXT),
            "environments": many(TEXT),
            "indexes": many(TEXT),
        }
    )
    releases = record({"environment": TEXT, "bounded": BOOL, "releases": many(RELEASE)})
    return {
        "environments": many(record({"name": TEXT, "entries": many(entry)})),
        "keep": or_null(many(kept)),
        "histories": or_null(many(releases)),
    }


def schema(command: str) -> Schema:
    """The schema of what `gitops-bot COMMAND --output json` prints."""
    for name in COMMANDS:  # fills DEFS, which is the same for all of them
        _body(name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitops-bot {command}",
        **record({"schema": Shape({"const": f"gitops-bot/{command}/1"}), **_HEAD, **_body(command)}).schema,
        "$defs": DEFS,
    }


def of(command: str, result: Result[object], at: datetime) -> JsonObject:
    """The document of a command's result."""
    return _document(command, result.head, at, record(_body(command)).write(result.body))


def of_failure(command: str, problems: Sequence[Problem], at: datetime) -> JsonObject:
    """The document of a command that could not start: its usual shape, empty except for the problems."""
    return _document(command, Head(problems=tuple(problems)), at, record(_body(command)).empty)


def _document(command: str, head: Head, at: datetime, body: JsonObject) -> JsonObject:
    return {"schema": f"gitops-bot/{command}/1", **record({**_HEAD, "at": TIME.of(lambda _: at)}).write(head), **body}
