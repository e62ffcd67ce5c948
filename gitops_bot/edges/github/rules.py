"""Reads what a branch asks for, as GitHub tells it: of rulesets, of a protection rule, and in short of the branch.

Each raises what wrong types raise, for `inspection` to put into words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.facts import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitops_bot.edges.facts import Bypass, RuleKind

#: GitHub's word for a rule of a ruleset -> ours; GraphQL has it in capitals. Others (patterns, deployments, scans) do
#: not concern the bot.
_KINDS: Mapping[str, RuleKind] = {
    "pull_request": "pull-request",
    "required_status_checks": "checks",
    "required_workflow_status_checks": "checks",
    "workflows": "checks",
    "merge_queue": "queue",
    "required_signatures": "signatures",
    "required_linear_history": "linear",
    "update": "update",
    "creation": "creation",
    "deletion": "deletion",
    "non_fast_forward": "force",
}
_BYPASSES: Mapping[str, Bypass] = {
    "always": "always", "exempt": "always", "pull_requests_only": "pull-requests", "never": "never",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Short:
    """What a branch tells of its protection to who may not read the rule: whether there is one, and its checks.

    `classic`: it is a protection rule for sure, and not rulesets alone.
    """

    protected: bool
    classic: bool
    checks: tuple[str, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it asks for, as far as that shows."""
        return (Rule("checks", "unknown", checks=self.checks),) if self.classic and self.checks else ()


def of_rulesets(listed: Any, bypass: Callable[[int], Bypass]) -> Iterator[Rule]:
    """The rules that rulesets have for a branch; `bypass` tells by a ruleset's id what the token may do past it."""
    for each in listed:
        kind = kind_of(each)
        if kind is None:
            continue
        told = each.get("parameters") or {}
        ruleset = each.get("ruleset_id")
        yield Rule(
            kind,
            bypass(ruleset) if type(ruleset) is int else "unknown",
            _count(told.get("required_approving_review_count")),
            tuple(_name(check["context"]) for check in told.get("required_status_checks") or ()),
        )


def kind_of(rule: Any) -> RuleKind | None:
    """What a rule of a ruleset asks for; None for what is nothing to the bot."""
    return _KINDS.get(str(rule["type"]).lower())


def bypass(document: Any) -> Bypass:
    """What a ruleset says that the token may do past it; None stands for a ruleset that it may not read."""
    return _BYPASSES.get(str(document.get("current_user_can_bypass")), "unknown") if document else "unknown"


def of_branch(document: Any) -> Short:
    """What the branch itself tells."""
    said = document.get("protection") or {}
    classic = said.get("enabled") is True
    required = said.get("required_status_checks") or {}
    names = _contexts(required) if required.get("enforcement_level") != "off" else ()
    return Short(classic or document.get("protected") is True, classic, names)


def of_protection(document: Any, *, admin: bool | None) -> tuple[Rule, ...]:
    """The protection rule of a branch; `admin`: whether the token is an administrator's, whom it may not bind."""
    return tuple(_protection(document, "always" if admin and not _enabled(document, "enforce_admins") else "never"))


def _protection(document: Any, past: Bypass) -> Iterator[Rule]:
    if (reviews := document.get("required_pull_request_reviews")) is not None:
        # Who is on its own list may push past the reviews; whether that is this token is not told.
        listed = any((reviews.get("bypass_pull_request_allowances") or {}).values())
        approvals = _count(reviews.get("required_approving_review_count"))
        yield Rule("pull-request", "unknown" if listed and past == "never" else past, approvals)
    if (required := document.get("required_status_checks")) is not None:
        yield Rule("checks", past, checks=_contexts(required))
    if document.get("restrictions") is not None:
        yield Rule("update", "always" if past == "always" else "unknown")
    if _enabled(document, "lock_branch"):
        yield Rule("update", past)
    if _enabled(document, "required_signatures"):
        yield Rule("signatures", past)
    if _enabled(document, "required_linear_history"):
        yield Rule("linear", past)


def _enabled(document: Any, name: str) -> bool:
    return (document.get(name) or {}).get("enabled") is True


def _contexts(required: Any) -> tuple[str, ...]:
    named = required.get("contexts") or [each["context"] for each in required.get("checks") or ()]
    return tuple(_name(each) for each in named)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= 100 else 0
