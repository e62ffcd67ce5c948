"""The REST routes of commit statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import checks, landing
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.hub import Check
from gitops_bot.demo.identity import node
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.demo.call import Call
    from gitops_bot.demo.identity import Json

_STATES = ("error", "failure", "pending", "success")
#: GitHub's own: characters of the description and of the name, and statuses of one name on one commit.
_DESCRIPTION, _CONTEXT, _MOST = 140, 255, 1_000


def reported(call: Call, commit: str, *, runs: bool) -> Sequence[Check]:
    """The statuses of a commit, or the check runs, the newest first."""
    if not call.pulls.bare.has(commit):
        raise Invalid(422, f"No commit found for SHA: {commit[:100]}")
    known = call.pulls.hub.checks.get(commit, [])[::-1]
    return [check for check in known if (check.app is not None) is runs]


def _list(call: Call, commit: str) -> Answer:
    return call.page(reported(call, commit, runs=False), lambda check: _show(call, commit, check))


def _report(call: Call, commit: str) -> Answer:
    fields = call.fields()
    (state,) = fields.needed("state")
    context, description, url = (
        fields.text("context") or "default",
        fields.text("description"),
        fields.text("target_url"),
    )
    known = reported(call, commit, runs=False)
    if state not in _STATES:
        raise invalid("custom", "Status", field="state", message="state is not included in the list")
    for name, text, limit in (("description", description, _DESCRIPTION), ("context", context, _CONTEXT)):
        if len(text or "") > limit:
            message = f"{name} is too long (maximum is {limit} characters)"
            raise invalid("custom", "Status", field=name, message=message)
    if url is not None and not url.startswith(("http://", "https://")):
        raise invalid("custom", "Status", field="target_url", message="target_url must use http(s) scheme")
    if sum(check.context == context for check in known) >= _MOST:
        message = "This SHA and context has reached the maximum number of statuses."
        raise invalid("custom", "Status", field="base", message=message)
    check = Check(context, state, call.shapes.viewer, call.pulls.time(), description or "", url)
    checks.report(call.pulls.hub, commit, check)
    landing.settle(call.pulls)
    return Answer.json(201, _show(call, commit, check))


def _show(call: Call, commit: str, check: Check) -> Json:
    return {
        "url": f"{call.shapes.here}/statuses/{commit}",
        "avatar_url": None,
        "id": 1,
        "node_id": node("StatusContext", 1),
        "state": check.state,
        "description": check.description or None,
        "target_url": check.url,
        "context": check.context,
        "created_at": check.at,
        "updated_at": check.at,
        "creator": call.shapes.user(check.user) if check.user else None,
    }


ROUTES = (
    Route("GET", "/commits/(?P<commit>[^/]+)/statuses", _list),
    Route("POST", "/statuses/(?P<commit>[0-9a-f]{40})", _report),
)
