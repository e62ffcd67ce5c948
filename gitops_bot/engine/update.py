"""The steps of each request: read, decide, arrange, describe, carry out, record. After a lost race they start again."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.arrange import arrange, whole
from gitops_bot.engine.candidates import poll
from gitops_bot.engine.context import Candidate, Candidates, CarriedOut, Context, Decided, Judged, Planned, as_it_is
from gitops_bot.engine.drive import answer, drive
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.gates import judge
from gitops_bot.engine.policies import look_up, see
from gitops_bot.engine.read import Snapshot, after_commit, read_again, sources_of
from gitops_bot.engine.request import Pins, Poll, Promote, Request, RollBack, RollBackFailed, Withdraw
from gitops_bot.engine.world import Race, World
from gitops_bot.errors import BotError, ConfigError, ForgeError, GitError, Problem, bugs_as
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, reconcile
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Failed, Managed
from gitops_bot.results.outcome import WRITING, EnvironmentOutcome, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Environment
    from gitops_bot.engine.statuses import Statuses
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.results.result import Result


def update(world: World, snapshot: Snapshot, request: Request, facts: Facts | None = None) -> Result[Outcome]:
    """Plan all environments, then write one after the other. A failure stops only its environment.

    `facts` collects what the world answers. A UsageError says that the request makes no sense in this repository.
    """
    if isinstance(request.what, Promote):
        from gitops_bot.engine.candidates import promote

        promote.refuse_impossible(snapshot, request.what.source)
    facts, environments, outcomes = facts or Facts(snapshot), snapshot.environments, []
    now = facts  # the base branch moves, by our own commits and by others'
    statuses = None
    if not request.dry_run and any(map(snapshot.config.writes_status, snapshot.config.environments)):
        from gitops_bot.engine.statuses import Statuses

        statuses = Statuses(world)
    for environment, planned in zip(environments, plan(world, facts, request, environments), strict=True):
        last = environment is environments[-1]
        outcome, now = _write(world, now, request, environment, planned, statuses, last=last)
        source, frozen = request.origin(environment), hold.freezes(snapshot.config.holds, environment.name, snapshot.at)
        outcomes.append(replace(outcome, promoted_from=source.environment, frozen=frozen))
    base = now.snapshot
    problems = [*base.layout.selection.problems]
    if isinstance(request.what, Poll) or (isinstance(request.what, Promote) and not request.what.images):
        # A request that names its entries does not depend on the names in the configuration: none are reported.
        reported = {failed.problem for outcome in outcomes for failed in outcome.failed}
        states = (base.states[environment.name] for environment in environments)
        unmatched = (problem for state in states for problem in state.unmatched.problems)
        problems += dict.fromkeys(problem for problem in unmatched if problem not in reported)
    if not request.dry_run and any(environment.release_tags or environment.deployments for environment in environments):
        from gitops_bot.engine.records import record

        problems += record(world, facts)
    if statuses is not None:
        if isinstance(request.what, Poll) and any(environment.propose.status == "all" for environment in environments):
            statuses.write_elsewhere(base.branch)
        problems += statuses.problems
    done = Outcome(
        environments=tuple(outcomes),
        problems=tuple(problems),
        saw_pull_requests=snapshot.sees_pull_requests or snapshot.repository is None,
        token_variable=world.token_variable,
        ended=hold.find_ended(snapshot.config.holds, base.at),
    )
    is_full = isinstance(request.what, Poll) and len(environments) == len(snapshot.config.environments)
    if is_full and snapshot.config.report_issue and not request.dry_run:
        done = replace(done, problems=(*problems, *_report(world, done, base.at)))
    return done.of(snapshot.repository, snapshot.branch, base.commit)


def _report(world: World, outcome: Outcome, now: datetime) -> tuple[Problem, ...]:
    """Keep the issue as a full run left things; returns a bug of ours, and warns of what the forge refused."""
    if world.forge is None:
        advice = "set a token for the repository's server, or remove `report_issue`"
        world.warn(Problem("failed.auth", "what waits is not reported: there is no forge, or no token for it", advice))
        return ()
    from gitops_bot.results import waiting

    try:
        with bugs_as(ForgeError, "the issue that says what waits"):
            items, issue = [*waiting.waiting(outcome)], world.forge.find_issue(waiting.MARK)
            texts, closed = ([], None) if issue is None else ([issue.body, *issue.comments], issue.closed)
            state, comment = waiting.follow(waiting.State.read(texts, now), items, now, closed)
            if issue is not None or not waiting.is_calm(items):
                with world.whole():
                    world.forge.write_issue(issue, waiting.TITLE, waiting.render(items, state), comment)
    except ForgeError as error:
        if error.problem.code == "failed.bug":
            return error.problems
        world.warn(replace(error.problem, message=f"what waits is not reported: {error.problem.message}"))
    return ()


def plan(world: World, facts: Facts, request: Request, environments: Sequence[Environment]) -> list[Planned | BotError]:
    """Decide and arrange each environment, in order, or say why that is not possible. Nothing is written."""
    begun = []
    for environment in environments:
        # A hold that matches nothing stops it: nobody can tell what was meant to be held. So does one of an image in
        # the source; a freeze there holds nothing of what leaves it.
        states, source = facts.snapshot.states, request.origin(environment).environment
        here = states[environment.name].unmatched
        stop = here.stops or (None if request.rolls_back else here.freezes)
        stop = stop or (states[source].unmatched.stops if source is not None else None)
        stop = None if request.release_hold else stop
        begun.append(_context(facts, request, environment) if stop is None else ConfigError(stop))
    failing = replace(request, what=RollBackFailed())
    watched = []
    for environment in environments if isinstance(request.what, Poll) and facts.snapshot.sees_pull_requests else ():
        # What fails its checks is to be rolled back there, or is being rolled back already.
        kinds = {naming.kind_of_branch(name) for name in facts.snapshot.own_branches_of(environment.name)}
        if environment.on_failure is not None or "failure" in kinds:
            watched.append(environment)
    begun += [_context(facts, failing, environment) for environment in watched]
    decided: dict[str, list[Decided | BotError]] = {}
    results = _decide(world, facts, drive(world, facts, begun))
    for environment, item in zip((*environments, *watched), results, strict=True):
        decided.setdefault(environment.name, []).append(item)
    return drive(world, facts, [
        asked if isinstance(asked, BotError) else arrange(asked, after_failure)
        for asked, *after_failure in decided.values()
    ])  # fmt: skip


async def _context(facts: Facts, request: Request, environment: Environment, *, alone: bool = False) -> Context:
    """What is known of an environment before anything is decided; `alone`: as if nothing were proposed."""
    snapshot, name = facts.snapshot, environment.name
    match request.what:
        case Poll():
            sources = snapshot.states[name].partners
        case Promote(source=source):
            sources = sources_of(snapshot.config, snapshot.layout, snapshot.states, source, snapshot.states[name])
        case _:
            sources = {}
    is_seen = request.what.kind == "failure" or (environment.propose.as_ != "commit" and not alone)
    branches = snapshot.own_branches_of(name) if is_seen else ()
    # The pull requests of a promotion's source are asked for in the same request.
    along = snapshot.own_branches_of(request.what.source) if isinstance(request.what, Promote) and not alone else ()
    known = await look_up(facts, request, environment, branches, along) if branches or along else ()
    seen = see(snapshot, request, environment, known)
    return Context(snapshot, facts, request, environment, snapshot.states[name], seen, sources)


def _decide(world: World, facts: Facts, contexts: Sequence[Context | BotError]) -> list[Decided | BotError]:
    """The decisions about each environment: the candidates of its entries, each after the gates of the request."""
    asked = drive(world, facts, [item if isinstance(item, BotError) else _candidates(item) for item in contexts])
    known = [item for item in asked if isinstance(item, Candidates)]
    judging = [judge(entrant.candidate, item.context) for item in known for entrant in item.entrants]
    judged = iter(drive(world, facts, judging))
    decided: list[Decided | BotError] = []
    for item in asked:
        if isinstance(item, BotError):
            decided.append(item)
            continue
        results = list(zip(item.entrants, islice(judged, len(item.entrants)), strict=True))
        failure = next((result for _, result in results if isinstance(result, GitError | ForgeError)), None)
        done = [_failed(to.entry, result) if isinstance(result, BotError) else result for to, result in results]
        decided.append(failure or Decided(item.context, tuple(done), item.named, item.only_in_source))
    return decided


def _failed(entry: Managed | None, failure: BotError) -> Judged:
    """An entry that nothing could be decided about, such as by a bug, which costs it alone."""
    problem = failure.problem
    if entry is not None and problem.file is None:
        problem = replace(problem, file=entry.file, line=entry.line, column=entry.column)
    failed = Failed(entry, problem)
    return Judged(failed, Candidate(failed))


async def _candidates(context: Context) -> Candidates:
    """The candidates of an environment, from where the request takes them; a UsageError where it cannot apply."""
    match context.request.what:
        case Poll():
            return await poll.candidates(context)
        case Pins() as asked:
            from gitops_bot.engine.candidates import assign

            return await assign.candidates(context, asked)
        case Promote() as asked:
            from gitops_bot.engine.candidates import promote

            return await promote.candidates(context, asked)
        case RollBack() | RollBackFailed() as asked:
            from gitops_bot.engine.candidates import roll_back

            if isinstance(asked, RollBackFailed):
                return await roll_back.after_failure(context)
            return await roll_back.candidates(context, asked)
        case Withdraw(entries=entries):
            return Candidates(context, [as_it_is(held) for held in entries])
        case _:
            assert_never(context.request.what)


def _carry_out(world: World, planned: Planned, done: Mapping[str, Proposal]) -> tuple[Planned, CarriedOut]:
    """What came of a plan, and the plan with its texts."""
    if planned.context.request.dry_run:
        return planned, CarriedOut({item.group: item for item in planned.proposals})
    if not planned.proposals:
        return planned, CarriedOut(done)
    from gitops_bot.engine.carry_out import carry_out  # most runs have nothing to write
    from gitops_bot.engine.describe import describe

    planned = describe(world, planned)
    return planned, carry_out(world, planned, done)


def _write(
    world: World,
    facts: Facts,
    request: Request,
    environment: Environment,
    planned: Planned | BotError,
    statuses: Statuses | None,
    *,
    last: bool,
) -> tuple[EnvironmentOutcome, Facts]:
    """Write one environment as `planned`, again after each lost race; also the facts about the base branch then."""
    race = Race(world.clock)
    done: Mapping[str, Proposal] = {}
    try:
        with bugs_as(GitError, environment.name):
            if isinstance(planned, Planned) and planned.context.snapshot.commit != facts.snapshot.commit:
                (planned,) = plan(world, facts, request, [environment])
            while isinstance(planned, Planned):
                planned, carried_out = _carry_out(world, planned, done)
                if carried_out.lost is not None:
                    done = carried_out.by_group
                    race.wait(carried_out.lost)
                    facts = Facts(read_again(world, facts.snapshot), facts)
                    (planned,) = plan(world, facts, request, [environment])
                    continue
                if statuses is not None:
                    statuses.write(planned, carried_out.by_group)
                for item in carried_out.by_group.values():
                    if item.branch is None and item.commit is not None:  # the base branch is there now
                        now = replace(facts.snapshot, commit=item.commit)
                        contents = {path: after for path, (_, after) in item.files.items()}
                        facts = Facts(now if last else after_commit(now, contents), facts)
                return _outcome(planned, carried_out), facts
        stop = planned.problem
    except (GitError, ForgeError) as error:
        stop = error.problem
    try:
        with bugs_as(BotError):
            return _outcome_without_writing(world, facts, request, environment, stop), facts
    except BotError:  # the same problem stops this, too
        decisions = (*facts.snapshot.states[environment.name].failed, Failed(None, stop))
        return EnvironmentOutcome(environment.name, decisions), facts


def _outcome(planned: Planned, done: CarriedOut) -> EnvironmentOutcome:
    context = planned.context
    written = [item for _, item in sorted(done.by_group.items()) if item.action.name != "none" or item.changes]
    if context.request.own_groups:
        # Proposals that only carry pins of earlier requests are reported only if they were written.
        written = [
            item
            for item in written
            if item.action.name in WRITING or not all(change.carried for change in item.changes)
        ]
    decisions, named = (*planned.decisions, *dict.fromkeys(done.failed)), planned.decided[0].named
    return EnvironmentOutcome(context.environment.name, decisions, tuple(written), named=named)


def _outcome_without_writing(
    world: World, facts: Facts, request: Request, environment: Environment, problem: Problem
) -> EnvironmentOutcome:
    """What would have changed, and why it did not; a BotError where the same problem stops this, too."""
    context = answer(world, facts, _context(facts, request, environment, alone=True))
    (done,) = _decide(world, facts, [context])
    if isinstance(done, BotError):
        raise done
    branch = naming.branch(environment.name) if environment.propose.as_ == "pull-request" else None
    nothing = reconcile.Nothing(None, Reason(problem.code, problem.message))
    proposal = whole(context, [item.decision for item in done.judged], branch, nothing)
    decisions = (*context.state.failed, *proposal.decisions, *done.only_in_source, Failed(None, problem))
    return EnvironmentOutcome(environment.name, decisions, (proposal,) if proposal.changes else (), named=done.named)
