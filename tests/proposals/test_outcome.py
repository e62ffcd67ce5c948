from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Failed, Held
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from tests.proposals.sample import carried_out, change, entry

if TYPE_CHECKING:
    from gitops_bot.proposals.proposal import Written
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import EntryKey
    from gitops_bot.results.result import Result

ONE, OTHER = Problem("failed.registry", "out of reach"), Problem("failed.edit", "refused")
HELD = Held(entry(), Pin("v0"), Reason("held.downgrade", "older"))
NAMED = frozenset({HELD.entry.key})


def proposed(action: ActionName, *names: str) -> Written:
    """What became of a group with changes to the entries of these names."""
    return carried_out(action, *(change(name) for name in names or ("web",)))


def outcome(*environments: EnvironmentOutcome, **more: object) -> Result[Outcome]:
    return Outcome(environments, **more).of("acme/deploy", "main", "0" * 40)


def environment(
    *actions: ActionName,
    held: tuple[Held, ...] = (),
    failed: tuple[Failed, ...] = (),
    named: frozenset[EntryKey] = frozenset(),
) -> EnvironmentOutcome:
    return EnvironmentOutcome("staging", (*held, *failed), tuple(map(proposed, actions)), named=named)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(outcome(), 0, id="nothing to look at"),
        pytest.param(outcome(environment()), 0, id="nothing to do"),
        pytest.param(outcome(environment("open", "refresh", "close", "commit", "none")), 0, id="done"),
        pytest.param(outcome(environment("leave")), 0, id="left to a person"),
        pytest.param(outcome(environment(held=(HELD,))), 0, id="held"),
        pytest.param(outcome(saw_pull_requests=False), 0, id="pull requests not seen"),
        pytest.param(outcome(environment("open", failed=(Failed(entry(), ONE),))), 1, id="one item failed"),
        pytest.param(outcome(environment(), environment(failed=(Failed(None, ONE),))), 1, id="one file failed"),
        pytest.param(outcome(environment("open"), problems=(ONE,)), 1, id="the run had a problem"),
        pytest.param(outcome(environment("open", named=NAMED)), 0, id="named and done"),
        pytest.param(outcome(environment("none", named=NAMED)), 0, id="named and there already"),
        pytest.param(outcome(environment("open", held=(HELD,), named=NAMED)), 1, id="named and held"),
        pytest.param(outcome(environment("open", held=(HELD,), named=frozenset())), 0, id="another one is held"),
        pytest.param(outcome(environment("leave", named=NAMED)), 1, id="named and left to a person"),
        pytest.param(outcome(environment("open", "leave", named=NAMED)), 1, id="named, and one of two groups is left"),
        pytest.param(
            outcome(EnvironmentOutcome("staging", (), (proposed("open"), proposed("leave", "api")), named=NAMED)),
            0,
            id="named and done, another group is left",
        ),
        pytest.param(
            outcome(EnvironmentOutcome("staging", (), (proposed("leave", "api", "web"),), named=NAMED)),
            1,
            id="named among others that are left",
        ),
        pytest.param(outcome(environment("leave", named=frozenset())), 0, id="none is named, one is left"),
        pytest.param(outcome(environment(failed=(Failed(None, ONE),), named=NAMED)), 1, id="named and failed"),
    ],
)
def test_the_exit_code_tells(found: Result[Outcome], expected: int) -> None:
    assert found.head.exit_code == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(outcome(environment("leave", held=(HELD,))), True, id="held and left alone is complete"),
        pytest.param(outcome(environment(failed=(Failed(entry(), ONE),))), False, id="something failed"),
        pytest.param(outcome(problems=(ONE,)), False, id="the run had a problem"),
        pytest.param(outcome(saw_pull_requests=False), False, id="pull requests not seen"),
    ],
)
def test_complete_means_that_everything_was_seen_and_done(found: Result[Outcome], expected: bool) -> None:
    assert found.head.complete is expected


@pytest.mark.parametrize(
    ("action", "writes"),
    [("open", True), ("refresh", True), ("close", True), ("commit", True), ("leave", False), ("none", False)],
)
def test_a_plan_knows_whether_it_would_write(action: ActionName, writes: bool) -> None:
    assert outcome(environment(), environment("none", action)).body.would_write is writes


def test_each_problem_is_told_once_those_of_the_run_first() -> None:
    twice = environment(failed=(Failed(entry(), ONE), Failed(entry("api"), ONE), Failed(None, OTHER)))
    assert outcome(twice, twice).head.problems == (ONE, OTHER)
    assert outcome(twice, problems=(OTHER,)).head.problems == (OTHER, ONE)
    assert outcome().head.problems == ()
