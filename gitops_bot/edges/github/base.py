"""What a repository and its base branch require of a merge, from GraphQL and from REST.

Call these within `Api.reading`, which reports answers of other types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github import answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.edges.facts import RuleKind

#: GitHub's type of a rule in a ruleset -> ours; GraphQL has it in capitals. Others (patterns, deployments, scans) do
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
#: Merge method -> the settings that allow it, in GraphQL and in REST.
METHODS: Mapping[MergeMethod, tuple[str, str]] = {
    "merge": ("mergeCommitAllowed", "allow_merge_commit"),
    "squash": ("squashMergeAllowed", "allow_squash_merge"),
    "rebase": ("rebaseMergeAllowed", "allow_rebase_merge"),
}


@dataclass(frozen=True, slots=True)
class Base:
    """What a repository and its base branch require of a merge, as far as the token can see.

    `checks`: a merge waits for checks. `rules`: there is any rule, or one may be hidden from the token. `seen`: the
    token may see the rules. `default` is the method that the repository uses by default.
    """

    auto_merge: bool
    queue: bool
    checks: bool
    rules: bool
    seen: bool
    methods: tuple[MergeMethod, ...]
    default: MergeMethod


def kind_of(rule: Any) -> RuleKind | None:
    """What a rule of a ruleset requires; None if that does not concern the bot."""
    return _KINDS.get(str(rule["type"]).lower())


def required_checks(branch: Any) -> tuple[str, ...]:
    """The checks that the protection rule of a branch requires, as far as the branch itself shows it."""
    required = (branch.get("protection") or {}).get("required_status_checks") or {}
    return contexts(required) if required.get("enforcement_level") != "off" else ()


def contexts(required: Any) -> tuple[str, ...]:
    """The names of required checks."""
    names = required.get("contexts") or [check["context"] for check in required.get("checks") or ()]
    return tuple(answers.text(name) for name in names)


def base_of(repository: Any, *, hidden: bool) -> Base:
    """The base branch in an answer to `graphql.proposals`; `hidden`: the token may not see all of it."""
    ref, queue = repository["ref"], repository["mergeQueue"]
    protection = ref["refUpdateRule"] if ref is not None else None
    checks = (protection["requiredStatusCheckContexts"] or ()) if protection is not None else ()
    rules = ref["rules"] if ref is not None else None
    branch_rules = [rule for rule in (rules["nodes"] if rules is not None else None) or () if rule is not None]
    kinds = {kind_of(rule) for rule in branch_rules}
    allowed = (method for method, (field, _) in METHODS.items() if repository[field] is True)
    return Base(
        auto_merge=repository["autoMergeAllowed"] is True,
        queue=queue is not None or "queue" in kinds,
        checks=any(checks) or "checks" in kinds,
        rules=protection is not None or bool(branch_rules) or ref is None or hidden,
        seen=not hidden,
        **_methods(tuple(allowed), str(repository["viewerDefaultMergeMethod"]).lower()),
    )


def base_by_rest(repository: Any, branch: Any, rules: Any) -> Base:
    """The same from REST: the repository, the branch, and its rules (None if the server has none or hides them).

    A token without write access sees neither the methods nor whether auto-merge is allowed: GitHub will say so.
    """
    kinds = {kind_of(rule) for rule in rules or ()}
    allowed = (method for method, (_, field) in METHODS.items() if repository.get(field) is not False)
    return Base(
        auto_merge=repository.get("allow_auto_merge") is not False,
        queue="queue" in kinds,
        checks=bool(required_checks(branch)) or "checks" in kinds,
        rules=branch.get("protected") is not False or bool(kinds),
        seen=True,
        **_methods(tuple(allowed)),
    )


def _methods(allowed: tuple[MergeMethod, ...], default: str = "") -> dict[str, Any]:
    if not allowed:
        raise ValueError(allowed)
    return {"methods": allowed, "default": default if default in allowed else allowed[0]}
