"""A branch and its rules, as GraphQL shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import rule_shapes, view_checks
from gitops_bot.demo.identity import node
from gitops_bot.demo.view import page

if TYPE_CHECKING:
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Protection
    from gitops_bot.demo.view import Seen

_HEADS = "refs/heads/"


def ref(seen: Seen, name: str) -> Json | None:
    """A branch by its short or full name."""
    branch = name.removeprefix(_HEADS)
    commit = seen.shapes.bare.branches().get(branch)
    if commit is None:
        return None
    rule = seen.shapes.hub.protected.get(branch)
    classic = None if rule is None or rule.by_ruleset else rule
    rules = rule_shapes.rules(seen.shapes, branch, rule) if rule is not None and rule.by_ruleset else []
    return {
        "__typename": "Ref",
        "id": node("Ref", f"{seen.shapes.hub.id}:{branch}"),
        "name": branch,
        "prefix": _HEADS,
        "target": lambda: view_checks.commit(seen, commit),
        "refUpdateRule": _update_rule(branch, classic) if classic else None,
        "branchProtectionRule": _protection_rule(seen, branch, classic) if classic else None,
        "rules": lambda **asked: page("rules", rules, lambda told: _rule(seen, branch, told), asked),
    }


def _update_rule(branch: str, rule: Protection) -> Json:
    return {
        "allowsDeletions": False,
        "allowsForcePushes": False,
        "pattern": branch,
        "requiredApprovingReviewCount": rule.approvals or None,
        "requiredStatusCheckContexts": list(rule.checks) or None,
        "requiresCodeOwnerReviews": False,
        "requiresConversationResolution": False,
        "requiresLinearHistory": False,
        "requiresSignatures": rule.signatures,
        "viewerCanPush": True,
    }


def _protection_rule(seen: Seen, branch: str, rule: Protection) -> Json:
    return {
        "__typename": "BranchProtectionRule",
        "id": node("BranchProtectionRule", f"{seen.shapes.hub.id}:{branch}"),
        "pattern": branch,
        "dismissesStaleReviews": rule.dismiss_stale,
        "requiredApprovingReviewCount": rule.approvals or None,
        "requiredStatusCheckContexts": list(rule.checks),
        "requiresApprovingReviews": bool(rule.approvals),
        "requiresCommitSignatures": rule.signatures,
        "requiresStatusChecks": bool(rule.checks),
        "requiresStrictStatusChecks": rule.strict,
    }


def _rule(seen: Seen, branch: str, told: Json) -> Json:
    """A rule of a ruleset, from what REST tells of it."""
    parameters = told.get("parameters", {})
    shown: dict[str, Json] = {
        "required_status_checks": {
            "__typename": "RequiredStatusChecksParameters",
            "strictRequiredStatusChecksPolicy": parameters.get("strict_required_status_checks_policy"),
            "requiredStatusChecks": [
                {"context": each["context"], "integrationId": None}
                for each in parameters.get("required_status_checks", ())
            ],
        },
        "pull_request": {
            "__typename": "PullRequestParameters",
            "dismissStaleReviewsOnPush": parameters.get("dismiss_stale_reviews_on_push"),
            "requiredApprovingReviewCount": parameters.get("required_approving_review_count"),
        },
        "merge_queue": {"__typename": "MergeQueueParameters", "mergeMethod": parameters.get("merge_method")},
    }
    return {
        "__typename": "RepositoryRule",
        "id": node("RepositoryRule", f"{seen.shapes.hub.id}:{branch}:{told['type']}"),
        "type": told["type"].upper(),
        "parameters": shown.get(told["type"]),
    }
