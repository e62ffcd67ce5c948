"""The way of every request: read, ask, decide, arrange, write; and again from the start when a race is lost.

First all environments are planned and the forge's limits are looked at; then it is written, one thing after the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import budget
from gitops_bot.engine.candidates.promoted import refuse_impossible
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.plan import Planned, plan
from gitops_bot.engine.race import Race
from gitops_bot.engine.read import read_again
from gitops_bot.engine.request import Pins, Promote
from gitops_bot.engine.write import stopped, write
from gitops_bot.errors import ConfigError, ForgeError, GitError, LostRace
from gitops_bot.releases.choice import hold
from gitops_bot.results.outcome import WRITING, EnvironmentOutcome, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.errors import BotError, Problem
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.results.result import Result


def run(world: World, snapshot: Snapshot, request: Request, facts: Facts | None = None) -> Result[Outcome]:
    """Plan all environments, then write one after the other. A failure costs its environment only.

    `facts` get what the world answers, for who wants to know afterwards.

    Raises:
        UsageError: what is asked cannot be meant in this repository.
    """
    if isinstance(request.what, Promote):
        refuse_impossible(snapshot, request.what.source)
    facts, environments = facts or Facts(), snapshot.environments
    plans: dict[str, Planned | BotError] = {}
    for environment in environments:
        if (problem := lost_hold(snapshot, request, environment)) is not None:
            plans[environment.name] = ConfigError(problem)
    free = [environment for environment in environments if environment.name not in plans]
    plans |= zip((environment.name for environment in free), plan(world, snapshot, facts, request, free), strict=True)
    arranged = [ready for ready in plans.values() if isinstance(ready, Planned) and ready.known.by_pull_request]
    if (problem := budget.shortage(world, request, arranged)) is not None:
        plans |= {ready.known.environment.name: ForgeError(problem) for ready in arranged}
    newest, outcomes = snapshot, []
    for environment in environments:
        match plans[environment.name]:
            case Planned() as ready:
                outcome, newest = _through(world, newest, facts, request, ready)
            case stop:
                outcome = stopped(world, newest, facts, request, environment, stop.problem)
        outcomes.append(outcome)
    done = _outcome(newest, request, outcomes)
    if not request.dry_run and any(environment.recorded for environment in environments):
        from gitops_bot.engine.records import record  # few need what it reads

        done = replace(done, problems=(*done.problems, *record(world, snapshot, facts)))
    return done.of(newest.repository, newest.branch, newest.commit)


def _through(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, planned: Planned
) -> tuple[EnvironmentOutcome, Snapshot]:
    """Write one environment as `planned`, and read, ask, decide and arrange it again until nobody else is faster.

    Gives the newest snapshot, too: that of the environment before may be newer than what this was planned from.
    """
    environment, race = planned.known.environment, Race(world.clock)
    is_new = planned.known.snapshot.commit == snapshot.commit
    done: dict[str, Proposal] = {}
    try:
        while True:
            try:
                if not is_new:
                    (again,) = plan(world, snapshot, facts, request, [environment])
                    if not isinstance(again, Planned):
                        raise again
                    planned = again
                return write(world, planned, done)
            except LostRace as lost:
                race.wait(lost)
                snapshot, is_new = read_again(world, snapshot), False
                facts.forget_what_moves()
    except (GitError, ForgeError) as error:
        return stopped(world, snapshot, facts, request, environment, error.problem), snapshot


def lost_hold(snapshot: Snapshot, request: Request, environment: Environment) -> Problem | None:
    """A hold, here or where the pins come from, that holds nothing: nobody can tell what was to be held."""
    names = (environment.name, request.promoted_from(environment))
    lost = (snapshot.unmatched(name).stops for name in names if name is not None)
    return None if request.exempt.holds else next((problem for problem in lost if problem is not None), None)


def _outcome(snapshot: Snapshot, request: Request, outcomes: Sequence[EnvironmentOutcome]) -> Outcome:
    """What was found or done, together with what was read.

    Names that mean nothing are told where no entry is named: what was asked for by name does not go by them.
    """
    reported = {failed.problem for outcome in outcomes for failed in outcome.failed}
    names = [] if request.names_entries else [environment.name for environment in snapshot.environments]
    lost = [problem for name in names for problem in snapshot.unmatched(name).problems if problem not in reported]
    if isinstance(request.what, Pins):
        outcomes = [_own(outcome) for outcome in outcomes]
    return Outcome(
        environments=tuple(outcomes),
        problems=(*snapshot.selection.problems, *lost),
        saw_pull_requests=snapshot.sees_pull_requests or snapshot.repository is None,
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
