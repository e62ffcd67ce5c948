"""Check runs of the tests' GitHub server by REST; the demo shows them by GraphQL alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gitops_bot.demo import api_statuses, checks
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.identity import node, user

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call
    from gitops_bot.demo.hub import Check
    from gitops_bot.demo.identity import Json

_COMMIT = "/commits/(?P<commit>[^/]+)"


def _runs(call: Call, commit: str) -> Answer:
    reported = api_statuses.reported(call, commit, runs=True)
    newest = [check for check in checks.latest(call.pulls.hub, commit) if check in reported]
    shown = call.page(newest, lambda check: _run(call, commit, check))
    body = {"total_count": len(newest), "check_runs": json.loads(shown.body)}
    return Answer.json(shown.status, body, shown.headers)


def app(api: str, site: str, number: int, slug: str, at: str) -> Json:
    """An App."""
    return {
        "id": number,
        "slug": slug,
        "node_id": node("Integration", number),
        "owner": user(api, site, "acme"),
        "name": slug,
        "description": None,
        "external_url": site,
        "html_url": f"{site}/github-apps/{slug}",
        "created_at": at,
        "updated_at": at,
        "permissions": {},
        "events": [],
    }


def _run(call: Call, commit: str, check: Check) -> Json:
    shown, here = checks.show(check, ""), f"{call.shapes.here}/check-runs/1"
    return {
        "id": 1,
        "node_id": node("CheckRun", 1),
        "head_sha": commit,
        "external_id": "",
        "url": here,
        "html_url": check.url,
        "details_url": check.url,
        "status": shown["status"].lower(),
        "conclusion": shown["conclusion"].lower() if shown["conclusion"] else None,
        "started_at": shown["startedAt"],
        "completed_at": shown["completedAt"],
        "output": {
            "title": shown["title"],
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{here}/annotations",
        },
        "name": check.context,
        "check_suite": {"id": check.suite},
        "app": None if not check.app else app(call.shapes.api, call.shapes.site, 1, check.app, check.at),
        "pull_requests": [],
    }


def _workflows(call: Call) -> Answer:
    """The fields of workflow runs that the bot reads, of all that GitHub gives."""
    commit = call.request.query.get("head_sha", "")
    runs = {check.suite: check.workflow for check in call.pulls.hub.checks.get(commit, ()) if check.workflow}
    shown = [{"check_suite_id": suite, "path": f".github/workflows/{name}"} for suite, name in runs.items()]
    return Answer.json(200, {"total_count": len(shown), "workflow_runs": shown})


ROUTES = (
    Route("GET", "/actions/runs", _workflows),
    Route("GET", f"{_COMMIT}/check-runs", _runs),
)
