"""Commit statuses, and the state they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitops_bot.demo.refusal import invalid

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Check, Hub

State = Literal["EXPECTED", "PENDING", "SUCCESS", "ERROR", "FAILURE"]

_STATES: dict[str, State] = {"success": "SUCCESS", "pending": "PENDING", "failure": "FAILURE", "error": "ERROR"}
#: The worst first: one failure fails the whole.
_ORDER: tuple[State, ...] = ("ERROR", "FAILURE", "EXPECTED", "PENDING", "SUCCESS")
_CONTEXT_LIMIT = 255


def report(hub: Hub, commit: str, check: Check) -> None:
    """Add a status to a commit; the newest of each context counts.

    Raises:
        Invalid: GitHub does not accept the state or the context.
    """
    if not 0 < len(check.context) <= _CONTEXT_LIMIT:
        raise invalid("invalid", "Status", field="context")
    if check.state not in _STATES:
        raise invalid("custom", "Status", field="state", message="state is not included in the list")
    hub.checks.setdefault(commit, []).append(check)


def rollup(hub: Hub, commit: str) -> State | None:
    """The state of all statuses together; None if there are none."""
    return min(_latest(hub, commit).values(), key=_ORDER.index, default=None)


def required(hub: Hub, commit: str, context: str) -> State:
    """The state of a required status; EXPECTED until it is reported."""
    return _latest(hub, commit).get(context, "EXPECTED")


def _latest(hub: Hub, commit: str) -> dict[str, State]:
    """The newest state of each context."""
    return {check.context: _STATES[check.state] for check in hub.checks.get(commit, ())}
