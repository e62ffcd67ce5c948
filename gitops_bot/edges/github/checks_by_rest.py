"""What was reported of commits and environments on a server that has only REST, in the shape of GraphQL's answers.

Two requests for a commit, and one for each deployment (docs.github.com/rest: commits/statuses, checks/runs,
deployments/statuses).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.deployments import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.edges.github.api import Api

#: Pages of one commit.
_PAGES = 10
#: The token may not read it, or nobody may; and a commit that is not there.
EXPECTED: Final = (403, 404, 422)


def of_commit(api: Api, repository: str, commit: str) -> Iterator[Any]:
    """The statuses and check runs of a commit; raises Refused with one of the expected statuses."""
    root = f"/repos/{repository}/commits/{commit}"
    for status in _listed(api, root, "/statuses"):
        yield {
            "__typename": "StatusContext",
            "context": status["context"],
            "state": _upper(status["state"]),
            "createdAt": status["created_at"],
            "description": status["description"],
            "targetUrl": status["target_url"],
            "creator": _actor(status["creator"]),
        }
    for run in _listed(api, root, "/check-runs", "check_runs"):
        yield {
            "__typename": "CheckRun",
            "name": run["name"],
            "status": _upper(run["status"]),
            "conclusion": _upper(run["conclusion"]),
            "startedAt": run["started_at"],
            "completedAt": run["completed_at"],
            "title": run["output"]["title"],
            "detailsUrl": run["details_url"],
            # What waits in a queue may have no time yet.
            "checkSuite": {"createdAt": api.clock.now().isoformat(), "app": run["app"]},
        }


def of_environment(api: Api, environment: str, most: int) -> Iterator[Any]:
    """The newest deployments to an environment, those of other people; raises as `of_commit`."""
    root, query = f"/repos/{api.repository}", {"environment": environment, "per_page": str(most)}
    deployments = api.ask("GET", "/deployments", query=query, expected=EXPECTED)
    for deployment in answers.of_type(list, deployments):
        if deployment["description"] == TEXT:
            continue
        number = answers.of_type(int, deployment["id"])
        statuses = [
            {
                "state": _upper(status["state"]),
                "createdAt": status["created_at"],
                "description": status["description"],
                "logUrl": status.get("log_url"),
            }
            for status in _listed(api, root, f"/deployments/{number}/statuses")
        ]
        yield {
            "commitOid": deployment["sha"],
            "description": deployment["description"],
            "creator": _actor(deployment["creator"]),
            "statuses": {"nodes": statuses},
        }


def _listed(api: Api, root: str, path: str, key: str = "") -> Iterator[Any]:
    for documents in api.pages(path, {}, _PAGES, key=key, root=root, expected=EXPECTED):
        yield from documents


def _actor(user: Any) -> Any:
    return None if user is None else {"__typename": user["type"], "login": user["login"]}


def _upper(value: Any) -> str | None:
    return None if value is None else answers.of_type(str, value).upper()
