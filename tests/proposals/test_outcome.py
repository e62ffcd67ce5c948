from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Failed, Held
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from tests.proposals.sample import carried_out, change, entry
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.reconcile import ActionName
    from gitops_bot.releases.decisions import EntryKey
    from gitops_bot.results.result import Result

ONE, OTHER = Problem("failed.registry", "out of reach"), Problem("failed.edit", "refused")
HELD = Held(entry(), Pin("v0"), Reason("held.downgrade", "older"))
NAMED = frozenset({HELD.entry.key})


def proposed(action: ActionName, *names: str) -> Proposal:
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


@rows("found expected", {
    "nothing to do": (outcome(environment()), 0),
    "left to a person": (outcome(environment("leave")), 0),
    "pull requests not seen": (outcome(saw_pull_requests=False), 0),
    "one item failed": (outcome(environment("open", failed=(Failed(entry(), ONE),))), 1),
    "the run had a problem": (outcome(environment("open"), problems=(ONE,)), 1),
    "named and done": (outcome(environment("open", named=NAMED)), 0),
    "named and held": (outcome(environment("open", held=(HELD,), named=NAMED)), 1),
    "named and left to a person": (outcome(environment("leave", named=NAMED)), 1),
    "named, and one of two groups is left": (outcome(environment("open", "leave", named=NAMED)), 1),
    "named and done, another group is left": (
        outcome(EnvironmentOutcome("staging", (), (proposed("open"), proposed("leave", "api")), named=NAMED)), 0,
    ),
    "named among others that are left": (
        outcome(EnvironmentOutcome("staging", (), (proposed("leave", "api", "web"),), named=NAMED)), 1,
    ),
})  # fmt: skip
def test_the_exit_code_tells(found: Result[Outcome], expected: int) -> None:
    assert found.head.exit_code == expected


@rows("found expected", {
    "held and left alone is complete": (outcome(environment("leave", held=(HELD,))), True),
    "something failed": (outcome(environment(failed=(Failed(entry(), ONE),))), False),
    "the run had a problem": (outcome(problems=(ONE,)), False),
    "pull requests not seen": (outcome(saw_pull_requests=False), False),
})  # fmt: skip
def test_complete_means_that_everything_was_seen_and_done(found: Result[Outcome], expected: bool) -> None:
    assert found.head.complete is expected


def test_each_problem_is_told_once_those_of_the_run_first() -> None:
    twice = environment(failed=(Failed(entry(), ONE), Failed(entry("api"), ONE), Failed(None, OTHER)))
    assert outcome(twice, twice).head.problems == (ONE, OTHER)
    assert outcome(twice, problems=(OTHER,)).head.problems == (OTHER, ONE)
    assert outcome().head.problems == ()
