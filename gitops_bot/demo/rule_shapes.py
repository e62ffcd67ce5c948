"""How the embedded forge shows checks, rules and limits: the JSON shapes of GitHub's REST API."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.demo import checks
from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Check
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Protection
    from gitops_bot.demo.shapes import Shapes


def status(shapes: Shapes, commit: str, check: Check) -> Json:
    """A status of a commit."""
    creator = shapes.user(check.user)
    return {**_status(shapes, commit, check), "avatar_url": creator["avatar_url"], "creator": creator}


def _status(shapes: Shapes, commit: str, check: Check) -> Json:
    return {
        "id": check.id,
        "node_id": node("StatusContext", check.id),
        "url": f"{shapes.here}/statuses/{commit}",
        "avatar_url": None,
        "state": check.state,
        "description": check.description,
        "target_url": check.target_url,
        "context": check.context,
        "created_at": check.created_at,
        "updated_at": check.updated_at,
    }


def combined(shapes: Shapes, commit: str) -> Json:
    """All statuses of a commit in one."""
    said = [check for check in checks.latest(shapes.hub, commit) if check.kind == "status"]
    return {
        "state": checks.combined(shapes.hub, commit),
        "sha": commit,
        "total_count": len(said),
        "statuses": [_status(shapes, commit, check) for check in said],
        "repository": shapes.repository(),
        "commit_url": f"{shapes.here}/commits/{commit}",
        "url": f"{shapes.here}/commits/{commit}/status",
    }


def run(shapes: Shapes, commit: str, check: Check) -> Json:
    """A check run."""
    return {
        "id": check.id,
        "node_id": node("CheckRun", check.id),
        "head_sha": commit,
        "external_id": "",
        "name": check.context,
        "url": f"{shapes.here}/check-runs/{check.id}",
        "html_url": f"{shapes.page}/runs/{check.id}",
        "details_url": check.target_url,
        "status": check.status,
        "conclusion": check.state,
        "started_at": check.created_at,
        "completed_at": check.updated_at if check.status == "completed" else None,
        "output": {
            "title": None,
            "summary": check.description,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{shapes.here}/check-runs/{check.id}/annotations",
        },
        "check_suite": None,
        "app": None,
        "pull_requests": [],
    }


def protection(shapes: Shapes, branch: str, rule: Protection) -> Json:
    """The protection rule of a branch."""
    here = f"{shapes.here}/branches/{quote(branch)}/protection"
    shown: dict[str, Any] = {
        "url": here,
        "enforce_admins": {"url": f"{here}/enforce_admins", "enabled": True},
        "required_signatures": {"url": f"{here}/required_signatures", "enabled": rule.signatures},
        "required_linear_history": {"enabled": False},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
        "block_creations": {"enabled": False},
        "required_conversation_resolution": {"enabled": False},
        "lock_branch": {"enabled": False},
        "allow_fork_syncing": {"enabled": False},
    }
    if rule.checks:
        shown["required_status_checks"] = {
            "url": f"{here}/required_status_checks",
            "strict": rule.strict,
            "contexts": rule.checks,
            "contexts_url": f"{here}/required_status_checks/contexts",
            "checks": [{"context": each, "app_id": None} for each in rule.checks],
        }
    if rule.approvals:
        shown["required_pull_request_reviews"] = {
            "url": f"{here}/required_pull_request_reviews",
            "dismiss_stale_reviews": rule.dismiss_stale,
            "require_code_owner_reviews": False,
            "require_last_push_approval": False,
            "required_approving_review_count": rule.approvals,
        }
    return shown


def ruleset_id(branch: str) -> int:
    """The id of the ruleset for a branch: each has one of its own."""
    return zlib.crc32(branch.encode())


def ruleset(shapes: Shapes, branch: str, rule: Protection) -> Json:
    """A ruleset, as somebody sees it who may not edit it: without the list of those who may bypass it."""
    number = ruleset_id(branch)
    return {
        "id": number,
        "name": f"rules of {branch}",
        "target": "branch",
        "source_type": "Repository",
        "source": shapes.hub.full_name,
        "enforcement": "active",
        "current_user_can_bypass": rule.bypass,
        "node_id": node("RepositoryRuleset", number),
        "_links": {
            "self": {"href": f"{shapes.here}/rulesets/{number}"},
            "html": {"href": f"{shapes.page}/rules/{number}"},
        },
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
        "rules": [
            {name: value for name, value in each.items() if not name.startswith("ruleset")}
            for each in rules(shapes, branch, rule)
        ],
        "created_at": shapes.hub.created_at,
        "updated_at": shapes.hub.created_at,
    }


def rules(shapes: Shapes, branch: str, rule: Protection) -> list[Json]:
    """The rules that a ruleset has for a branch."""
    found: list[tuple[str, Json | None]] = [("deletion", None), ("non_fast_forward", None)]
    if rule.checks:
        contexts = [{"context": each} for each in rule.checks]
        told: Json = {"strict_required_status_checks_policy": rule.strict, "required_status_checks": contexts}
        found.append(("required_status_checks", told))
    if rule.approvals:
        told = {
            "dismiss_stale_reviews_on_push": rule.dismiss_stale,
            "require_code_owner_review": False,
            "require_last_push_approval": False,
            "required_approving_review_count": rule.approvals,
            "required_review_thread_resolution": False,
        }
        found.append(("pull_request", told))
    if rule.signatures:
        found.append(("required_signatures", None))
    if rule.merge_queue is not None:
        told = {
            "check_response_timeout_minutes": 60,
            "grouping_strategy": "ALLGREEN",
            "max_entries_to_build": 5,
            "max_entries_to_merge": 5,
            "merge_method": rule.merge_queue.upper(),
            "min_entries_to_merge": 1,
            "min_entries_to_merge_wait_minutes": 5,
        }
        found.append(("merge_queue", told))
    source = {
        "ruleset_source_type": "Repository",
        "ruleset_source": shapes.hub.full_name,
        "ruleset_id": ruleset_id(branch),
    }
    return [{"type": kind, **source, **({"parameters": told} if told else {})} for kind, told in found]
