"""The way of every request: read, ask, decide, arrange, carry out; and again from the start when a race is lost.

First all environments are planned and the forge's limits are looked at; then it is written, one thing after the other.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import budget
from gitops_bot.engine.candidates.promoted import refuse_impossible
from gitops_bot.engine.describe import COMPARED
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.plan import Failure, Planned, plan
from gitops_bot.engine.read import read_again
from gitops_bot.engine.request import Pins, Promote
from gitops_bot.engine.write import commit, propose, stopped
from gitops_bot.errors import ForgeError, GitError, LostRace
from gitops_bot.proposals.outcome import WRITING, EnvironmentOutcome, Outcome
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal

#: A race is given up after so many losses, each of which let somebody else through, or after so many seconds.
MOST_LOST, MOST_SECONDS = 100, 600.0
#: The longest wait before the next try, as a multiple of what the last one took. The more of them compete for a
#: machine, the longer a try takes, and the longer each of them stays out of the others' way.
_LONGEST_WAIT = 16


def run(world: World, snapshot: Snapshot, request: Request, facts: Facts | None = None) -> Outcome:
    """Decide, write, and read again after each lost race. A failure costs its environment only.

    `facts` get what the world answers, for who wants to know afterwards.

    Raises:
        UsageError: what is asked cannot be meant in this repository.
    """
    if isinstance(request.what, Promote):
        refuse_impossible(snapshot, request.what.source)
    outcome = _Run(world, snapshot, request, facts or Facts()).run()
    if request.dry_run or not any(environment.release_tags for environment in snapshot.environments):
        return outcome
    from gitops_bot.engine.records import record  # few need what it reads

    return replace(outcome, problems=(*outcome.problems, *record(world, snapshot)))


def lost_hold(snapshot: Snapshot, request: Request, environment: Environment) -> Problem | None:
    """A hold, here or where the pins come from, that holds nothing: nobody can tell what was to be held."""
    names = (environment.name, request.promoted_from(environment))
    lost = (snapshot.unmatched(name).stops for name in names if name is not None)
    return None if request.exempt.holds else next((problem for problem in lost if problem is not None), None)


class _Run:
    """One request on its way. The snapshot is the newest one: a lost race, or a commit of our own, makes another."""

    def __init__(self, world: World, snapshot: Snapshot, request: Request, facts: Facts) -> None:
        self._world, self._snapshot, self._request, self._facts = world, snapshot, request, facts
        self._named: set[tuple[str, str]] = set()

    def run(self) -> Outcome:
        """All environments, one after the other."""
        environments = self._snapshot.environments
        lost = {environment.name: lost_hold(self._snapshot, self._request, environment) for environment in environments}
        ready = self._plan([environment for environment in environments if lost[environment.name] is None])
        over = self._over_budget(ready)
        outcomes = []
        for environment in environments:
            planned = ready.get(environment.name)
            proposes = isinstance(planned, Planned) and planned.arranged is not None
            if (problem := lost[environment.name] or (over if proposes else None)) is not None:
                outcomes.append(self._stopped(environment, problem))
            else:
                outcomes.append(self._through(environment, planned))
        return self._outcome(outcomes)

    def _plan(self, environments: Sequence[Environment]) -> dict[str, Planned | Failure]:
        plans = plan(self._world, self._snapshot, self._facts, self._request, environments)
        for planned in plans.values():
            if isinstance(planned, Planned):
                self._named |= planned.named
        return plans

    def _stopped(self, environment: Environment, problem: Problem) -> EnvironmentOutcome:
        return stopped(self._world, self._snapshot, self._facts, self._request, environment, problem)

    def _outcome(self, outcomes: Sequence[EnvironmentOutcome]) -> Outcome:
        """What was found or done, together with what was read.

        Names that mean nothing are told where no entry is named: what was asked for by name does not go by them.
        """
        snapshot = self._snapshot
        named = frozenset(self._named) if self._request.names_entries else None
        reported = {failed.problem for outcome in outcomes for failed in outcome.failed}
        names = [environment.name for environment in snapshot.environments] if named is None else []
        lost = [problem for name in names for problem in snapshot.unmatched(name).problems if problem not in reported]
        if isinstance(self._request.what, Pins):
            outcomes = [_own(outcome) for outcome in outcomes]
        return Outcome(
            repository=snapshot.repository,
            branch=snapshot.branch,
            commit=snapshot.commit,
            environments=tuple(outcomes),
            problems=(*snapshot.selection.problems, *lost),
            saw_pull_requests=snapshot.sees_pull_requests or snapshot.repository is None,
            named=named,
            ended=hold.ended(snapshot.config.holds, snapshot.at),
        )

    def _over_budget(self, ready: Mapping[str, Planned | Failure]) -> Problem | None:
        """Why nothing may be written: the forge's limit would end the run in the middle."""
        if self._world.forge is None or self._request.dry_run:
            return None
        needed = [
            (budget.needed(proposal.action, planned.known.environment.propose, compared=compared), proposal)
            for planned in ready.values()
            if isinstance(planned, Planned) and planned.arranged is not None
            for proposal in planned.arranged.proposals
            for compared in (min(len(proposal.changes), COMPARED),)
        ]
        if not any(count for count, _ in needed):
            return None
        try:
            left = self._world.forge.left()
        except ForgeError:
            return None  # the first write says what is wrong
        if left is None:
            return None
        looks = sum(1 + len(proposal.beside) for count, proposal in needed if count)
        return budget.short(sum(count for count, _ in needed) + looks * left.look, left)

    def _through(self, environment: Environment, ready: Planned | Failure | None) -> EnvironmentOutcome:
        """One environment, read again until nobody else is faster."""
        clock = self._world.clock
        started = tried = clock.now()
        done: dict[str, Proposal] = {}
        lost = 0
        try:
            while True:
                try:
                    return self._written(environment, ready, done)
                except LostRace:
                    now, lost = clock.now(), lost + 1
                    if lost > MOST_LOST or (now - started).total_seconds() > MOST_SECONDS:
                        raise
                longest = (now - tried).total_seconds() * min(2**lost, _LONGEST_WAIT)
                clock.sleep(random.uniform(0, longest))  # noqa: S311 - spreads the racers, guards no secret
                tried, ready = clock.now(), None
                self._snapshot = read_again(self._world, self._snapshot)
                self._facts.forget_what_moves()
        except (GitError, ForgeError) as error:
            return self._stopped(environment, error.problem)

    def _written(
        self, environment: Environment, ready: Planned | Failure | None, done: dict[str, Proposal]
    ) -> EnvironmentOutcome:
        """One environment, planned anew where what is `ready` is not of the present snapshot."""
        if ready is None or (isinstance(ready, Planned) and ready.known.snapshot.commit != self._snapshot.commit):
            ready = self._plan([environment])[environment.name]
        if isinstance(ready, Failure):
            raise ready
        if ready.arranged is not None:
            return propose(self._world, ready, ready.arranged, done)
        outcome, self._snapshot = commit(self._world, ready)
        return outcome


def _own(outcome: EnvironmentOutcome) -> EnvironmentOutcome:
    """The outcome with the proposals that carry a pin of this request, and with those that were written."""
    own = tuple(
        proposal
        for proposal in outcome.proposals
        if proposal.action.name in WRITING or not all(change.carried for change in proposal.changes)
    )
    return replace(outcome, proposals=own)
