"""What would stop an unseen change, and what stands in the way of the configuration."""

from __future__ import annotations

from dataclasses import replace

from gitops_bot.config import Propose
from gitops_bot.doctor import branch
from gitops_bot.edges.facts import BranchRules, Permission, RepositoryFacts, Rule
from tests.tables import rows

REVIEW = Rule("pull-request", approvals=1)
PULL = Rule("pull-request")
CI = Rule("checks", checks=("ci",))
MAY = RepositoryFacts("main", Permission("yes", ""), auto_merge=True, methods=("merge", "squash"))


def rules(*given: Rule, hidden: bool = False) -> BranchRules:
    return BranchRules(given, hidden)


def passing(rule: Rule, bypass: str) -> Rule:
    return Rule(rule.kind, bypass, rule.approvals, rule.checks)  # type: ignore[arg-type]  # the table writes words


@rows("found verdict says", {
    "nothing": (rules(), "warning", "nothing would stop an auto-merge or a direct push"),
    "no guard": (rules(Rule("force"), Rule("deletion")), "warning", "nothing would stop"),
    "a pull request that nobody reviews": (rules(PULL), "warning", "nothing would stop"),
    "hidden": (rules(hidden=True), "unknown", "rules that the token cannot read"),
    "a review": (rules(REVIEW), "good", "1 review, and the bot may not bypass"),
    "reviews and a check": (rules(Rule("pull-request", approvals=2), CI), "good", "2 reviews and the check ci"),
    "checks": (rules(Rule("checks", checks=("a", "b", "c", "d"))), "good", "the checks a, b, c and 1 more"),
    "restricted": (rules(Rule("update")), "good", "permission to write"),
    "bypass": (rules(passing(REVIEW, "always")), "warning", "could merge its own"),
    "half a bypass": (rules(passing(REVIEW, "pull-requests")), "warning", "could merge its own"),
    "one of two": (rules(passing(REVIEW, "always"), CI), "good", "the bot may bypass 1 review"),
    "nobody says": (rules(passing(REVIEW, "unknown")), "unknown", "does not say"),
    "and a hidden rule": (rules(passing(CI, "always"), hidden=True), "good", "the bot may bypass"),
})  # fmt: skip
def test_the_base_branch_stops_what_nobody_has_seen(found: BranchRules, verdict: str, says: str) -> None:
    finding = branch.base("main", found, proposed=True)
    assert (finding.name, finding.subject, finding.verdict) == ("rules", "main", verdict)
    assert says in finding.text
    assert (finding.next == "") == (verdict == "good")


def test_a_bypass_is_meant_where_everything_is_committed() -> None:
    finding = branch.base("main", rules(passing(REVIEW, "always")), proposed=False)
    assert finding.verdict == "good"


@rows("found verdict says", {
    "open": (rules(), "good", "allows that"),
    "nothing in the way": (rules(Rule("force"), Rule("deletion"), Rule("linear")), "good", "allows"),
    "pull requests": (rules(PULL), "wrong", "only through pull requests"),
    "queue": (rules(Rule("queue")), "wrong", "only through its merge queue"),
    "checks": (rules(CI), "wrong", "whose checks have passed"),
    "signatures": (rules(Rule("signatures")), "wrong", "requires signed commits"),
    "restricted": (rules(Rule("update")), "wrong", "who may bypass"),
    "the one to mend first": (rules(Rule("signatures"), PULL), "wrong", "pull requests"),
    "bypass": (rules(passing(PULL, "always")), "good", "allows"),
    "a bypass for merging": (rules(passing(PULL, "pull-requests")), "wrong", "pull requests"),
    "nobody says": (rules(passing(PULL, "unknown")), "unknown", "unless the bot may"),
    "one is sure": (rules(passing(PULL, "unknown"), CI), "wrong", "checks"),
    "hidden": (rules(hidden=True), "unknown", "rules that the token cannot read"),
})  # fmt: skip
def test_a_commit_meets_the_rules_of_the_branch(found: BranchRules, verdict: str, says: str) -> None:
    (finding,) = branch.environment("staging", Propose(as_="commit"), "main", found, MAY)
    assert (finding.name, finding.subject, finding.verdict) == ("propose", "staging", verdict)
    assert says in finding.text
    if verdict == "wrong":
        assert "propose: {as: pull-request}" in finding.next


PAST, WITHOUT = Propose(auto_merge=True), Propose(auto_merge="without-checks")


def having(**changes: object) -> RepositoryFacts:
    return replace(MAY, **changes)  # type: ignore[arg-type]  # the table writes words


@rows("propose found repository expected", {
    "nothing special": (Propose(), rules(), MAY, [("good", "by pull requests into main")]),
    "rules are no obstacle": (Propose(), rules(PULL, Rule("queue")), MAY, [("good", "by pull")]),
    "auto-merge as it should be": (PAST, rules(CI), MAY, [("good", "by pull requests")]),
    "not allowed": (PAST, rules(CI), having(auto_merge=False), [("wrong", "does not allow it")]),
    "allowed, who knows": (PAST, rules(CI), having(auto_merge=None), [("unknown", "cannot see")]),
    "nothing known of the repository": (PAST, rules(CI), None, [("unknown", "cannot see")]),
    "the queue does it": (PAST, rules(CI, Rule("queue")), having(auto_merge=False), [("good", "by pull")]),
    "no checks": (PAST, rules(REVIEW), MAY, [("wrong", "requires none: nothing would merge")]),
    "a queue without checks": (PAST, rules(Rule("queue")), MAY, [("wrong", "requires none")]),
    "hidden checks": (PAST, rules(hidden=True), MAY, [("unknown", "cannot read")]),
    "both": (PAST, rules(), having(auto_merge=False), [("wrong", "does not allow it"), ("wrong", "requires none")]),
    "unseen": (WITHOUT, rules(), MAY, [("warning", "proposals merge unseen")]),
    "seen by people": (WITHOUT, rules(REVIEW), MAY, [("good", "by pull")]),
    "seen by checks": (WITHOUT, rules(CI), MAY, [("good", "by pull")]),
    "no such method": (Propose(merge_method="rebase"), rules(), MAY, [("wrong", "`merge_method: rebase`")]),
    "methods not told": (Propose(merge_method="rebase"), rules(), having(methods=None), [("good", "by")]),
    "linear": (Propose(merge_method="merge"), rules(Rule("linear")), MAY, [("wrong", "linear history")]),
    "a squash": (Propose(merge_method="squash"), rules(Rule("linear")), MAY, [("good", "by")]),
    "signatures": (Propose(), rules(Rule("signatures")), MAY, [("warning", "signed commits")]),
    "GitHub signs a squash": (Propose(merge_method="squash"), rules(Rule("signatures")), MAY, [("good", "by")]),
    "the queue has a method": (Propose(merge_method="rebase"), rules(Rule("queue")), MAY, [("good", "by")]),
})  # fmt: skip
def test_an_environment_meets_the_repository(
    propose: Propose, found: BranchRules, repository: RepositoryFacts | None, expected: list[tuple[str, str]]
) -> None:
    findings = [*branch.environment("production", propose, "main", found, repository)]
    assert [finding.verdict for finding in findings] == [verdict for verdict, _ in expected]
    for finding, (_, says) in zip(findings, expected, strict=True):
        assert says in finding.text
        assert (finding.next == "") == (finding.verdict == "good")


@rows("found verdict says", {
    "none": (rules(), "good", "no ruleset restricts"),
    "linear as they are": (rules(Rule("linear")), "good", "no ruleset restricts"),
    "creation": (rules(Rule("creation")), "wrong", "cannot be created"),
    "force": (rules(Rule("force")), "wrong", "blocks force pushes"),
    "restricted": (rules(Rule("update")), "wrong", "only by those who"),
    "reviews on every branch": (rules(REVIEW), "wrong", "only through pull requests"),
    "bypass": (rules(passing(Rule("force"), "always")), "good", "no ruleset restricts"),
    "nobody says": (rules(passing(Rule("force"), "unknown")), "unknown", "unless the bot may"),
    "deletion": (rules(Rule("deletion")), "warning", "but not delete them"),
})  # fmt: skip
def test_the_bot_may_make_and_refresh_its_own_branches(found: BranchRules, verdict: str, says: str) -> None:
    finding = branch.own("gitops-bot/production/all", found)
    assert (finding.name, finding.verdict) == ("branches", verdict)
    assert says in finding.text


@rows("found verdict says", {
    "nothing": (rules(), "good", "no ruleset"),
    "a bypass": (rules(Rule("creation", "always")), "good", "no ruleset"),
    "a rule": (rules(Rule("creation")), "wrong", "keeps these tags"),
    "half a bypass": (rules(Rule("creation", "pull-requests")), "wrong", "keeps these tags"),
    "nobody says": (rules(Rule("creation", "unknown")), "unknown", "may keep these tags"),
    "hidden": (rules(hidden=True), "unknown", "cannot be read"),
})  # fmt: skip
def test_the_bot_may_create_the_tags_of_releases(found: BranchRules, verdict: str, says: str) -> None:
    finding = branch.tags("release/*/*", found)
    assert (finding.name, finding.subject, finding.verdict) == ("release-tags", "release/*/*", verdict)
    assert says in finding.text
    assert (finding.next == "") == (verdict == "good")
