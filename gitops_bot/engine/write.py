"""Write what was planned for one environment: pull requests kept in place, or a commit straight to the branch.

Right before a group is written, what people may have done meanwhile is looked up once more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.arrange import edited
from gitops_bot.engine.carry_out import carry_out, tries_again, unwritten
from gitops_bot.engine.describe import MOST, describe
from gitops_bot.engine.known import Known
from gitops_bot.engine.make_way import makes_way
from gitops_bot.engine.open_proposals import open_proposals
from gitops_bot.engine.plan import Planned, decided
from gitops_bot.engine.read import committed
from gitops_bot.engine.world import silent
from gitops_bot.errors import ForgeError, GitError, LostRace, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import content, naming, people, reconcile, schedule
from gitops_bot.proposals.outcome import EnvironmentOutcome
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.releases.choice import switch
from gitops_bot.releases.plan import CODE_OF, Failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment, Propose
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.text.details import Described


def write(world: World, planned: Planned, done: dict[str, Proposal]) -> tuple[EnvironmentOutcome, Snapshot]:
    """Write an environment; gives the base branch as it is then, too.

    `done` remembers what became of the proposals that were through before a race was lost.

    Raises:
        LostRace: something moved meanwhile.
        GitError: the remote refused.
    """
    if planned.arranged is None:
        return _commit(world, planned)
    return _propose(world, planned, planned.arranged, done), planned.known.snapshot


def _commit(world: World, ready: Planned) -> tuple[EnvironmentOutcome, Snapshot]:
    """Write the changes of an environment straight to the base branch."""
    environment, snapshot, request = ready.known.environment, ready.known.snapshot, ready.known.request
    reason = Reason(CODE_OF[request.source(environment)], f"straight to {snapshot.branch}, as configured")
    proposal = _whole(ready, None, reconcile.Commit(reason))
    if not proposal.changes:
        return _outcome(ready, proposal), snapshot
    windows = () if request.exempt.limits else environment.propose.schedule
    if (closed := schedule.closed(windows, snapshot.at)) is not None:
        return _outcome(ready, proposal.doing(reconcile.Leave(None, closed))), snapshot
    if request.dry_run:
        return _outcome(ready, proposal), snapshot
    with world.whole():
        head = world.repository.publish(
            snapshot.branch,
            parent=snapshot.commit,
            files=proposal.after,
            message=_written(ready.known, proposal).message,
            expected=snapshot.commit,
        )
    return _outcome(ready, replace(proposal, commit=head)), committed(snapshot, head, proposal.after)


def _propose(
    world: World, ready: Planned, arranged: EnvironmentOutcome, done: dict[str, Proposal]
) -> EnvironmentOutcome:
    """Write every proposal."""
    failed: list[Failed] = []
    is_rollback = ready.known.request.is_rollback
    # What is proposed elsewhere now is taken away last: a run that dies in between has lost nothing.
    # What makes way for a rollback goes first: never do two proposals stand on one entry.
    proposals = sorted(
        arranged.proposals,
        key=lambda proposal: (
            not makes_way(proposal, is_rollback=is_rollback),
            bool(proposal.moved),
            isinstance(proposal.action, reconcile.Close),
        ),
    )
    in_the_way: list[Failed] = []
    progress = silent if ready.known.request.dry_run or not proposals else world.progress
    with progress("writing pull requests", len(proposals)) as advance:
        for planned in proposals:
            way = makes_way(planned, is_rollback=is_rollback)
            # What moves elsewhere may not have come there, what is rolled back may be proposed elsewhere still.
            # What the token may not do for one group it may not for the next.
            refused = failed[-1:] if planned.moved or (failed and failed[-1].problem.code == "failed.auth") else []
            proposal, failure = _write(world, ready.known, planned, refused or ([] if way else in_the_way))
            if failure is not None:
                failed.append(failure)
                if way:
                    in_the_way.append(failure)
            if proposal.action.name != "none" or proposal.group not in done:
                done[proposal.group] = proposal
            advance()
    return replace(
        arranged,
        decisions=(*arranged.decisions, *ready.beside, *dict.fromkeys(failed)),
        proposals=tuple(done[name] for name in sorted(done) if done[name].action.name != "none" or done[name].changes),
    )


def stopped(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, environment: Environment, problem: Problem
) -> EnvironmentOutcome:
    """What is known of an environment that could not be written: what would have changed, and why it did not."""
    state = open_proposals(replace(snapshot, own_branches=()), facts, request, environment)
    ready = decided(world, facts, {environment.name: Known(snapshot, facts, request, state)})[environment.name]
    failure = Failed(None, problem)
    if not isinstance(ready, Planned):  # by what stopped it
        failed = (*snapshot.failed(environment.name), failure)
        return EnvironmentOutcome(environment.name, failed, promoted_from=request.promoted_from(environment))
    branch = naming.branch(environment.name) if environment.propose.as_ == "pull-request" else None
    proposal = _whole(ready, branch, reconcile.Nothing(None, Reason(problem.code, problem.message)))
    outcome = _outcome(ready, proposal)
    return replace(outcome, decisions=(*outcome.decisions, failure))


def _write(world: World, known: Known, proposal: Proposal, before: Sequence[Failed]) -> tuple[Proposal, Failed | None]:
    if known.request.dry_run:
        return proposal, None
    if before:
        return unwritten(proposal, before[0].problem), before[0]
    try:
        written = None
        if proposal.changes and isinstance(proposal.action, reconcile.Open | reconcile.Refresh):
            # Hundreds at once are read as a table: to describe a few of them would only make a promotion slow.
            many = proposal.source == "promotion" and len(proposal.changes) > MOST
            written = _written(known, proposal, {} if many else describe(world, known.facts, proposal.changes))
        with world.whole():
            now = _look_again(world, known.snapshot, proposal, known.environment.propose)
            return carry_out(world, known.snapshot, now, written, known.environment.propose)
    except LostRace:
        raise
    except (GitError, ForgeError) as error:
        return unwritten(proposal, error.problem), Failed(None, error.problem)


def _written(
    known: Known, proposal: Proposal, described: Mapping[tuple[str, str], Described] | None = None
) -> content.ProposalText:
    """The proposal in words."""
    environment = known.environment
    return content.write(
        environment.name,
        proposal.decisions,
        source=proposal.source,
        group=proposal.group,
        title=environment.propose.title,
        message=environment.propose.message,
        described=described,
    )


def _whole(ready: Planned, branch: str | None, action: reconcile.Action) -> Proposal:
    """All that is decided of an environment, as one proposal."""
    known = ready.known
    decisions, files = edited(known, switch.alone(ready.decisions, known.snapshot.slots(known.environment.name)))
    return Proposal(naming.DEFAULT_GROUP, branch, known.request.source(known.environment), action, decisions, files)


def _outcome(ready: Planned, proposal: Proposal) -> EnvironmentOutcome:
    """An environment with one proposal, or with none where that changes nothing."""
    environment = ready.known.environment
    return EnvironmentOutcome(
        environment.name,
        (*ready.known.snapshot.failed(environment.name), *proposal.decisions, *ready.beside),
        (proposal,) if proposal.changes else (),
        ready.known.request.promoted_from(environment),
    )


def _look_again(world: World, snapshot: Snapshot, proposal: Proposal, propose: Propose) -> Proposal:
    """The proposal with its pull requests as they are at this moment; as it is where nothing would be written.

    A run may take minutes from what it read to what it writes. A hold, an approval or a closing that came in between
    is seen here by one request, so that it is too late only while the next one is on its way.

    Raises:
        LostRace: something is different, and has to be planned again.
        ForgeError: the forge refused or did not answer: then nothing is written.
    """
    if world.forge is None or proposal.branch is None or not _writes(proposal, propose):
        return proposal
    own = proposal.branch
    pulls = world.forge.find([own, *proposal.beside], snapshot.branch)
    now = pulls.get(own, ())
    if people.changed(proposal.pulls, now) or any(
        people.changed_elsewhere(before, pulls.get(branch, ())) for branch, before in proposal.beside.items()
    ):
        message = f"the pull requests of {own} kept changing while it was about to be written"
        raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
    return replace(proposal, pulls=now, action=_about(proposal.action, {pull.number: pull for pull in now}))


def _writes(proposal: Proposal, propose: Propose) -> bool:
    match proposal.action:
        case reconcile.Open() | reconcile.Refresh() | reconcile.Close() | reconcile.Commit():
            return True
        case reconcile.Leave(pull_request=pull, comment=remark, merges=merges):
            return pull is not None and (remark is not None or (merges and tries_again(pull, propose)))
        case reconcile.Nothing(pull_request=pull):
            return pull is not None and tries_again(pull, propose)
        case _:
            assert_never(proposal.action)


def _about(action: reconcile.Action, pulls: dict[int, PullRequest]) -> reconcile.Action:
    """The action on the pull request as it is now: nobody has changed anything that it was decided by."""
    match action:
        case reconcile.Open() | reconcile.Commit():
            return action
        case _ if action.pull_request is not None:
            return replace(action, pull_request=pulls[action.pull_request.number])
        case _:
            return action
