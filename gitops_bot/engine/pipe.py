"""The way of every request: read, ask, decide, arrange, write; and again from the start when a race is lost.

First all environments are planned and the forge's limits are looked at; then it is written, one thing after the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import budget
from gitops_bot.engine.candidates.promoted import refuse_impossible
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.plan import Failure, Planned, plan
from gitops_bot.engine.race import Race
from gitops_bot.engine.read import read_again
from gitops_bot.engine.request import Pins, Promote
from gitops_bot.engine.write import stopped, write
from gitops_bot.errors import ForgeError, GitError, LostRace
from gitops_bot.proposals.outcome import WRITING, EnvironmentOutcome, Outcome
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal


def run(world: World, snapshot: Snapshot, request: Request, facts: Facts | None = None) -> Outcome:
    """Plan all environments, then write one after the other. A failure costs its environment only.

    `facts` get what the world answers, for who wants to know afterwards.

    Raises:
        UsageError: what is asked cannot be meant in this repository.
    """
    if isinstance(request.what, Promote):
        refuse_impossible(snapshot, request.what.source)
    facts, environments = facts or Facts(), snapshot.environments
    stops = {environment.name: lost_hold(snapshot, request, environment) for environment in environments}
    free = [environment for environment in environments if stops[environment.name] is None]
    plans = plan(world, snapshot, facts, request, free)
    arranged = [planned for planned in plans.values() if isinstance(planned, Planned) and planned.arranged is not None]
    if (problem := budget.shortage(world, request, arranged)) is not None:
        stops |= {planned.known.environment.name: problem for planned in arranged}
    named = {key for planned in plans.values() if isinstance(planned, Planned) for key in planned.named}
    newest, outcomes = snapshot, []
    for environment in environments:
        if (problem := stops[environment.name]) is not None:
            outcomes.append(stopped(world, newest, facts, request, environment, problem))
        else:
            planned = plans[environment.name]
            outcome, newest = _through(world, newest, facts, request, environment, planned, named)
            outcomes.append(outcome)
    done = _outcome(newest, request, outcomes, frozenset(named))
    if request.dry_run or not any(environment.recorded for environment in environments):
        return done
    from gitops_bot.engine.records import record  # few need what it reads

    return replace(done, problems=(*done.problems, *record(world, snapshot)))


def _through(
    world: World,
    snapshot: Snapshot,
    facts: Facts,
    request: Request,
    environment: Environment,
    planned: Planned | Failure | None,
    named: set[tuple[str, str]],
) -> tuple[EnvironmentOutcome, Snapshot]:
    """Write one environment as `planned`, and read, ask, decide and arrange it again until nobody else is faster.

    Entries that the command line names are added to `named`. Gives the newest snapshot, too.
    """
    race = Race(world.clock)
    done: dict[str, Proposal] = {}
    try:
        while True:
            try:
                if planned is None or (isinstance(planned, Planned) and not planned.is_of(snapshot)):
                    planned = plan(world, snapshot, facts, request, [environment])[environment.name]
                if isinstance(planned, Failure):
                    raise planned
                named |= planned.named
                return write(world, planned, done)
            except LostRace as lost:
                race.wait(lost)
                snapshot, planned = read_again(world, snapshot), None
                facts.forget_what_moves()
    except (GitError, ForgeError) as error:
        return stopped(world, snapshot, facts, request, environment, error.problem), snapshot


def lost_hold(snapshot: Snapshot, request: Request, environment: Environment) -> Problem | None:
    """A hold, here or where the pins come from, that holds nothing: nobody can tell what was to be held."""
    names = (environment.name, request.promoted_from(environment))
    lost = (snapshot.unmatched(name).stops for name in names if name is not None)
    return None if request.exempt.holds else next((problem for problem in lost if problem is not None), None)


def _outcome(
    snapshot: Snapshot, request: Request, outcomes: Sequence[EnvironmentOutcome], named: frozenset[tuple[str, str]]
) -> Outcome:
    """What was found or done, together with what was read.

    Names that mean nothing are told where no entry is named: what was asked for by name does not go by them.
    """
    reported = {failed.problem for outcome in outcomes for failed in outcome.failed}
    names = [] if request.names_entries else [environment.name for environment in snapshot.environments]
    lost = [problem for name in names for problem in snapshot.unmatched(name).problems if problem not in reported]
    if isinstance(request.what, Pins):
        outcomes = [_own(outcome) for outcome in outcomes]
    return Outcome(
        repository=snapshot.repository,
        branch=snapshot.branch,
        commit=snapshot.commit,
        environments=tuple(outcomes),
        problems=(*snapshot.selection.problems, *lost),
        saw_pull_requests=snapshot.sees_pull_requests or snapshot.repository is None,
        named=named if request.names_entries else None,
        ended=hold.ended(snapshot.config.holds, snapshot.at),
    )


def _own(outcome: EnvironmentOutcome) -> EnvironmentOutcome:
    """The outcome with the proposals that carry a pin of this request, and with those that were written."""
    own = tuple(
        proposal
        for proposal in outcome.proposals
        if proposal.action.name in WRITING or not all(change.carried for change in proposal.changes)
    )
    return replace(outcome, proposals=own)
