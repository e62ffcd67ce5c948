"""The shapes of proposals in JSON: what `plan` and all commands that write print."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from gitops_bot.proposals.reconcile import ActionName
from gitops_bot.releases.decisions import Direction, Source
from gitops_bot.report.shapes import ENTRY, PROBLEM, REASON
from gitops_bot.results.history import PIN, PULL_REQUEST
from gitops_bot.results.shape import BOOL, COMMIT, COUNT, TEXT, many, named, one_of, or_null

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Change
    from gitops_bot.results.shape import JsonObject


def _reason_data(change: Change) -> JsonObject:
    """The reason's data, with the new name that `set` and `edit` may give."""
    return dict(change.reason.data) | ({} if change.new_name is None else {"new_name": change.new_name})


CHANGE = named(
    "change",
    {
        "entry": ENTRY,
        "from": PIN.of("before"),
        "to": PIN.of("after"),
        "source": one_of(*get_args(Source)),
        "direction": one_of(*get_args(Direction)),
        "reason": REASON.of(lambda change: replace(change.reason, data=_reason_data(change))),
        "carried": BOOL,
    },
)
_PROPOSAL = named(
    "proposal",
    {
        "group": TEXT,
        "branch": or_null(TEXT),
        "action": one_of(*get_args(ActionName)).of("action.name"),
        "reason": REASON.of("action.reason"),
        "pull_request": or_null(PULL_REQUEST),
        "commit": or_null(COMMIT),
        "changes": many(CHANGE),
    },
)
_HELD = named("held", {"entry": ENTRY, "current": PIN, "candidate": or_null(PIN), "reason": REASON})
_FAILED = named("failed", {"entry": or_null(ENTRY), "problem": PROBLEM})
ENVIRONMENT = named(
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
