from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from gitops_bot.demo import checks
from gitops_bot.demo.hub import Check, Hub
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMIT = "c" * 40
AT = "2026-01-01T00:00:00Z"

Said = tuple[Literal["status", "run"], str, "str | None"]


def hub(*said: Said) -> Hub:
    """A repository of whose commit this was said; a run without a conclusion is still queued."""
    made = Hub("acme", "deploy", 1, AT)
    for number, (kind, context, state) in enumerate(said):
        status = "queued" if kind == "run" and state is None else "completed"
        checks.report(made, COMMIT, Check(number, kind, context, state, "ci", AT, AT, status=status))
    return made


@pytest.mark.parametrize(
    ("said", "rollup", "combined", "ci"),
    [
        pytest.param([], None, "pending", "EXPECTED", id="nobody said anything"),
        pytest.param([("status", "ci", "success")], "SUCCESS", "success", "SUCCESS", id="a status"),
        pytest.param([("status", "ci", "pending")], "PENDING", "pending", "PENDING", id="a status that is pending"),
        pytest.param([("status", "ci", "error")], "ERROR", "failure", "ERROR", id="an error"),
        pytest.param(
            [("status", "ci", "failure"), ("status", "ci", "success")],
            "SUCCESS",
            "success",
            "SUCCESS",
            id="the newest of one context counts",
        ),
        pytest.param(
            [("status", "ci", "success"), ("status", "lint", "failure")],
            "FAILURE",
            "failure",
            "SUCCESS",
            id="one of two failed",
        ),
        pytest.param([("run", "ci", None)], "PENDING", "pending", "PENDING", id="a run that is queued"),
        pytest.param([("run", "ci", "skipped")], "SUCCESS", "pending", "SUCCESS", id="a run that was skipped"),
        pytest.param([("run", "ci", "neutral")], "SUCCESS", "pending", "SUCCESS", id="a run that does not mind"),
        pytest.param([("run", "ci", "timed_out")], "FAILURE", "pending", "FAILURE", id="a run that took too long"),
        pytest.param(
            [("run", "ci", "success"), ("status", "ci", "pending")],
            "PENDING",
            "pending",
            "PENDING",
            id="a run and a status of one name",
        ),
        pytest.param(
            [("status", "lint", "success")], "SUCCESS", "success", "EXPECTED", id="another context than the one asked"
        ),
    ],
)
def test_what_was_said_of_a_commit_comes_to_one_state(
    said: Sequence[Said], rollup: str | None, combined: str, ci: str
) -> None:
    made = hub(*said)
    assert checks.rollup(made, COMMIT) == rollup
    assert checks.combined(made, COMMIT) == combined
    assert checks.required(made, COMMIT, "ci") == ci
    assert checks.rollup(made, "d" * 40) is None


@pytest.mark.parametrize(
    "check",
    [
        Check(1, "status", "ci", "fine", "ci", AT, AT),
        Check(1, "status", "", "success", "ci", AT, AT),
        Check(1, "status", "x" * 256, "success", "ci", AT, AT),
        Check(1, "run", "ci", None, "ci", AT, AT, status="completed"),
        Check(1, "run", "ci", "success", "ci", AT, AT, status="queued"),
        Check(1, "run", "ci", None, "ci", AT, AT, status="done"),
        Check(1, "run", "ci", "fine", "ci", AT, AT),
    ],
    ids=lambda check: f"{check.kind} {check.context[:3]} {check.state} {check.status}",
)
def test_what_github_does_not_know_is_refused_and_not_kept(check: Check) -> None:
    made = hub()
    with pytest.raises(Invalid) as error:
        checks.report(made, COMMIT, check)
    assert error.value.status == 422
    assert checks.latest(made, COMMIT) == []
