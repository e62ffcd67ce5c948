"""What systems say of a commit: statuses and check runs, and what comes of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.demo.hub import Check, Hub

State = Literal["EXPECTED", "PENDING", "SUCCESS", "ERROR", "FAILURE"]

_STATUSES: dict[str, State] = {"success": "SUCCESS", "pending": "PENDING", "failure": "FAILURE", "error": "ERROR"}
_PASSED = ("success", "neutral", "skipped")
CONCLUSIONS = (*_PASSED, "failure", "cancelled", "timed_out", "action_required")
RUN_STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
#: The worst first: one that failed makes the whole fail.
_ORDER: tuple[State, ...] = ("ERROR", "FAILURE", "EXPECTED", "PENDING", "SUCCESS")
_CONTEXT_LIMIT = 255


def report(hub: Hub, commit: str, check: Check) -> Check:
    """Add what a system says of a commit; of one context the newest counts.

    Raises:
        Invalid: the state or the name is none that GitHub knows.
    """
    if not 0 < len(check.context) <= _CONTEXT_LIMIT:
        raise invalid("invalid", "Status" if check.kind == "status" else "CheckRun", field="context")
    if check.kind == "status" and check.state not in _STATUSES:
        raise invalid("custom", "Status", field="state", message="state is not included in the list")
    if check.kind == "run":
        check_run(check.status, check.state)
    hub.checks.setdefault(commit, []).append(check)
    return check


def check_run(status: str, conclusion: str | None) -> None:
    """Refuse a check run that is completed without a conclusion, or the other way round."""
    known = conclusion in CONCLUSIONS if status == "completed" else conclusion is None
    if status not in RUN_STATUSES or not known:
        raise Invalid(422, "Invalid request.\n\nA check run has a conclusion as soon as it is completed.")


def latest(hub: Hub, commit: str) -> list[Check]:
    """The newest of each kind and context."""
    newest = {(check.kind, check.context): check for check in hub.checks.get(commit, ())}
    return list(newest.values())


def state(check: Check) -> State:
    """What one of them comes to, in GraphQL's words for the whole."""
    if check.kind == "status":
        return _STATUSES[check.state or ""]
    if check.status != "completed":
        return "PENDING"
    return "SUCCESS" if check.state in _PASSED else "FAILURE"


def rollup(hub: Hub, commit: str) -> State | None:
    """What all of them come to; None where nobody said anything."""
    return _worst(state(check) for check in latest(hub, commit))


def combined(hub: Hub, commit: str) -> str:
    """What the statuses alone come to, as REST says it: none is `pending`."""
    worst = _worst(state(check) for check in latest(hub, commit) if check.kind == "status")
    return {"SUCCESS": "success", "ERROR": "failure", "FAILURE": "failure"}.get(worst or "", "pending")


def required(hub: Hub, commit: str, context: str) -> State:
    """How a required check stands: EXPECTED as long as nobody reported it."""
    return _worst(state(check) for check in latest(hub, commit) if check.context == context) or "EXPECTED"


def _worst(states: Iterable[State]) -> State | None:
    return min(states, key=_ORDER.index, default=None)
