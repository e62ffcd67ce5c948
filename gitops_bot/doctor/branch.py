"""Checks the rules of a branch: do they stop an unreviewed change, also by this bot (a warning), and do they allow what
the configuration does (an error, found before the first run)?
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.doctor.notes import good, unknown, warning, wrong
from gitops_bot.errors import Problem
from gitops_bot.images.reason import counted, shortlist

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config import Environment, Propose
    from gitops_bot.edges.facts import BranchRules, RepositoryFacts, Rule, RuleKind
    from gitops_bot.results.checkout import Check, Finding

_SIGNATURES = "requires signed commits, and the bot's are not signed"
#: The rules that block a push to a branch, and how to describe them.
_AGAINST_PUSH: Mapping[RuleKind, str] = {
    "pull-request": "accepts changes only through pull requests",
    "queue": "accepts changes only through its merge queue",
    "checks": "accepts only commits whose checks have passed",
    "signatures": _SIGNATURES,
    "update": "can be written only by those who may bypass its rules",
}
#: The rules that block creating and refreshing a branch of the bot.
_AGAINST_BRANCHES: Mapping[RuleKind, str] = {
    **_AGAINST_PUSH,
    "creation": "cannot be created",
    "force": "blocks force pushes, which refreshing a proposal needs",
}


def base(branch: str, rules: BranchRules, *, proposed: bool) -> Finding:
    """Whether a change could reach the base branch without review. `proposed`: an environment uses pull requests."""
    # What requires a review or checks before a change is merged.
    guards = [rule for rule in rules.rules if rule.kind in ("checks", "update") or rule.approvals > 0]
    asked = _requirements(guards)
    if not guards and rules.hidden:
        return unknown("rules", branch, "it is protected by rules that the token cannot read", rules.settings.hidden)
    if not guards:
        text = "it requires no review and no checks: nothing would stop an auto-merge or a direct push"
        advice = f"in {rules.settings.rules}, require a pull request with one approval, or status checks, for {branch}"
        return warning("rules", branch, text, advice)
    passable = [rule for rule in guards if rule.bypass in ("always", "pull-requests")]
    if proposed and len(passable) == len(guards) and not rules.hidden:
        text = f"it requires {asked}, but the bot may bypass that and could merge its own proposal"
        advice = "remove the bot's account or App from the bypass list, and do not make it an administrator"
        return warning("rules", branch, text, advice)
    if any(rule.bypass == "unknown" for rule in guards):
        text = f"it requires {asked}; the forge does not say whether the bot may bypass that"
        advice = f"make sure that the bot is not on the bypass list in {rules.settings.rules}"
        return unknown("rules", branch, text, advice)
    if passable:
        return good("rules", branch, f"it requires {asked}; the bot may bypass {_requirements(passable)}")
    return good("rules", branch, f"it requires {asked}, and the bot may not bypass that")


def environment(
    name: str, propose: Propose, branch: str, rules: BranchRules, repository: RepositoryFacts | None
) -> Iterable[Finding]:
    """Whether the repository and the base branch allow what the configuration of an environment needs."""
    if propose.as_ == "commit":
        yield _commit(name, branch, rules)
        return
    findings = [*_auto_merge(name, propose, branch, rules, repository), *_method(name, propose, rules, repository)]
    yield from findings or [good("propose", name, f"by pull requests into {branch}")]


def unmet(rules: BranchRules, environments: Sequence[Environment]) -> BranchRules:
    """The rules without those that the commits of these environments meet because they are signed."""
    if not environments or any(environment.signer is None for environment in environments):
        return rules
    return replace(rules, rules=tuple(rule for rule in rules.rules if rule.kind != "signatures"))


def own(branch: str, rules: BranchRules) -> Finding:
    """Whether the bot may create, refresh and delete its own branches; `branch` is one of them."""
    subject = "gitops-bot/*"
    advice = f"exclude `gitops-bot/**` from the rule in {rules.settings.rules}, or let the bot bypass it"
    if blocked := _block("branches", subject, f"the bot's own branch {branch}", rules, _AGAINST_BRANCHES, advice):
        return blocked
    if any(rule.kind == "deletion" and rule.bypass == "never" for rule in rules.rules):
        text = "the bot may create and refresh its own branches, but not delete them"
        return warning("branches", subject, text, advice)
    return good("branches", subject, "no ruleset restricts the bot's own branches")


def tags(pattern: str, rules: BranchRules) -> Finding:
    """Whether the bot may create the tags of releases, whose names `pattern` means."""
    advice = f"let the bot bypass it, or exclude `{pattern}`, in {rules.settings.rules}"
    binding = [rule for rule in rules.rules if rule.bypass != "always"]
    if any(rule.bypass != "unknown" for rule in binding):
        message = "a ruleset keeps these tags from being created"
        return wrong("release-tags", pattern, Problem("failed.git", message, advice))
    if binding:
        text = "a ruleset may keep these tags from being created, unless the bot may bypass that"
        return unknown("release-tags", pattern, text, advice)
    if rules.hidden:
        return unknown("release-tags", pattern, "some rulesets of tags cannot be read", advice)
    return good("release-tags", pattern, "no ruleset keeps these tags from being created")


def _commit(name: str, branch: str, rules: BranchRules) -> Finding:
    where = f"it commits straight to {branch}, which"
    advice = f"write `propose: {{as: pull-request}}` for {name}, or let the bot bypass the rule"
    if blocked := _block("propose", name, where, rules, _AGAINST_PUSH, advice):
        return blocked
    if rules.hidden:
        text = f"{where} is protected by rules that the token cannot read"
        return unknown("propose", name, text, rules.settings.hidden)
    return good("propose", name, f"{where} allows that")


def _auto_merge(
    name: str, propose: Propose, branch: str, rules: BranchRules, repository: RepositoryFacts | None
) -> Iterable[Finding]:
    if not propose.auto_merge:
        return
    queue = any(rule.kind == "queue" for rule in rules.rules)
    checks = any(rule.kind == "checks" for rule in rules.rules)
    reviews = any(rule.approvals for rule in rules.rules)
    allowed = repository.auto_merge if repository is not None else None
    if not queue and allowed is False:
        message = "`auto_merge` is on, but the repository does not allow it: only a later run would merge"
        advice = f"allow it in {rules.settings.merging}, or remove `auto_merge`"
        yield wrong("propose", name, Problem("failed.forge", message, advice))
    elif not queue and allowed is None:
        text = "`auto_merge` is on, but this token cannot see whether the repository allows it"
        yield unknown("propose", name, text, f"check {rules.settings.merging}")
    if not checks:
        if propose.auto_merge is True and rules.hidden:
            text = f"`auto_merge` waits for checks, but the token cannot read whether {branch} requires any"
            yield unknown("propose", name, text, rules.settings.hidden)
        elif propose.auto_merge is True:
            message = f"`auto_merge` waits for checks, but {branch} requires none: nothing would merge"
            advice = f"require status checks in {rules.settings.rules}, or set `auto_merge: without-checks`"
            yield wrong("propose", name, Problem("failed.forge", message, advice))
        elif not reviews and not rules.hidden:
            text = f"`auto_merge: without-checks` is set, and {branch} requires no review: proposals merge unseen"
            yield warning("propose", name, text, f"require a review or checks for {branch} in {rules.settings.rules}")


def _method(name: str, propose: Propose, rules: BranchRules, repository: RepositoryFacts | None) -> Iterable[Finding]:
    method, methods = propose.merge_method, repository.methods if repository is not None else None
    kinds = {rule.kind for rule in rules.rules if rule.bypass == "never"}
    if "queue" in kinds:
        return  # it has a method of its own
    if method is not None and methods is not None and method not in methods:
        message = f"the repository does not allow `merge_method: {method}`"
        advice = f"write {' or '.join(methods)}, or allow it in {rules.settings.merging}"
        yield wrong("propose", name, Problem("failed.forge", message, advice))
    elif method == "merge" and "linear" in kinds:
        message = "`merge_method: merge` is set, but the base branch requires a linear history"
        yield wrong("propose", name, Problem("failed.forge", message, "set `merge_method: squash` or `rebase`"))
    elif "signatures" in kinds and method != "squash":
        # A squash is signed by the forge itself; the bot's own commits are not signed.
        text = f"the base branch {_SIGNATURES}: its pull requests merge only by squash"
        advice = "set `commits: api`, or squash them; for `auto_merge`, set `merge_method: squash`"
        yield warning("propose", name, text, advice)


def _block(
    check: Check, subject: str, writer: str, rules: BranchRules, against: Mapping[RuleKind, str], advice: str
) -> Finding | None:
    """The first rule that blocks a write, in the order of `against`; a bypass for pull requests only allows no push."""
    binding = [rule for kind in against for rule in rules.rules if rule.kind == kind and rule.bypass != "always"]
    if binding and binding[0].kind == "signatures":
        advice = f"set `commits: api`, or {advice}"
    if sure := [rule for rule in binding if rule.bypass != "unknown"]:
        return wrong(check, subject, Problem("failed.git", f"{writer} {against[sure[0].kind]}", advice))
    if binding:
        text = f"{writer} {against[binding[0].kind]}, unless the bot may bypass that"
        return unknown(check, subject, text, advice)
    return None


def _requirements(rules: Sequence[Rule]) -> str:
    parts = []
    if approvals := max((rule.approvals for rule in rules), default=0):
        parts.append(counted(approvals, "review"))
    if any(rule.kind == "checks" for rule in rules):
        names = dict.fromkeys(name for rule in rules for name in rule.checks)
        shown = shortlist([*names], 3)
        parts.append(f"the check{'s' if len(names) > 1 else ''} {shown}" if shown else "checks")
    if any(rule.kind == "update" for rule in rules):
        parts.append("permission to write")
    return " and ".join(parts)
