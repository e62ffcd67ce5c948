"""The REST routes of the embedded forge: what is asked of the repository itself, its branches and commits.

A request is checked in `call.py`, decided by the rules in `pulls.py` and its neighbours, shown by `shapes.py`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.demo import api_issues, api_pulls, api_rules
from gitops_bot.demo.bare import Moved
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.demo.call import Call

_REF = re.compile(r"refs/heads/(?P<branch>[^\x00-\x20\x7f~^:?*\[\\]{1,200})\Z")
#: The settings that GitHub lets an address of its own change, by their names there.
_SETTINGS = (
    "allow_auto_merge", "allow_merge_commit", "allow_squash_merge", "allow_rebase_merge", "delete_branch_on_merge",
    "archived",
)  # fmt: skip


def routes() -> list[Route]:
    """Every route below `/repos/{owner}/{repo}`; the first argument of each is a `Call` in place of a request."""
    table: Sequence[tuple[str, str, Callable[..., Answer]]] = (
        *api_rules.ROUTES,
        *api_pulls.ROUTES,
        *api_issues.ROUTES,
        ("GET", "", _repository),
        ("PATCH", "", _edit_repository),
        ("GET", "/activity", _activity),
        ("GET", "/branches", _branches),
        ("GET", "/branches/(?P<branch>.+)", _branch),
        ("GET", "/git/ref/heads/(?P<branch>.+)", _ref),
        ("POST", "/git/refs", _create_ref),
        ("DELETE", "/git/refs/heads/(?P<branch>.+)", _delete_ref),
        ("GET", r"/compare/(?P<base>.+?)\.\.\.(?P<head>.+)", _compare),
    )
    return [Route(method, re.compile(path), answer) for method, path, answer in table]


def _repository(call: Call) -> Answer:
    return Answer.json(200, call.shapes.full_repository(call.user))


def _edit_repository(call: Call) -> Answer:
    """Change settings; an archived repository takes nothing but being brought back, as on GitHub."""
    user, fields, settings = call.user, call.fields(), call.pulls.hub.settings
    if user is None or fields.given.get("archived") is not False:
        call.writer()
    changed = replace(settings, **{name: fields.flag(name) for name in _SETTINGS if name in fields.given})
    if not (changed.allow_merge_commit or changed.allow_squash_merge or changed.allow_rebase_merge):
        raise Invalid(422, "Sorry, you need to allow at least one merge strategy. (no_merge_method)")
    call.pulls.hub.settings = changed
    return Answer.json(200, call.shapes.full_repository(call.user))


def _activity(call: Call) -> Answer:
    """Pushes, newest first; of one branch, with or without `refs/heads/` before its name."""
    branch = call.request.query.get("ref", "").removeprefix("refs/heads/")
    found = [each for each in reversed(call.pulls.hub.activity) if branch in ("", each.branch)]
    return call.page(found, call.shapes.pushed)


def _branches(call: Call) -> Answer:
    branches = sorted(call.pulls.bare.branches().items())
    return call.page(branches, lambda branch: call.shapes.branch(*branch))


def _branch(call: Call, branch: str) -> Answer:
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(404, "Branch not found")
    return Answer.json(200, call.shapes.full_branch(branch, commit))


def _ref(call: Call, branch: str) -> Answer:
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(404, "Not Found")
    return Answer.json(200, call.shapes.ref(branch, commit))


def _create_ref(call: Call) -> Answer:
    call.writer()
    ref, commit = call.fields().needed("ref", "sha")
    found = _REF.match(ref)
    if found is None:
        raise Invalid(422, "Reference name must start with 'refs/heads/' and be one that git allows.")
    if found["branch"] in call.pulls.bare.branches():
        raise Invalid(422, "Reference already exists")
    if not call.pulls.bare.has(commit):
        raise Invalid(422, "Object does not exist")
    try:
        call.pulls.bare.move(found["branch"], commit, expected=None)
    except Moved:
        raise Invalid(422, "Reference update failed") from None
    return Answer.json(201, call.shapes.ref(found["branch"], commit))


def _delete_ref(call: Call, branch: str) -> Answer:
    call.writer()
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
