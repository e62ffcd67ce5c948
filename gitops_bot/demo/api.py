"""The REST routes below `/repos/{owner}/{repo}`: the repository, its branches and commits.

`api_pulls.py` and `api_issues.py` have the routes of pull requests, `api_statuses.py` those of commit statuses.
`call.py` checks a request, `pulls.py` and its neighbours carry it out, and `shapes.py` shows the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import api_issues, api_pulls, api_statuses
from gitops_bot.demo.bare import Moved
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call


def _repository(call: Call) -> Answer:
    return Answer.json(200, call.shapes.full_repository())


def _activity(call: Call) -> Answer:
    """Pushes to all branches or to one, the newest first."""
    branch = call.request.query.get("ref", "").removeprefix("refs/heads/")
    pushes = [push for push in reversed(call.pulls.hub.activity) if branch in ("", push.branch)]
    return call.page(pushes, call.shapes.push)


def _branch(call: Call, branch: str) -> Answer:
    return Answer.json(200, call.shapes.branch(branch, _head(call, branch)))


def _head(call: Call, branch: str) -> str:
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(404, "Branch not found")
    return commit


def _delete_ref(call: Call, branch: str) -> Answer:
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(422, "Reference does not exist")
    if branch == call.pulls.bare.default_branch():
        raise Invalid(422, "Cannot delete the default branch")
    try:
        call.pulls.bare.delete(branch, expected=commit)
    except Moved:
        raise Invalid(409, "Reference cannot be updated") from None
    call.pulls.sync()
    return Answer(204)


def _compare(call: Call, base: str, head: str) -> Answer:
    commits = [call.commit(name) for name in (base, head)]
    if call.pulls.bare.merge_base(*commits) is None:
        raise Invalid(404, f"No common ancestor between {base[:200]} and {head[:200]}.")
    return Answer.json(200, call.shapes.comparison(*commits))


#: Their functions take a `Call` instead of a request.
ROUTES = (
    *api_pulls.ROUTES,
    *api_issues.ROUTES,
    *api_statuses.ROUTES,
    Route("GET", "", _repository),
    Route("GET", "/activity", _activity),
    Route("GET", "/branches/(?P<branch>.+)", _branch),
    Route("DELETE", "/git/refs/heads/(?P<branch>.+)", _delete_ref),
    Route("GET", r"/compare/(?P<base>.+?)\.\.\.(?P<head>.+)", _compare),
)
