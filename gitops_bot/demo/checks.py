"""Commit statuses and check runs, and the state they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Check, Hub
    from gitops_bot.demo.identity import Json

State = Literal["EXPECTED", "PENDING", "SUCCESS", "ERROR", "FAILURE"]

_STATES: dict[str, State] = {"success": "SUCCESS", "pending": "PENDING", "failure": "FAILURE", "error": "ERROR"}
#: Of check runs: conclusions, and the statuses before there is one.
_RUN_STATES: dict[str, State] = {
    **dict.fromkeys(("success", "neutral", "skipped"), "SUCCESS"),
    **dict.fromkeys(("failure", "timed_out", "cancelled", "action_required", "startup_failure", "stale"), "FAILURE"),
    **dict.fromkeys(("queued", "in_progress", "waiting", "requested", "pending"), "PENDING"),
}
#: The worst first: one failure fails the whole.
_ORDER: tuple[State, ...] = ("ERROR", "FAILURE", "EXPECTED", "PENDING", "SUCCESS")


def report(hub: Hub, commit: str, check: Check) -> None:
    """Add a status to a commit; the newest of each context counts."""
    hub.checks.setdefault(commit, []).append(check)


def rollup(hub: Hub, commit: str) -> State | None:
    """The state of all statuses together; None if there are none."""
    return min(map(state, latest(hub, commit)), key=_ORDER.index, default=None)


def required(hub: Hub, commit: str, context: str) -> State:
    """The state of a required status; EXPECTED until it is reported."""
    return next((state(check) for check in latest(hub, commit) if check.context == context), "EXPECTED")


def latest(hub: Hub, commit: str) -> list[Check]:
    """The newest of each context, and of each check run of a suite."""
    known = hub.checks.get(commit, ())
    return list({(check.context, check.app, check.app and check.suite): check for check in known}.values())


def show(check: Check, workflows: str) -> Json:
    """A check for GraphQL; `workflows` is the path of those of its repository."""
    if check.app is None:
        bot = check.user.endswith("[bot]")
        creator = {"__typename": "Bot" if bot else "User", "login": check.user.removesuffix("[bot]")}
        return {
            "__typename": "StatusContext",
            "context": check.context,
            "state": state(check),
            "createdAt": check.at,
            "description": check.description or None,
            "targetUrl": check.url,
            "creator": creator if check.user else None,
        }
    done = state(check) != "PENDING"
    return {
        "__typename": "CheckRun",
        "name": check.context,
        "status": "COMPLETED" if done else check.state.upper(),
        "conclusion": check.state.upper() if done else None,
        "startedAt": check.at if check.state != "queued" else None,
        "completedAt": check.at if done else None,
        "detailsUrl": check.url,
        "title": check.description or None,
        "checkSuite": {
            "id": node("CheckSuite", check.suite),
            "createdAt": check.at,
            "app": {"slug": check.app},
            "workflowRun": check.workflow and {"workflow": {"resourcePath": f"{workflows}/{check.workflow}"}},
        },
    }


def state(check: Check) -> State:
    """The state that it counts as."""
    return (_RUN_STATES if check.app else _STATES)[check.state]
