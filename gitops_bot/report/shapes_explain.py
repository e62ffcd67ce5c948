"""The shape of an explanation in JSON."""

from __future__ import annotations

from typing import get_args

from gitops_bot.proposals.text.release import PIN
from gitops_bot.proposals.text.shape import BOOL, COUNT, TEXT, TIME, many, one_of, or_null, record
from gitops_bot.releases.choice.explained import EntryOutcome, Kind
from gitops_bot.report.shapes import ENTRY, REASON

_POLICY = record(
    {
        "name": or_null(TEXT),
        "kind": one_of(*get_args(Kind)),
        "origin": one_of("config", "inferred"),
        "text": TEXT,
        "place": or_null(TEXT),
    }
)
_ASKED = record({"tag": TEXT, "rule": or_null(TEXT), "text": TEXT})
EXPLAINED = record(
    {
        "entry": or_null(ENTRY),
        "policy": _POLICY,
        "current": PIN,
        "seen": COUNT.of("selection.seen"),
        "steps": many(record({"rule": TEXT, "kept": COUNT, "removed": COUNT, "sample": many(TEXT)})).of(
            "selection.steps"
        ),
        "candidates": many(record({"tag": TEXT, "key": many(TEXT), "built": or_null(TIME)})).of("selection.candidates"),
        "outcome": one_of(*get_args(EntryOutcome)),
        "pin": or_null(PIN),
        "reason": REASON,
        "asked": or_null(_ASKED),
        "gates": many(record({"gate": TEXT, "passed": BOOL, "reason": or_null(REASON)})),
    }
)
