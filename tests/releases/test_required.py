"""What a gate makes of the checks that were reported: the newest of each name decides, and nothing passes unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gitops_bot.config.require import CheckForm
from gitops_bot.releases.checks import Check, CheckState, DeploymentState
from gitops_bot.releases.choice.required import by_name, see, see_deployment, why_not

BEGIN = datetime(2026, 11, 24, 14, tzinfo=UTC)
STATES: tuple[CheckState, ...] = ("success", "pending", "failure")


def check(name: str = "e2e", state: CheckState = "success", minute: int = 0, by: str = "ci[bot]") -> Check:
    return Check(name, state, BEGIN + timedelta(minutes=minute), by, None, "")


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
    one, other = (see("checks", wanted, captures, by_name(each)) for each in (reported, mixed))
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
        {its.state for its in mine if its.name == name and its.at == max(o.at for o in mine if o.name == name)}
        for name in {each.name for each in mine}
    ]
    states = set().union(*newest)
    expected = "failure" if "failure" in {_worst(its) for its in newest} else None
    expected = expected or ("pending" if not mine or "pending" in {_worst(its) for its in newest} else "success")
    seen = see("checks", wanted, {"app": "a*b"}, by_name(reported))
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


def test_only_deployments_of_commits_on_which_the_pin_stood_count() -> None:
    def deployed(commit: str, state: CheckState) -> DeploymentState:
        return DeploymentState("staging", commit, state, BEGIN, "", None, "")

    reported = [deployed("c", "failure"), deployed("b", "success"), deployed("a", "failure")]
    assert see_deployment("staging", ["a", "b"], reported).state == "success"
    assert see_deployment("staging", ["a"], reported).state == "failure"
    assert see_deployment("staging", [], reported).state == "pending"
