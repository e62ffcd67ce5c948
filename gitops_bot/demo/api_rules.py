"""The REST routes of checks and of the rules of branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import checks, pull_shapes, rule_shapes
from gitops_bot.demo.call import Fields, texts
from gitops_bot.demo.http import Answer
from gitops_bot.demo.hub import Check
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.call import Call


def _report(call: Call, commit: str) -> Answer:
    user, fields, now = call.writer(), call.fields(), call.pulls.time()
    if not call.pulls.bare.has(commit):
        raise Invalid(422, f"No commit found for SHA: {commit[:40]}")
    made = Check(
        call.pulls.hub.next_id(),
        "status",
        fields.text("context") or "default",
        fields.needed("state")[0],
        user,
        now,
        now,
        description=fields.text("description"),
        target_url=fields.text("target_url"),
    )
    checks.report(call.pulls.hub, commit, made)
    return Answer.json(201, rule_shapes.status(call.shapes, commit, made))


def _combined(call: Call, ref: str) -> Answer:
    return Answer.json(200, rule_shapes.combined(call.shapes, call.commit(ref)))


def _statuses(call: Call, ref: str) -> Answer:
    commit = call.commit(ref)
    said = [check for check in reversed(call.pulls.hub.checks.get(commit, ())) if check.kind == "status"]
    return call.page(said, lambda check: rule_shapes.status(call.shapes, commit, check))


def _run(call: Call) -> Answer:
    user, fields, now = call.writer(), call.fields(), call.pulls.time()
    name, commit = fields.needed("name", "head_sha")
    if not call.pulls.bare.has(commit):
        raise Invalid(422, f"No commit found for SHA: {commit[:40]}")
    conclusion = fields.text("conclusion")
    status = "completed" if conclusion is not None else fields.text("status") or "queued"
    made = Check(
        call.pulls.hub.next_id(),
        "run",
        name,
        conclusion,
        user,
        now,
        now,
        status=status,
        target_url=fields.text("details_url"),
    )
    checks.report(call.pulls.hub, commit, made)
    return Answer.json(201, rule_shapes.run(call.shapes, commit, made))


def _edit_run(call: Call, run: str) -> Answer:
    call.writer()
    hub, fields = call.pulls.hub, call.fields()
    for commit, said in hub.checks.items():
        for check in said:
            if check.kind == "run" and check.id == int(run):
                conclusion = fields.text("conclusion")
                status = "completed" if conclusion is not None else fields.text("status") or check.status
                checks.check_run(status, conclusion if status == "completed" else None)
                check.status, check.state, check.updated_at = status, conclusion, call.pulls.time()
                return Answer.json(200, rule_shapes.run(call.shapes, commit, check))
    raise Invalid(404, "Not Found")


def _runs(call: Call, ref: str) -> Answer:
    commit = call.commit(ref)
    said = [check for check in checks.latest(call.pulls.hub, commit) if check.kind == "run"]
    shown = [rule_shapes.run(call.shapes, commit, check) for check in said]
    return Answer.json(200, {"total_count": len(shown), "check_runs": shown})


def _protection(call: Call, branch: str) -> Answer:
    rule = call.pulls.hub.protected.get(branch)
    if branch not in call.pulls.bare.branches():
        raise Invalid(404, "Branch not found")
    if rule is None or rule.by_ruleset:
        raise Invalid(404, "Branch not protected")
    return Answer.json(200, rule_shapes.protection(call.shapes, branch, rule))


def _protect(call: Call, branch: str) -> Answer:
    call.writer()
    if branch not in call.pulls.bare.branches():
        raise Invalid(404, "Branch not found")
    fields = call.fields()
    wanted, reviews = (_part(fields, name) for name in ("required_status_checks", "required_pull_request_reviews"))
    listed = wanted.given.get("checks") or wanted.given.get("contexts") or []
    contexts = texts([each.get("context") if isinstance(each, dict) else each for each in listed])
    count = reviews.given.get("required_approving_review_count", 1 if reviews.given else 0)
    if not isinstance(count, int) or not 0 <= count <= 6:
        raise Invalid(422, "Invalid request.\n\nThe number of required reviews is not from 0 to 6.")
    rule = Protection(
        contexts,
        strict=wanted.flag("strict"),
        approvals=count,
        dismiss_stale=reviews.flag("dismiss_stale_reviews"),
    )
    call.pulls.hub.protected[branch] = rule
    return Answer.json(200, rule_shapes.protection(call.shapes, branch, rule))


def _part(fields: Fields, name: str) -> Fields:
    """An object inside of the object; empty where it is null."""
    value = fields.given.get(name) or {}
    if not isinstance(value, dict):
        raise Invalid(422, f"Invalid request.\n\nFor 'properties/{name}', it is not an object.")
    return Fields(value)


def _unprotect(call: Call, branch: str) -> Answer:
    call.writer()
    if call.pulls.hub.protected.pop(branch, None) is None:
        raise Invalid(404, "Branch not protected")
    return Answer(204)


def _rules(call: Call, branch: str) -> Answer:
    rule = call.pulls.hub.protected.get(branch)
    by_ruleset = rule is not None and rule.by_ruleset
    return Answer.json(200, rule_shapes.rules(call.shapes, branch, rule) if rule is not None and by_ruleset else [])


def _ruleset(call: Call, number: str) -> Answer:
    for branch, rule in call.pulls.hub.protected.items():
        if rule.by_ruleset and rule_shapes.ruleset_id(branch) == int(number):
            return Answer.json(200, rule_shapes.ruleset(call.shapes, branch, rule))
    raise Invalid(404, "Not Found")


def _teams(call: Call) -> Answer:
    return call.page(sorted(call.pulls.hub.teams), lambda slug: pull_shapes.team(call.shapes, slug))


_BRANCH = "/branches/(?P<branch>.+)/protection"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("POST", "/statuses/(?P<commit>[0-9a-f]{40})", _report),
    ("GET", "/commits/(?P<ref>.+)/status", _combined),
    ("GET", "/commits/(?P<ref>.+)/statuses", _statuses),
    ("GET", "/commits/(?P<ref>.+)/check-runs", _runs),
    ("POST", "/check-runs", _run),
    ("PATCH", "/check-runs/(?P<run>[0-9]{1,15})", _edit_run),
    ("GET", _BRANCH, _protection),
    ("PUT", _BRANCH, _protect),
    ("DELETE", _BRANCH, _unprotect),
    ("GET", "/rules/branches/(?P<branch>.+)", _rules),
    ("GET", "/rulesets/(?P<number>[0-9]{1,15})", _ruleset),
    ("GET", "/teams", _teams),
)
