"""The JSON that scripts rely on, and its JSON Schema: every field is present, and later versions only add."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Final, get_args

from gitops_bot.images.reason import CODES
from gitops_bot.proposals.reconcile import ActionName
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.checks import CheckState
from gitops_bot.releases.decisions import Direction, Source
from gitops_bot.releases.layout.causes import Cause
from gitops_bot.report.diff import diff_text
from gitops_bot.report.screen import LONG
from gitops_bot.report.status import next_step
from gitops_bot.results.audit import Verdict as AuditVerdict
from gitops_bot.results.checkout import Check, Verdict
from gitops_bot.results.explained import EntryOutcome, Kind
from gitops_bot.results.history import ENTRY_CHANGE, PIN, PULL_REQUEST, RELEASE
from gitops_bot.results.result import Head
from gitops_bot.results.shape import (
    BOOL,
    COMMIT,
    COUNT,
    DEFS,
    LINE,
    TEXT,
    TIME,
    Shape,
    define,
    many,
    one_of,
    or_null,
    record,
)
from gitops_bot.results.status import STATES
from gitops_bot.targets import WhyUnfollowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.errors import Problem
    from gitops_bot.images.reason import Reason
    from gitops_bot.releases.decisions import Change
    from gitops_bot.results.result import Result
    from gitops_bot.results.shape import Field, JsonObject, Schema
    from gitops_bot.results.status import EntryStatus

_CODE = one_of(*CODES)
_OBJECT = Shape({"type": "object"}, dict)
_PROBLEM = define(
    "problem", code=_CODE, message=TEXT, file=or_null(TEXT), line=or_null(LINE), column=or_null(LINE), next=TEXT
)
_REASON = define("reason", code=_CODE, text=TEXT, data=_OBJECT)
_ENTRY = define("entry", environment=or_null(TEXT), overlay=TEXT, file=TEXT, line=LINE, name=TEXT, image=TEXT)
#: A check or deployment that a gate looked at; what it says is null where nothing has answered yet.
_EVIDENCE = define(
    "evidence",
    gate=one_of("checks", "source_checks", "deployment"),
    name=TEXT.of(evidence.name),
    state=one_of(*get_args(CheckState)),
    since=or_null(TIME).of(lambda seen: seen.check.at if seen.check is not None else None),
    by=or_null(TEXT).of(lambda seen: plain(seen.check.by) if seen.check is not None else None),
    url=or_null(TEXT).of(evidence.link),
    text=or_null(TEXT).of(lambda seen: plain(seen.check.text) if seen.check is not None else None),
)
_FOUND = record(
    name=TEXT,
    overlays=many(TEXT),
    files=COUNT,
    entries=COUNT.of(lambda found: len(found.entries)),
    followed=COUNT,
    source=or_null(TEXT),
    promote=BOOL,
    deployed_by=many(TEXT),
)
_CONTENT = record(
    digest=TEXT,
    overlays=many(TEXT),
    files=many(record(path=TEXT, name=TEXT, blob=TEXT)),
    not_reproducible=many(record(file=TEXT, line=LINE, reference=TEXT, why=one_of(*get_args(WhyUnfollowed)))).of(
        "unfollowed"
    ),
)
_IMAGE_COMMITS = record(
    name=TEXT.of("change.name"),
    overlay=TEXT.of("change.overlay"),
    source=TEXT,
    from_revision=TEXT,
    to_revision=TEXT,
    compare_url=or_null(TEXT),
    commits=many(TEXT),
)
_BETWEEN = record(
    from_=TEXT.of("older.commit"),
    to=TEXT.of("newer.commit"),
    changes=many(ENTRY_CHANGE),
    config=many(TEXT),
    images=many(_IMAGE_COMMITS),
)
#: A freeze of the whole environment that lasts now; `from` is null where it has no begin.
_FROZEN = define(
    "frozen",
    from_=or_null(TIME).of("begins"),
    until=TIME,
    why=TEXT.of(lambda hold: plain(hold.why)),
    except_=many(TEXT).of(lambda hold: [plain(name) for name in hold.excepted]),
    file=TEXT.of(lambda hold: hold.place[0]),
    line=LINE.of(lambda hold: hold.place[1]),
)


def _hold_of(entry: EntryStatus) -> Reason | None:
    """Why an entry is held, where it is not only waiting; one that is up to date may be frozen."""
    held = entry.state in ("check_failed", "checks", "held", "current")
    return entry.reason if held and entry.reason is not None and entry.reason.code.startswith("held.") else None


_ENVIRONMENT_STATUS = record(
    name=TEXT,
    release=or_null(TEXT).of(lambda own: own.newest.commit if own.newest is not None else None),
    released_at=or_null(TIME).of(lambda own: own.newest.at if own.newest is not None else None),
    frozen=many(_FROZEN),
    unstopped=many(_REASON),
    behind=COUNT,
    ahead=COUNT,
    counts=record(**{state: COUNT.of(itemgetter(state)) for state in STATES}),
    entries=many(
        record(
            entry=_ENTRY,
            pin=PIN,
            wave=COUNT,
            state=one_of(*STATES),
            candidate=or_null(PIN),
            reason=or_null(_REASON),
            next=or_null(TEXT).of(next_step),
            since=or_null(TIME),
            source_pin=or_null(PIN),
            behind_releases=or_null(COUNT),
            behind_commits=or_null(COUNT),
            ahead=BOOL,
            hold=or_null(_REASON).of(_hold_of),
            proposal=or_null(PULL_REQUEST),
            evidence=many(_EVIDENCE).of("seen"),
        )
    ).of("listed"),
)
#: A setting of another tool without an equivalent.
_GAP = record(file=TEXT, line=COUNT, message=TEXT.of("what"), next=TEXT)
_REGISTRY = record(host=TEXT.of("subject"), verdict=one_of(*get_args(Verdict)), text=TEXT)
_COVERAGE = record(
    tracked=COUNT,
    promoted=COUNT,
    ignored=COUNT.of(lambda coverage: len(coverage.ignored)),
    unmanaged=COUNT,
    no_environment=COUNT.of("outside.entries"),
    exempt=COUNT.of(lambda coverage: len(coverage.exempt)),
    total=COUNT,
    pins=COUNT,
    outside=many(record(overlay=TEXT, cause=or_null(one_of(*get_args(Cause))), entries=COUNT)).of("outside.items"),
    unread=many(record(file=TEXT, line=COUNT, image=TEXT, remedy=TEXT)),
    unread_files=many(record(file=TEXT, why=TEXT, remedy=TEXT)),
)


def _reason_data(change: Change) -> JsonObject:
    """The reason's data, with the new name that `set` and `edit` may give."""
    return dict(change.reason.data) | ({} if change.new_name is None else {"new_name": change.new_name})


_CHANGE = define(
    "change",
    entry=_ENTRY,
    from_=PIN.of("before"),
    to=PIN.of("after"),
    source=one_of(*get_args(Source)),
    direction=one_of(*get_args(Direction)),
    reason=_REASON.of(lambda change: replace(change.reason, data=_reason_data(change))),
    carried=BOOL,
    evidence=many(_EVIDENCE).of("seen"),
)
_PROPOSAL = define(
    "proposal",
    group=TEXT,
    branch=or_null(TEXT),
    action=one_of(*get_args(ActionName)).of("action.name"),
    reason=_REASON.of("action.reason"),
    pull_request=or_null(PULL_REQUEST),
    commit=or_null(COMMIT),
    changes=many(_CHANGE),
)
_HELD = define(
    "held",
    entry=_ENTRY,
    current=PIN.of("entry.pin"),
    candidate=or_null(PIN),
    reason=_REASON,
    evidence=many(_EVIDENCE).of("seen"),
)
_FAILED = define("failed", entry=or_null(_ENTRY), problem=_PROBLEM)
_ENVIRONMENT = define(
    "environment",
    name=TEXT,
    promoted_from=or_null(TEXT),
    frozen=many(_FROZEN),
    proposals=many(_PROPOSAL),
    held=many(_HELD).of("all_held"),
    failed=many(_FAILED),
    unchanged=COUNT.of(lambda environment: environment.entries["unchanged"]),
)
_OK = {"good": True, "wrong": False}
#: A finding of `doctor`; `ok` is null for a warning or an unknown result.
_CHECK = define(
    "check",
    name=one_of(*get_args(Check)),
    subject=TEXT.of(lambda finding: plain(finding.subject)),
    ok=or_null(BOOL).of(lambda finding: _OK.get(finding.verdict)),
    verdict=one_of(*get_args(Verdict)),
    text=TEXT.of(lambda finding: plain(finding.text, LONG)),
    next=TEXT.of(lambda finding: plain(finding.next, LONG)),
)
_POLICY = record(
    name=or_null(TEXT),
    kind=one_of(*get_args(Kind)),
    origin=one_of("config", "inferred"),
    text=TEXT,
    place=or_null(TEXT),
)
_STEP = record(rule=TEXT, kept=COUNT, removed=COUNT, sample=many(TEXT))
_CANDIDATE = record(tag=TEXT, key=many(TEXT), built=or_null(TIME), claimed=or_null(TIME))
_EXPLAINED = record(
    entry=or_null(_ENTRY),
    policy=_POLICY,
    current=PIN,
    seen=COUNT.of("selection.seen"),
    steps=many(_STEP).of("selection.steps"),
    candidates=many(_CANDIDATE).of("selection.candidates"),
    outcome=one_of(*get_args(EntryOutcome)),
    pin=or_null(PIN),
    reason=_REASON,
    asked=or_null(record(tag=TEXT, rule=or_null(TEXT), text=TEXT)),
    gates=many(record(gate=TEXT, passed=BOOL, reason=or_null(_REASON))),
    evidence=many(_EVIDENCE).of("seen"),
)
_AUDITED = record(
    entry=_ENTRY,
    pin=PIN.of("entry.pin"),
    verdict=one_of(*get_args(AuditVerdict)),
    digest=or_null(TEXT),
    missing=many(TEXT).of("absent"),
)
_KEPT = record(
    image=TEXT.of(lambda kept: str(kept.image)),
    digest=TEXT,
    tags=many(TEXT),
    environments=many(TEXT),
    indexes=many(TEXT),
    subjects=many(TEXT),
)
#: What every document begins with.
_HEAD: Final[Mapping[str, Shape | Field]] = {
    "repository": or_null(TEXT),
    "branch": or_null(TEXT),
    "commit": or_null(COMMIT),
    "at": TIME,
    "complete": BOOL,
    "problems": many(_PROBLEM),
}
#: What follows it, by the command; those that write have their environments alone.
_BODIES: Final[Mapping[str, Mapping[str, Shape | Field]]] = {
    "check": {"files": COUNT, "entries": COUNT.of("coverage.entries"), "coverage": _COVERAGE},
    "doctor": {"checks": many(_CHECK).of(lambda findings: findings)},
    "explain": {"entries": many(_EXPLAINED).of(lambda explanations: explanations)},
    "history": {
        "environment": TEXT,
        "bounded": BOOL,
        "releases": many(RELEASE),
        "between": or_null(_BETWEEN),
        "diff": or_null(TEXT).of(lambda history: None if history.files is None else diff_text(history.files)),
        "content": or_null(_CONTENT),
        "exported": or_null(TEXT),
    },
    "audit": {
        "environments": many(record(name=TEXT, entries=many(_AUDITED))),
        "keep": or_null(many(_KEPT)),
        "histories": or_null(many(record(environment=TEXT, bounded=BOOL, releases=many(RELEASE)))),
    },
    "init": {
        "file": or_null(TEXT),
        "written": BOOL,
        "text": or_null(TEXT),
        "environments": many(_FOUND).of("inventory.environments"),
        "no_environment": COUNT.of("coverage.outside.entries"),
        # What is deployed is in an environment; scripts may still read the key.
        "deployed_elsewhere": many(record(environment=TEXT, overlays=many(TEXT))).of(lambda _: []),
        "coverage": _COVERAGE,
        "registries": many(_REGISTRY).of("inventory.registries"),
        "without_counterpart": many(_GAP).of("gaps"),
    },
    "status": {"environments": many(_ENVIRONMENT_STATUS)},
    "edit": {"changes": many(_CHANGE), "unchanged": COUNT},
    "plan": {"environments": many(_ENVIRONMENT), "coverage": _COVERAGE},
    **{name: {"environments": many(_ENVIRONMENT)} for name in ("update", "set", "promote", "rollback")},
}


def schema(command: str) -> Schema:
    """The schema of what `gitops-bot COMMAND --output json` prints."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitops-bot {command}",
        **record(schema=Shape({"const": f"gitops-bot/{command}/1"}), **_HEAD, **_BODIES[command]).schema,
        "$defs": DEFS,
    }


def of(command: str, result: Result[object], at: datetime) -> JsonObject:
    """The document of a command's result."""
    return _document(command, result.head, at, record(**_BODIES[command]).write(result.body))


def of_failure(command: str, problems: Sequence[Problem], at: datetime) -> JsonObject:
    """The document of a command that could not start: its usual shape, empty except for the problems."""
    return _document(command, Head(problems=tuple(problems)), at, record(**_BODIES[command]).empty)


def _document(command: str, head: Head, at: datetime, body: JsonObject) -> JsonObject:
    return {"schema": f"gitops-bot/{command}/1", **record(**{**_HEAD, "at": TIME.of(lambda _: at)}).write(head), **body}
