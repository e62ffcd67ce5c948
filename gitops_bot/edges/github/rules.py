"""Reads what a branch requires: from rulesets, from its protection rule, and from the branch itself.

Call these within `Api.reading`, which reports answers of other types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.facts import Rule
from gitops_bot.edges.github import answers, base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitops_bot.edges.facts import Bypass

_BYPASSES: Mapping[str, Bypass] = {
    "always": "always", "exempt": "always", "pull_requests_only": "pull-requests", "never": "never",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Summary:
    """What a branch shows of its protection to a token that may not read the rule.

    `classic`: there is a protection rule, not only rulesets.
    """

    protected: bool
    classic: bool
    checks: tuple[str, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What it requires, as far as that shows."""
        return (Rule("checks", "unknown", checks=self.checks),) if self.classic and self.checks else ()


def of_rulesets(rules: Any, bypass: Callable[[int], Bypass]) -> Iterator[Rule]:
    """The rules that rulesets have for a branch; `bypass` says whether the token may bypass the ruleset of an id."""
    for rule in rules:
        kind = base.kind_of(rule)
        if kind is None:
            continue
        parameters = rule.get("parameters") or {}
        ruleset = rule.get("ruleset_id")
        yield Rule(
            kind,
            bypass(ruleset) if type(ruleset) is int else "unknown",
            _count(parameters.get("required_approving_review_count")),
            tuple(answers.text(check["context"]) for check in parameters.get("required_status_checks") or ()),
        )


#: The patterns of rulesets that mean every tag of a release, whichever the environment and the number.
_EVERY_RELEASE = frozenset({"~ALL", "**/*", "*/*/*", "release/**/*", "release/*/*"})
_TAGS = "refs/tags/"


def of_tags(rulesets: Any) -> Iterator[Rule]:
    """Which of these rulesets of tags keep the tags of releases from being created.

    Where its patterns leave open whether a ruleset means all of them, so is the bypass.
    """
    for ruleset in rulesets:
        if ruleset is None or not any(rule["type"] == "creation" for rule in ruleset.get("rules") or ()):
            continue
        names = (ruleset.get("conditions") or {}).get("ref_name") or {}
        include, exclude = (
            [answers.text(pattern).removeprefix(_TAGS) for pattern in names.get(side) or ()]
            for side in ("include", "exclude")
        )
        if any(map(_may_mean_releases, include)):
            is_sure = not exclude and not _EVERY_RELEASE.isdisjoint(include)
            past = bypass(ruleset)
            yield Rule("creation", past if is_sure or past == "always" else "unknown")


def _may_mean_releases(pattern: str) -> bool:
    """Whether a pattern may match `release/ENVIRONMENT/NUMBER`; a `*` matches no slash, and `**/` any directories."""
    if pattern == "~ALL":
        return True
    start = re.split(r"[*?\[\\{]", pattern, maxsplit=1)[0]
    return (start.startswith("release/") or "release/".startswith(start)) and (
        "**" in pattern or pattern.count("/") == 2
    )


def bypass(document: Any) -> Bypass:
    """Whether the token may bypass a ruleset; None stands for a ruleset that it may not read."""
    return _BYPASSES.get(str(document.get("current_user_can_bypass")), "unknown") if document else "unknown"


def of_branch(document: Any) -> Summary:
    """What the branch itself shows."""
    classic = (document.get("protection") or {}).get("enabled") is True
    return Summary(classic or document.get("protected") is True, classic, base.required_checks(document))


def of_protection(document: Any, *, admin: bool | None) -> tuple[Rule, ...]:
    """The protection rule of a branch; `admin`: whether the token is an administrator's, whom it may not bind."""
    return tuple(_protection(document, "always" if admin and not _enabled(document, "enforce_admins") else "never"))


def _protection(document: Any, past: Bypass) -> Iterator[Rule]:
    if (reviews := document.get("required_pull_request_reviews")) is not None:
        # People on its own list may bypass the reviews; GitHub does not say whether this token is on it.
        has_allowances = any((reviews.get("bypass_pull_request_allowances") or {}).values())
        approvals = _count(reviews.get("required_approving_review_count"))
        yield Rule("pull-request", "unknown" if has_allowances and past == "never" else past, approvals)
    if (required := document.get("required_status_checks")) is not None:
        yield Rule("checks", past, checks=base.contexts(required))
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


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= 100 else 0
