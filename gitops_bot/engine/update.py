"""The way of every request: read, decide, arrange, describe, carry out, record; again from the start after a lost race.

First all environments are planned, side by side; then one after the other is written. A failure costs its environment.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.arrange import arrange, whole
from gitops_bot.engine.ask import Facts
from gitops_bot.engine.candidates import assign, poll, promote, roll_back
from gitops_bot.engine.carry_out import carry_out
from gitops_bot.engine.context import Candidate, Candidates, Context, Decided, Planned, as_it_is
from gitops_bot.engine.describe import describe
from gitops_bot.engine.existing import find_existing
from gitops_bot.engine.gates import judge
from gitops_bot.engine.race import Race
from gitops_bot.engine.read import committed, read_again
from gitops_bot.engine.records import record
from gitops_bot.engine.request import Pins, Poll, Promote, RollBack, Withdraw
from gitops_bot.errors import BotError, ConfigError, ForgeError, GitError, LostRace
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, reconcile
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Failed
from gitops_bot.results.outcome import WRITING, EnvironmentOutcome, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.ask import Deciding, Failure
    from gitops_bot.engine.context import Judged
    from gitops_bot.engine.read import Snapshot
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.results.result import Result


def update(world: World, snapshot: Snapshot, request: Request, facts: Facts | None = None) -> Result[Outcome]:
    """Plan all environments, then write one after the other. A failure costs its environment only.

    `facts` get what the world answers, for who wants to know afterwards.

    Raises:
        UsageError: what is asked cannot be meant in this repository.
    """
    if isinstance(request.what, Promote):
        promote.refuse_impossible(snapshot, request.what.source)
    facts, environments = facts or Facts(world, snapshot), snapshot.environments
    lost = {environment.name: lost_hold(snapshot, request, environment) for environment in environments}
    planned: dict[str, Planned | BotError] = {
        name: ConfigError(stop) for name, stop in lost.items() if stop is not None
    }
    free = [environment for environment in environments if environment.name not in planned]
    planned |= zip((environment.name for environment in free), plan(snapshot, facts, request, free), strict=True)
    base, outcomes = _Base(snapshot, facts), []
    for environment in environments:
        match planned[environment.name]:
            case Planned() as ready:
                outcome = _write(world, base, request, ready, is_last=environment is environments[-1])
            case BotError() as stop:
                outcome = _stopped(base, request, environment, stop.problem)
        outcomes.append(outcome)
    done = _outcome(base.snapshot, request, outcomes)
    if not request.dry_run and any(environment.recorded for environment in environments):
        done = replace(done, problems=(*done.problems, *record(world, snapshot, facts)))
    return done.of(snapshot.repository, snapshot.branch, base.snapshot.commit)


def plan(
    snapshot: Snapshot, facts: Facts, request: Request, environments: Sequence[Environment]
) -> list[Planned | Failure]:
    """Each environment decided and arranged, in their order, or why it cannot be. Nothing is written."""
    decided = _decide(facts, facts.drive([_context(snapshot, facts, request, each) for each in environments]))

    async def arranged(ready: Decided) -> Planned:
        return Planned(ready, await arrange(ready))

    return facts.drive([ready if isinstance(ready, BotError) else arranged(ready) for ready in decided])


async def _context(
    snapshot: Snapshot, facts: Facts, request: Request, environment: Environment, *, alone: bool = False
) -> Context:
    """What is known of an environment before it is decided; `alone`: as if nothing was proposed."""
    name = environment.name
    match request.what:
        case Poll():
            sources = snapshot.states[name].partners
        case Promote(source=source):
            sources = snapshot.partners(source, name)
        case _:
            sources = {}
    branches = () if alone or environment.propose.as_ == "commit" else snapshot.own_branches_of(name)
    # What is open in the source of a promotion is told along with it: one request instead of two.
    along = snapshot.own_branches_of(request.what.source) if isinstance(request.what, Promote) and not alone else ()
    existing = await find_existing(snapshot, facts, request, environment, branches, along)
    return Context(snapshot, facts, request, snapshot.states[name], existing, sources)


def _decide(facts: Facts, contexts: Sequence[Context | Failure]) -> list[Decided | Failure]:
    """The decisions about each environment: the candidates of its entries, each behind the gates of the request."""
    begun = facts.drive([each if isinstance(each, BotError) else _candidates(each) for each in contexts])

    async def decided(candidate: Deciding[Candidate], context: Context) -> Judged:
        return await judge(await candidate, context)

    deciding = [
        decided(candidate, context)
        for context, own in zip(contexts, begun, strict=True)
        if not isinstance(context, BotError) and not isinstance(own, BotError)
        for candidate in own.deciding
    ]
    answers = iter(facts.drive(deciding))
    results: list[Decided | Failure] = []
    for context, own in zip(contexts, begun, strict=True):
        if isinstance(context, BotError):
            results.append(context)
        elif isinstance(own, BotError):
            results.append(own)
        else:
            judged = list(islice(answers, len(own.deciding)))
            failure = next((item for item in judged if isinstance(item, BotError)), None)
            done = tuple(item for item in judged if not isinstance(item, BotError))
            results.append(failure or Decided(context, done, own.named))
    return results


async def _candidates(context: Context) -> Candidates:
    """The candidates of an environment, from where the request takes them.

    Raises:
        UsageError: what is named cannot be meant.
    """
    match context.request.what:
        case Poll():
            return await poll.candidates(context)
        case Pins() as asked:
            return await assign.candidates(context, asked)
        case Promote() as asked:
            return await promote.candidates(context, asked)
        case RollBack() as asked:
            return await roll_back.candidates(context, asked)
        case Withdraw(entries=entries):
            return Candidates([as_it_is(Candidate(held)) for held in entries])
        case _:
            assert_never(context.request.what)


class _Base:
    """The base branch while environments are written one after the other: our own commits move it, and others' too."""

    def __init__(self, snapshot: Snapshot, facts: Facts) -> None:
        self.snapshot, self.facts = snapshot, facts


def _write(world: World, base: _Base, request: Request, planned: Planned, *, is_last: bool) -> EnvironmentOutcome:
    """Write one environment as `planned`, and read and plan it again until nobody else is faster."""
    environment, race = planned.context.environment, Race(world.clock)
    is_new = planned.context.snapshot.commit == base.snapshot.commit
    done: dict[str, Proposal] = {}
    try:
        while True:
            try:
                if not is_new:
                    (again,) = plan(base.snapshot, base.facts, request, [environment])
                    if isinstance(again, BotError):
                        raise again
                    planned = again
                if not request.dry_run:
                    planned = describe(world, planned)
                outcome, commit = carry_out(world, planned, done)
            except LostRace as lost:
                race.wait(lost)
                base.snapshot, is_new = read_again(world, base.snapshot), False
                base.facts = Facts(world, base.snapshot, base.facts)
                continue
            if commit is not None:
                files = {path: data for proposal in outcome.proposals for path, data in proposal.after.items()}
                now = replace(base.snapshot, commit=commit)
                base.snapshot = now if is_last else committed(now, files)
                base.facts = Facts(world, base.snapshot, base.facts)
            return outcome
    except (GitError, ForgeError) as error:
        return _stopped(base, request, environment, error.problem)


def _stopped(base: _Base, request: Request, environment: Environment, problem: Problem) -> EnvironmentOutcome:
    """What is known of an environment that could not be written: what would have changed, and why it did not."""
    state, facts = base.snapshot.states[environment.name], base.facts
    promoted_from = request.promoted_from(environment)
    context = facts.answer(_context(base.snapshot, facts, request, environment, alone=True))
    (done,) = _decide(facts, [context])
    if isinstance(done, BotError):  # by what stopped it
        return EnvironmentOutcome(environment.name, (*state.failed, Failed(None, problem)), promoted_from=promoted_from)
    branch = naming.branch(environment.name) if context.by_pull_request else None
    proposal = whole(context, done.decisions, branch, reconcile.Nothing(None, Reason(problem.code, problem.message)))
    decisions = (*state.failed, *proposal.decisions, *promote.only_in_source(context), Failed(None, problem))
    proposals = (proposal,) if proposal.changes else ()
    return EnvironmentOutcome(environment.name, decisions, proposals, promoted_from, done.named)


def lost_hold(snapshot: Snapshot, request: Request, environment: Environment) -> Problem | None:
    """A hold, here or where the pins come from, that holds nothing: nobody can tell what was to be held."""
    names = (environment.name, request.promoted_from(environment))
    lost = (snapshot.states[name].unmatched.stops for name in names if name is not None)
    return None if request.exempt.holds else next((problem for problem in lost if problem is not None), None)


def _outcome(snapshot: Snapshot, request: Request, outcomes: Sequence[EnvironmentOutcome]) -> Outcome:
    """What was found or done, together with what was read.

    Names that mean nothing are told where no entry is named: what was asked for by name does not go by them.
    """
    reported = {failed.problem for outcome in outcomes for failed in outcome.failed}
    names = [] if request.names_entries else [environment.name for environment in snapshot.environments]
    lost = [
        problem for name in names for problem in snapshot.states[name].unmatched.problems if problem not in reported
    ]
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
