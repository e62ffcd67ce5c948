"""Branch protection and rulesets of the tests' GitHub server, by REST and GraphQL; a demo has none."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.demo.graphql_page import connection
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.identity import node
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Protection
    from gitops_bot.demo.shapes import Shapes


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
            "checks": [{"context": context, "app_id": None} for context in rule.checks],
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
    """The ID of the ruleset of a branch."""
    return zlib.crc32(branch.encode())


def ruleset(shapes: Shapes, branch: str, rule: Protection) -> Json:
    """A ruleset as shown to a user who may not edit it: without the list of bypass actors."""
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
            {name: value for name, value in one.items() if not name.startswith("ruleset")}
            for one in rules(shapes, branch, rule)
        ],
        "created_at": shapes.hub.created_at,
        "updated_at": shapes.hub.created_at,
    }


def rules(shapes: Shapes, branch: str, rule: Protection) -> list[Json]:
    """The rules of a branch."""
    kinds: list[tuple[str, Json | None]] = [("deletion", None), ("non_fast_forward", None)]
    if rule.checks:
        contexts = [{"context": context} for context in rule.checks]
        parameters: Json = {"strict_required_status_checks_policy": rule.strict, "required_status_checks": contexts}
        kinds.append(("required_status_checks", parameters))
    if rule.approvals:
        parameters = {
            "dismiss_stale_reviews_on_push": rule.dismiss_stale,
            "require_code_owner_review": False,
            "require_last_push_approval": False,
            "required_approving_review_count": rule.approvals,
            "required_review_thread_resolution": False,
        }
        kinds.append(("pull_request", parameters))
    if rule.signatures:
        kinds.append(("required_signatures", None))
    if rule.merge_queue is not None:
        parameters = {
            "check_response_timeout_minutes": 60,
            "grouping_strategy": "ALLGREEN",
            "max_entries_to_build": 5,
            "max_entries_to_merge": 5,
            "merge_method": rule.merge_queue.upper(),
            "min_entries_to_merge": 1,
            "min_entries_to_merge_wait_minutes": 5,
        }
        kinds.append(("merge_queue", parameters))
    source = {
        "ruleset_source_type": "Repository",
        "ruleset_source": shapes.hub.full_name,
        "ruleset_id": ruleset_id(branch),
    }
    return [{"type": kind, **source, **({"parameters": shown} if shown else {})} for kind, shown in kinds]


def _protection(call: Call, branch: str) -> Answer:
    call.commit(branch)
    rule = call.pulls.hub.protected.get(branch)
    if rule is None or rule.by_ruleset:
        raise Invalid(404, "Branch not protected")
    return Answer.json(200, protection(call.shapes, branch, rule))


def _rules(call: Call, branch: str) -> Answer:
    rule = call.pulls.hub.protected.get(branch)
    return Answer.json(200, rules(call.shapes, branch, rule) if rule and rule.by_ruleset else [])


def _ruleset(call: Call, number: str) -> Answer:
    for branch, rule in call.pulls.hub.protected.items():
        if rule.by_ruleset and ruleset_id(branch) == int(number):
            return Answer.json(200, ruleset(call.shapes, branch, rule))
    raise Invalid(404, "Not Found")


def graphql(shapes: Shapes, *, qualifiedName: str) -> Json | None:  # noqa: N803 - the schema's name
    """A branch, by its short or full name."""
    branch = qualifiedName.removeprefix("refs/heads/")
    if branch not in shapes.bare.branches():
        return None
    rule = shapes.hub.protected.get(branch)
    classic = rule is not None and not rule.by_ruleset
    known = [] if rule is None or classic else rules(shapes, branch, rule)
    return {
        "refUpdateRule": {"requiredStatusCheckContexts": rule.checks or None} if rule and classic else None,
        "rules": lambda **arguments: connection(
            "rules", known, lambda shown: {"type": shown["type"].upper()}, arguments
        ),
    }


ROUTES = (
    Route("GET", "/branches/(?P<branch>.+)/protection", _protection),
    Route("GET", "/rules/branches/(?P<branch>.+)", _rules),
    Route("GET", "/rulesets/(?P<number>[0-9]{1,15})", _ruleset),
)
