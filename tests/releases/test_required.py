"""What a gate makes of the checks that were reported: the newest of each name decides, and nothing passes unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gitops_bot.config.require import CheckForm, DeploymentForm
from gitops_bot.releases.checks import Check, CheckState, CommitChecks, Deployments, DeploymentState
from gitops_bot.releases.choice.required import Results, by_name, deployed_to, see, see_deployment, sentences, why_not

BEGIN = datetime(2026, 11, 24, 14, tzinfo=UTC)
STATES: tuple[CheckState, ...] = ("success", "pending", "failure")


def check(name: str = "e2e", state: CheckState = "success", minute: int = 0, by: str = "ci[bot]") -> Check:
    return Check(name, state, BEGIN + timedelta(minutes=minute), by, None, "")


def run(
    state: str = "success", workflow: str = "build.yml", minute: int = 0, suite: str = "S_1", began: int | None = None
) -> Check:
    """A check run `e2e` that ended so, or is pending; it `began` just then unless in another minute."""
    states: dict[str, CheckState] = {"success": "success", "pending": "pending", "failure": "failure"}
    its = states.get(state, "skipped")
    begin, at = (BEGIN + timedelta(minutes=each) for each in (minute if began is None else began, minute))
    return Check("e2e", its, at, "ci[bot]", None, "", "run", workflow, state, suite, begin)


def on_one(checks: list[Check]) -> Results:
    """All of them on one commit."""
    return by_name([CommitChecks(tuple(checks))])


CHECKS = some.lists(
    some.builds(
        check,
        some.sampled_from(["e2e", "e2e2", "E2E", "a.b", "a*b"]),
        some.sampled_from(STATES),
        some.integers(0, 5),
        some.sampled_from(["ci[bot]", "eve"]),
    ),
    max_size=12,
)
WANTED = some.builds(
    CheckForm,
    name=some.sampled_from(["e2e", "e2*", "*", "{app}", "a.b"]),
    user=some.sampled_from([None, "eve", "ci[bot]"]),
)


@given(CHECKS, WANTED, some.randoms())
def test_the_order_of_results_makes_no_difference(reported: list[Check], wanted: CheckForm, chance: object) -> None:
    mixed = list(reported)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    captures = {"app": "a*b"}
    one, other = (see("checks", wanted, captures, on_one(each)) for each in (reported, mixed))
    assert (one.state, one.name) == (other.state, other.name)


@given(CHECKS, WANTED)
def test_it_succeeded_only_if_the_newest_of_each_name_that_counts_did_and_there_is_one(
    reported: list[Check], wanted: CheckForm
) -> None:
    def counts(each: Check) -> bool:
        means = {"e2e": each.name == "e2e", "e2*": each.name.startswith("e2"), "*": True, "{app}": each.name == "a*b"}
        return means.get(wanted.name, each.name == "a.b") and wanted.user in (None, each.by)

    mine = [each for each in reported if counts(each)]
    newest = [
        {its.state for its in same if its.at == max(other.at for other in same)}
        for key in {(each.name, each.by) for each in mine}
        for same in [[its for its in mine if (its.name, its.by) == key]]
    ]
    states = set().union(*newest)
    expected = "failure" if "failure" in {_worst(its) for its in newest} else None
    expected = expected or ("pending" if not mine or "pending" in {_worst(its) for its in newest} else "success")
    seen = see("checks", wanted, {"app": "a*b"}, on_one(reported))
    assert seen.state == expected
    assert (seen.check is None) == (not mine)
    assert not states or seen.state in states
    assert (why_not([seen], "it") is None) == (seen.state == "success")


def _worst(states: set[CheckState]) -> CheckState:
    return next(state for state in ("failure", "pending", "success") if state in states)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("maker", "wanted", "counts"),
    [
        ("argocd[bot]", CheckForm(name="e2e", app="argocd"), True),
        ("ArgoCD[bot]", CheckForm(name="e2e", app="argocd"), True),
        ("argocd", CheckForm(name="e2e", app="argocd"), False),
        ("argocd[bot]", CheckForm(name="e2e", user="argocd"), False),
        ("", CheckForm(name="e2e", user="ann"), False),
        ("", CheckForm(name="e2e"), True),
    ],
)
def test_an_app_is_no_user_of_the_same_name(maker: str, wanted: CheckForm, *, counts: bool) -> None:
    assert wanted.is_by(maker) == counts


E2E = CheckForm(name="e2e")
CI = CheckForm(name="e2e", app="ci")
BUILD = CheckForm(name="e2e", app="ci", workflow="build.yml")
PASSES = CheckForm(name="e2e", skipped="passes")
BY_COMMIT = CheckForm(name="e2e", by="commit")


def red(minute: int = 0, by: str = "ci[bot]") -> Check:
    return check(state="failure", minute=minute, by=by)


ENDS = {
    "ran and succeeded": ([[run()]], E2E, "success", ""),
    "skipped": ([[run("skipped")]], E2E, "skipped", "e2e ended as skipped, not as a success, on"),
    "neutral": ([[run("neutral")]], E2E, "skipped", "e2e ended as neutral, not as a success, on"),
    "skipped passes": ([[run("skipped")]], PASSES, "success", ""),
    "neutral does not pass as skipped does": ([[run("neutral")]], PASSES, "skipped", "as neutral"),
    "neutral passes": ([[run("neutral")]], CheckForm(name="e2e", neutral="passes"), "success", ""),
    "skipped passes, red elsewhere": ([[run("skipped"), run("failure", "b.yml")]], PASSES, "failure", "failed on"),
}
MAKERS = {
    "wrong": ([[check(by="eve")]], CI, "pending", "e2e was reported as success by eve, which does not count"),
    "gone": ([[check(by="")]], CI, "pending", "by somebody who is gone, which does not count"),
    "other letters": ([[check("E2E")]], E2E, "pending", "e2e was reported as `E2E`, and names are compared exactly"),
    "not there": ([[]], E2E, "pending", "e2e was not reported yet"),
    "a newer green of another hides no red": ([[red(by="eve"), check(minute=9)]], E2E, "failure", "by eve"),
    "one alone": ([[red(by="eve"), check(minute=9)]], CI, "success", ""),
    "logins have no case": ([[red(by="CI[bot]"), check(minute=9)]], E2E, "success", ""),
}
WORKFLOWS = {
    "a newer green of another hides no red": ([[run("failure", "a.yml"), run(minute=9)]], CI, "failure", "failed on"),
    "nor one that runs": ([[run("pending", "a.yml"), run(minute=9)]], CI, "pending", "has been pending"),
    "one alone": ([[run("failure", "a.yml"), run(minute=9)]], BUILD, "success", ""),
    "wrong": ([[run(workflow="a.yml")]], BUILD, "pending", "by ci[bot] in a.yml, which does not count"),
    "a status has none": ([[check()]], BUILD, "pending", "by ci[bot] in no known workflow, which does not count"),
    "run again": ([[run("failure"), run(minute=9)]], E2E, "success", ""),
    "run again as a whole": ([[run("failure", minute=5), run(minute=9, suite="S_2", began=1)]], E2E, "success", ""),
    "two jobs of one name": ([[run("failure", minute=5), run(minute=9, began=1)]], E2E, "failure", "failed on"),
    "two jobs of one name, one runs": ([[run("pending"), run(minute=9, began=1)]], E2E, "pending", "has been pending"),
    "two jobs of one name on a later commit": (
        [[run(minute=9)], [run("failure", minute=5), run(minute=9, began=1)]],
        E2E,
        "failure",
        "failed on",
    ),
    "each suite without one counts": (
        [[run("failure", ""), run("success", "", 9, "S_2")]],
        E2E,
        "failure",
        "failed on",
    ),
    "in one suite without one, the newest": ([[run("failure", ""), run("success", "", 9)]], E2E, "success", ""),
    "until a later commit has one": ([[run("failure", "")], [run("success", "", 0, "S_2")]], E2E, "success", ""),
}
ORDER = {
    "a run of a later commit that ended first": ([[run("failure", minute=9)], [run()]], E2E, "success", ""),
    "which failed": ([[run(minute=9)], [run("failure")]], E2E, "failure", "failed on"),
    "which runs": ([[run(minute=9)], [run("pending")]], E2E, "pending", "has been pending since"),
    "statuses by time": ([[red(9)], [check()]], E2E, "failure", "failed on"),
    "statuses by commit": ([[red(9)], [check()]], BY_COMMIT, "success", ""),
    "statuses by commit, failed": ([[check(minute=9)], [red()]], BY_COMMIT, "failure", "failed on"),
}
TABLES = {"ends": ENDS, "maker": MAKERS, "workflow": WORKFLOWS, "order": ORDER}
CASES = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}


@pytest.mark.parametrize(("commits", "wanted", "state", "says"), CASES.values(), ids=CASES)
def test_the_worst_of_the_newest_of_each_maker_and_workflow_counts(
    commits: list[list[Check]], wanted: CheckForm, state: CheckState, says: str
) -> None:
    seen = see("checks", wanted, {}, by_name(CommitChecks(tuple(checks)) for checks in commits))
    assert seen.state == state
    assert (why_not([seen], "it") is None) == (state == "success")
    assert says in (sentences([seen]) if state != "success" else "")


GREEN = CommitChecks((check(),))
RUN = CommitChecks((run(),))
LOST = CommitChecks(found=False)
SKIPPED = CommitChecks((run("skipped"),), complete=False)
UNSEEN = {
    "a commit is not there": (by_name([GREEN, LOST]), E2E, "1 of 2 commits are not in the repository"),
    "the only commit is not there": (by_name([LOST]), E2E, "the commit is not in the repository; name the repo"),
    "too many checks": (by_name([replace(GREEN, complete=False)]), E2E, "more checks than were looked at"),
    "too many checks, and skipped passes": (by_name([SKIPPED]), PASSES, "more checks than were looked at"),
    "too many commits": (by_name([GREEN], 812), E2E, "1 of 812 commits looked at; name its maker"),
    "too many commits, a status by time": (by_name([GREEN], 812), CI, "1 of 812 commits looked at"),
    "too many commits, nothing seen": (by_name([CommitChecks()], 812), BUILD, "1 of 812 commits looked at"),
    "too many commits, any workflow": (by_name([RUN], 812), CI, "1 of 812 commits looked at"),
    "too many commits, a glob": (by_name([GREEN], 812), replace(BY_COMMIT, name="e*", app="ci"), "1 of 812 commits"),
    "the newest commit is enough for one workflow": (by_name([RUN], 812), BUILD, ""),
    "the newest commit is enough by commit": (by_name([GREEN], 812), replace(BY_COMMIT, app="ci"), ""),
}


@pytest.mark.parametrize(("results", "wanted", "says"), UNSEEN.values(), ids=UNSEEN)
def test_what_was_not_seen_holds_and_says_what_it_is(results: Results, wanted: CheckForm, says: str) -> None:
    seen = see("checks", wanted, {}, results)
    why = why_not([seen], "it")
    assert seen.state == ("pending" if says else "success")
    assert says in (why.text if why is not None else "")


def test_what_failed_is_red_whatever_else_was_not_seen() -> None:
    assert see("checks", E2E, {}, by_name([CommitChecks((red(),), complete=False)])).state == "failure"


def test_only_deployments_of_commits_on_which_the_pin_stood_and_of_its_maker_count() -> None:
    def deployed(commit: str, state: CheckState) -> DeploymentState:
        return DeploymentState("staging", commit, state, BEGIN, "argocd[bot]", None, "")

    def seen(*commits: str, complete: bool = True, app: str | None = None) -> tuple[CheckState, str]:
        wanted = DeploymentForm(name="staging", app=app)
        its = see_deployment(wanted, "staging", commits, Deployments(reported, complete))
        return its.state, sentences([its]).removeprefix("the deployment to staging ")

    reported = (deployed("c", "failure"), deployed("b", "success"), deployed("a", "failure"), deployed("d", "pending"))
    assert seen("a", "b")[0] == seen("a", "b", app="argocd")[0] == "success"
    assert seen("a")[0] == "failure"
    assert seen() == ("pending", "was not reported yet")
    assert seen("d") == ("pending", "has been pending since 2026-11-24 14:00 UTC, by argocd[bot]")
    assert seen("b", app="flux") == ("pending", "was reported as success by argocd[bot], which does not count")
    assert seen("x", complete=False) == ("pending", "is not among the newest deployments that were looked at")
    assert deployed_to(DeploymentForm(name="{app}-staging"), {"app": "web"}) == "web-staging"
