"""What would stop an unseen change, and what stands in the way of the configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitops_bot.config import Propose
from gitops_bot.doctor import branch
from gitops_bot.edges.facts import BranchRules, Permission, RepositoryFacts, Rule

REVIEW = Rule("pull-request", approvals=1)
PULL = Rule("pull-request")
CI = Rule("checks", checks=("ci",))
MAY = RepositoryFacts("main", Permission("yes", ""), auto_merge=True, methods=("merge", "squash"))


def rules(*given: Rule, hidden: bool = False) -> BranchRules:
    return BranchRules(given, hidden)


def passing(rule: Rule, bypass: str) -> Rule:
    return Rule(rule.kind, bypass, rule.approvals, rule.checks)  # type: ignore[arg-type]  # the table writes words


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        pytest.param(rules(), "warning", "nothing would stop an auto-merge or a direct push", id="nothing"),
        pytest.param(rules(Rule("force"), Rule("deletion")), "warning", "nothing would stop", id="no guard"),
        pytest.param(rules(PULL), "warning", "nothing would stop", id="a pull request that nobody reviews"),
        pytest.param(rules(hidden=True), "unknown", "rules that the token cannot read", id="hidden"),
        pytest.param(rules(REVIEW), "good", "1 review, and the bot may not bypass", id="a review"),
        pytest.param(
            rules(Rule("pull-request", approvals=2), CI), "good", "2 reviews and the check ci", id="reviews and a check"
        ),
        pytest.param(
            rules(Rule("checks", checks=("a", "b", "c", "d"))), "good", "the checks a, b, c and 1 more", id="checks"
        ),
        pytest.param(rules(Rule("update")), "good", "permission to write", id="restricted"),
        pytest.param(rules(passing(REVIEW, "always")), "warning", "could merge its own", id="bypass"),
        pytest.param(rules(passing(REVIEW, "pull-requests")), "warning", "could merge its own", id="half a bypass"),
        pytest.param(rules(passing(REVIEW, "always"), CI), "good", "the bot may bypass 1 review", id="one of two"),
        pytest.param(rules(passing(REVIEW, "unknown")), "unknown", "does not say", id="nobody says"),
        pytest.param(rules(passing(CI, "always"), hidden=True), "good", "the bot may bypass", id="and a hidden rule"),
    ],
)
def test_the_base_branch_stops_what_nobody_has_seen(found: BranchRules, verdict: str, says: str) -> None:
    finding = branch.base("main", found, proposed=True)
    assert (finding.name, finding.subject, finding.verdict) == ("rules", "main", verdict)
    assert says in finding.text
    assert (finding.next == "") == (verdict == "good")


def test_a_bypass_is_meant_where_everything_is_committed() -> None:
    finding = branch.base("main", rules(passing(REVIEW, "always")), proposed=False)
    assert finding.verdict == "good"


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        pytest.param(rules(), "good", "allows that", id="open"),
        pytest.param(rules(Rule("force"), Rule("deletion"), Rule("linear")), "good", "allows", id="nothing in the way"),
        pytest.param(rules(PULL), "wrong", "only through pull requests", id="pull requests"),
        pytest.param(rules(Rule("queue")), "wrong", "only through its merge queue", id="queue"),
        pytest.param(rules(CI), "wrong", "whose checks have passed", id="checks"),
        pytest.param(rules(Rule("signatures")), "wrong", "requires signed commits", id="signatures"),
        pytest.param(rules(Rule("update")), "wrong", "who may bypass", id="restricted"),
        pytest.param(rules(Rule("signatures"), PULL), "wrong", "pull requests", id="the one to mend first"),
        pytest.param(rules(passing(PULL, "always")), "good", "allows", id="bypass"),
        pytest.param(rules(passing(PULL, "pull-requests")), "wrong", "pull requests", id="a bypass for merging"),
        pytest.param(rules(passing(PULL, "unknown")), "unknown", "unless the bot may", id="nobody says"),
        pytest.param(rules(passing(PULL, "unknown"), CI), "wrong", "checks", id="one is sure"),
        pytest.param(rules(hidden=True), "unknown", "rules that the token cannot read", id="hidden"),
    ],
)
def test_a_commit_meets_the_rules_of_the_branch(found: BranchRules, verdict: str, says: str) -> None:
    (finding,) = branch.environment("staging", Propose(as_="commit"), "main", found, MAY)
    assert (finding.name, finding.subject, finding.verdict) == ("propose", "staging", verdict)
    assert says in finding.text
    if verdict == "wrong":
        assert "propose: {as: pull-request}" in finding.next


PAST, WITHOUT = Propose(auto_merge=True), Propose(auto_merge="without-checks")


def having(**changes: object) -> RepositoryFacts:
    return replace(MAY, **changes)  # type: ignore[arg-type]  # the table writes words


@pytest.mark.parametrize(
    ("propose", "found", "repository", "expected"),
    [
        pytest.param(Propose(), rules(), MAY, [("good", "by pull requests into main")], id="nothing special"),
        pytest.param(Propose(), rules(PULL, Rule("queue")), MAY, [("good", "by pull")], id="rules are no obstacle"),
        pytest.param(PAST, rules(CI), MAY, [("good", "by pull requests")], id="auto-merge as it should be"),
        pytest.param(PAST, rules(CI), having(auto_merge=False), [("wrong", "does not allow it")], id="not allowed"),
        pytest.param(PAST, rules(CI), having(auto_merge=None), [("unknown", "cannot see")], id="allowed, who knows"),
        pytest.param(PAST, rules(CI), None, [("unknown", "cannot see")], id="nothing known of the repository"),
        pytest.param(PAST, rules(CI, Rule("queue")), having(auto_merge=False), [("good", "by pull")],
            id="the queue does it"),
        pytest.param(PAST, rules(REVIEW), MAY, [("wrong", "requires none: nothing would merge")], id="no checks"),
        pytest.param(PAST, rules(Rule("queue")), MAY, [("wrong", "requires none")], id="a queue without checks"),
        pytest.param(PAST, rules(hidden=True), MAY, [("unknown", "cannot read")], id="hidden checks"),
        pytest.param(PAST, rules(), having(auto_merge=False),
            [("wrong", "does not allow it"), ("wrong", "requires none")], id="both"),
        pytest.param(WITHOUT, rules(), MAY, [("warning", "proposals merge unseen")], id="unseen"),
        pytest.param(WITHOUT, rules(REVIEW), MAY, [("good", "by pull")], id="seen by people"),
        pytest.param(WITHOUT, rules(CI), MAY, [("good", "by pull")], id="seen by checks"),
        pytest.param(Propose(merge_method="rebase"), rules(), MAY, [("wrong", "`merge_method: rebase`")],
            id="no such method"),
        pytest.param(Propose(merge_method="rebase"), rules(), having(methods=None), [("good", "by")],
            id="methods not told"),
        pytest.param(Propose(merge_method="merge"), rules(Rule("linear")), MAY, [("wrong", "linear history")],
            id="linear"),
        pytest.param(Propose(merge_method="squash"), rules(Rule("linear")), MAY, [("good", "by")], id="a squash"),
        pytest.param(Propose(), rules(Rule("signatures")), MAY, [("warning", "signed commits")], id="signatures"),
        pytest.param(Propose(merge_method="squash"), rules(Rule("signatures")), MAY, [("good", "by")],
            id="GitHub signs a squash"),
        pytest.param(Propose(merge_method="rebase"), rules(Rule("queue")), MAY, [("good", "by")],
            id="the queue has a method"),
    ],
)  # fmt: skip
def test_an_environment_meets_the_repository(
    propose: Propose, found: BranchRules, repository: RepositoryFacts | None, expected: list[tuple[str, str]]
) -> None:
    findings = [*branch.environment("production", propose, "main", found, repository)]
    assert [finding.verdict for finding in findings] == [verdict for verdict, _ in expected]
    for finding, (_, says) in zip(findings, expected, strict=True):
        assert says in finding.text
        assert (finding.next == "") == (finding.verdict == "good")


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        pytest.param(rules(), "good", "no ruleset restricts", id="none"),
        pytest.param(rules(Rule("linear")), "good", "no ruleset restricts", id="linear as they are"),
        pytest.param(rules(Rule("creation")), "wrong", "cannot be created", id="creation"),
        pytest.param(rules(Rule("force")), "wrong", "blocks force pushes", id="force"),
        pytest.param(rules(Rule("update")), "wrong", "only by those who", id="restricted"),
        pytest.param(rules(REVIEW), "wrong", "only through pull requests", id="reviews on every branch"),
        pytest.param(rules(passing(Rule("force"), "always")), "good", "no ruleset restricts", id="bypass"),
        pytest.param(rules(passing(Rule("force"), "unknown")), "unknown", "unless the bot may", id="nobody says"),
        pytest.param(rules(Rule("deletion")), "warning", "but not delete them", id="deletion"),
    ],
)
def test_the_bot_may_make_and_refresh_its_own_branches(found: BranchRules, verdict: str, says: str) -> None:
    finding = branch.own("gitops-bot/production/all", found)
    assert (finding.name, finding.verdict) == ("branches", verdict)
    assert says in finding.text


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        pytest.param(rules(), "good", "no ruleset", id="nothing"),
        pytest.param(rules(Rule("creation", "always")), "good", "no ruleset", id="a bypass"),
        pytest.param(rules(Rule("creation")), "wrong", "keeps these tags", id="a rule"),
        pytest.param(rules(Rule("creation", "pull-requests")), "wrong", "keeps these tags", id="half a bypass"),
        pytest.param(rules(Rule("creation", "unknown")), "unknown", "may keep these tags", id="nobody says"),
        pytest.param(rules(hidden=True), "unknown", "cannot be read", id="hidden"),
    ],
)
def test_the_bot_may_create_the_tags_of_releases(found: BranchRules, verdict: str, says: str) -> None:
    finding = branch.tags("release/*/*", found)
    assert (finding.name, finding.subject, finding.verdict) == ("release-tags", "release/*/*", verdict)
    assert says in finding.text
    assert (finding.next == "") == (verdict == "good")
