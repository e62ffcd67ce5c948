from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import checks
from gitops_bot.demo.hub import Check, Hub
from gitops_bot.demo.refusal import Invalid
from tests.counterparts.gitops_statuses import ARGO_CD, FLUX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.counterparts.gitops_statuses import GitOpsStatus

COMMIT = "c" * 40


def hub(*statuses: tuple[str, str]) -> Hub:
    """A repository with a commit that has these statuses: contexts and states."""
    made = Hub("acme", "deploy", 1, "2026-01-01T00:00:00Z")
    for context, state in statuses:
        checks.report(made, COMMIT, Check(context, state))
    return made


@pytest.mark.parametrize(
    ("statuses", "rollup", "ci"),
    [
        pytest.param([], None, "EXPECTED", id="none"),
        pytest.param([("ci", "success")], "SUCCESS", "SUCCESS", id="a success"),
        pytest.param([("ci", "pending")], "PENDING", "PENDING", id="pending"),
        pytest.param([("ci", "error")], "ERROR", "ERROR", id="an error"),
        pytest.param([("ci", "failure"), ("ci", "success")], "SUCCESS", "SUCCESS", id="the newest of a context counts"),
        pytest.param([("ci", "success"), ("lint", "failure")], "FAILURE", "SUCCESS", id="one of two failed"),
        pytest.param([("lint", "success")], "SUCCESS", "EXPECTED", id="another context"),
    ],
)
def test_the_statuses_of_a_commit_add_up_to_one_state(
    statuses: Sequence[tuple[str, str]], rollup: str | None, ci: str
) -> None:
    made = hub(*statuses)
    assert checks.rollup(made, COMMIT) == rollup
    assert checks.required(made, COMMIT, "ci") == ci
    assert checks.rollup(made, "d" * 40) is None


@pytest.mark.parametrize("check", [Check("ci", "fine"), Check("", "success"), Check("x" * 256, "success")])
def test_a_status_that_github_does_not_accept_is_refused_and_not_kept(check: Check) -> None:
    made = hub()
    with pytest.raises(Invalid) as error:
        checks.report(made, COMMIT, check)
    assert error.value.status == 422
    assert made.checks == {}


@pytest.mark.parametrize("events", [pytest.param(ARGO_CD, id="Argo CD"), pytest.param(FLUX, id="Flux")])
def test_statuses_as_argo_cd_and_flux_write_them_are_accepted_and_the_newest_counts(
    events: Mapping[str, GitOpsStatus],
) -> None:
    made = hub()
    for status in events.values():
        assert len(status.description) <= 140
        checks.report(made, COMMIT, Check(status.context, status.state))
        assert checks.rollup(made, COMMIT) == status.state.upper()
