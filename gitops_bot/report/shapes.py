"""The shapes of the values in the JSON of every command, each stated once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args

from gitops_bot.doctor.finding import Check, Verdict
from gitops_bot.images.reason import CODES
from gitops_bot.proposals.audit import Verdict as AuditVerdict
from gitops_bot.proposals.pull_request import State
from gitops_bot.proposals.reconcile import ActionName
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice.explained import Kind as PolicyKind
from gitops_bot.releases.choice.explained import Outcome as ExplainedOutcome
from gitops_bot.releases.history.record import Kind as ReleaseKind
from gitops_bot.releases.plan import Direction, Source
from gitops_bot.report.screen import LONG
from gitops_bot.report.shape import BOOL, COMMIT, COUNT, LINE, TEXT, TIME, Shape, many, one_of, or_null, record
from gitops_bot.targets.reached import Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.releases.plan import Change
    from gitops_bot.report.shape import Field, JsonObject, Schema

#: The shapes that the schema names, in its order.
DEFS: Final[Schema] = {}


def _named(name: str, fields: Mapping[str, Shape | Field]) -> Shape:
    shape = record(fields)
    DEFS[name] = shape.schema
    return Shape({"$ref": f"#/$defs/{name}"}, shape.write)


def _reason_data(change: Change) -> JsonObject:
    """The reason's data, with the new name that `set` and `edit` may give."""
    return dict(change.reason.data) | ({} if change.new_name is None else {"new_name": change.new_name})


_CODE = one_of(*CODES)
_OBJECT = Shape({"type": "object"}, dict)
#: `ok` is null for a warning, and for what nobody knows.
_OK: Final[Mapping[Verdict, bool | None]] = {"good": True, "warning": None, "unknown": None, "wrong": False}

PROBLEM = _named(
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
CHANGE = _named(
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
        "changes": many(CHANGE),
    },
)
_HELD = _named("held", {"entry": _ENTRY, "current": _PIN, "candidate": or_null(_PIN), "reason": _REASON})
_FAILED = _named("failed", {"entry": or_null(_ENTRY), "problem": PROBLEM})
CHECK = _named(
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
ENVIRONMENT = _named(
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
FOUND = record(
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
EXPLAINED = record(
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
RELEASE = record(
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
        "content_digest": or_null(TEXT),
    }
)
CONTENT = record(
    {
        "digest": TEXT,
        "overlays": many(TEXT),
        "files": many(record({"path": TEXT, "name": TEXT, "blob": TEXT})),
        "not_reproducible": many(
            record({"file": TEXT, "line": LINE, "reference": TEXT, "why": one_of(*get_args(Why))})
        ).of("unfollowed"),
    }
)
_IMAGE_COMMITS = record(
    {
        "name": TEXT.of("change.name"),
        "overlay": TEXT.of("change.overlay"),
        "source": TEXT,
        "from_revision": TEXT,
        "to_revision": TEXT,
        "compare_url": or_null(TEXT),
        "commits": many(TEXT),
    }
)
BETWEEN = record(
    {
        "from": TEXT.of("older.commit"),
        "to": TEXT.of("newer.commit"),
        "changes": many(_ENTRY_CHANGE),
        "config": many(TEXT),
        "images": many(_IMAGE_COMMITS),
    }
)
ENVIRONMENT_STATUS = record(
    {
        "name": TEXT,
        "release": or_null(TEXT),
        "released_at": or_null(TIME),
        "entries": many(
            record(
                {
                    "entry": _ENTRY,
                    "pin": _PIN,
                    "since": or_null(TIME),
                    "source_pin": or_null(_PIN),
                    "behind_releases": or_null(COUNT),
                    "behind_commits": or_null(COUNT),
                    "hold": or_null(_REASON),
                    "proposal": or_null(_PULL_REQUEST),
                }
            )
        ),
    }
)
RELEASES = record({"environment": TEXT, "bounded": BOOL, "releases": many(RELEASE)})
AUDITED = record(
    {
        "name": TEXT,
        "entries": many(
            record(
                {
                    "entry": _ENTRY,
                    "pin": _PIN.of("entry.pin"),
                    "verdict": one_of(*get_args(AuditVerdict)),
                    "digest": or_null(TEXT),
                    "missing": many(TEXT).of("absent"),
                }
            )
        ),
    }
)
KEPT = record(
    {
        "image": TEXT.of(lambda kept: str(kept.image)),
        "digest": TEXT,
        "tags": many(TEXT),
        "environments": many(TEXT),
        "indexes": many(TEXT),
    }
)
ELSEWHERE = record(
    {"environment": TEXT.of(lambda item: item[0]), "overlays": many(TEXT).of(lambda item: list(item[1]))}
)
#: A setting of another tool without a counterpart.
GAP = record({"file": TEXT, "line": COUNT, "message": TEXT.of("what"), "next": TEXT})
REGISTRY = record({"host": TEXT, "verdict": one_of("good", "warning", "unknown", "wrong"), "text": TEXT})
COVERAGE = record(
    {
        "tracked": COUNT,
        "promoted": COUNT,
        "ignored": COUNT.of(lambda coverage: len(coverage.ignored)),
        "unmanaged": COUNT,
        "no_environment": COUNT.of("outside.entries"),
    }
)
