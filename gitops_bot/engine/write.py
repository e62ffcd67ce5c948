"""Write what was planned for one environment: pull requests kept in place, or a commit straight to the branch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.arrange import planned, written
from gitops_bot.engine.carry_out import carry_out
from gitops_bot.engine.describe import MOST, describe
from gitops_bot.engine.gates import Known
from gitops_bot.engine.look_again import look_again
from gitops_bot.engine.make_way import makes_way
from gitops_bot.engine.open_proposals import open_proposals
from gitops_bot.engine.plan import Planned, decided
from gitops_bot.engine.read import committed
from gitops_bot.engine.world import silent
from gitops_bot.errors import ForgeError, GitError, LostRace
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, reconcile, schedule
from gitops_bot.proposals.outcome import EnvironmentOutcome, Proposed
from gitops_bot.releases.plan import CODE_OF, Change, Failed, Held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.arrange import Arranged
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.releases.plan import Plan


def commit(world: World, ready: Planned) -> tuple[EnvironmentOutcome, Snapshot]:
    """Write the changes of an environment straight to the base branch; gives what that is then, too.

    Raises:
        LostRace: the branch moved meanwhile; nothing was written.
        GitError: the remote refused.
    """
    environment, snapshot, request = ready.known.environment, ready.known.snapshot, ready.known.request
    source = request.source(environment)
    plan, files = _plan(ready)
    if not plan.changes:
        return _outcome(ready, plan), snapshot
    proposed = Proposed(
        group=naming.DEFAULT_GROUP,
        branch=None,
        action="commit",
        reason=Reason(CODE_OF[source], f"straight to {snapshot.branch}, as configured"),
        changes=plan.changes,
        files=snapshot.before(files),
    )
    windows = () if request.exempt.limits else environment.propose.schedule
    if (closed := schedule.closed(windows, snapshot.at)) is not None:
        waiting = tuple(Held(change.entry, change.before, change.after, closed) for change in plan.changes)
        plan = replace(plan, held=(*plan.held, *waiting))
        return _outcome(ready, plan, replace(proposed, action="leave", reason=closed)), snapshot
    if request.dry_run:
        return _outcome(ready, plan, proposed), snapshot
    message = written(snapshot, environment, source, naming.DEFAULT_GROUP, plan, files).message
    with world.whole():
        head = world.repository.publish(
            snapshot.branch, parent=snapshot.commit, files=files, message=message, expected=snapshot.commit
        )
    return _outcome(ready, plan, replace(proposed, commit=head)), committed(snapshot, head, files)


def propose(world: World, ready: Planned, arranged: Arranged, done: dict[str, Proposed]) -> EnvironmentOutcome:
    """Write every proposal; `done` remembers what became of those that were through before a race was lost."""
    failed: list[Failed] = []
    is_rollback = ready.known.request.is_rollback
    # What is proposed elsewhere now is taken away last: a run that dies in between has lost nothing.
    # What makes way for a rollback goes first: never do two proposals stand on one entry.
    proposals = sorted(
        arranged.proposals,
        key=lambda one: (
            not makes_way(one, is_rollback=is_rollback),
            bool(one.moved),
            isinstance(one.action, reconcile.Close),
        ),
    )
    in_the_way: list[Failed] = []
    progress = silent if ready.known.request.dry_run or not proposals else world.progress
    with progress("writing pull requests", len(proposals)) as advance:
        for proposal in proposals:
            way = makes_way(proposal, is_rollback=is_rollback)
            # What moves elsewhere may not have come there, what is rolled back may be proposed elsewhere still.
            # What the token may not do for one group it may not for the next.
            refused = failed[-1:] if proposal.moved or (failed and failed[-1].problem.code == "failed.auth") else []
            proposed, failure = _write(world, ready, proposal, refused or ([] if way else in_the_way))
            if failure is not None:
                failed.append(failure)
                if way:
                    in_the_way.append(failure)
            if proposed.action != "none" or proposal.group not in done:
                done[proposal.group] = proposed
            advance()
    in_order = [done[name] for name in sorted(done) if done[name].action != "none" or done[name].changes]
    return _outcome(ready, arranged.plan, *in_order, failures=tuple(dict.fromkeys(failed)))


def stopped(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, environment: Environment, problem: Problem
) -> EnvironmentOutcome:
    """What is known of an environment that could not be written: what would have changed, and why it did not."""
    state = open_proposals(replace(snapshot, own_branches=()), facts, request, environment)
    ready = decided(world, facts, {environment.name: Known(snapshot, facts, request, state)})[environment.name]
    branch = naming.branch(environment.name) if environment.propose.as_ == "pull-request" else None
    reason = Reason(problem.code, problem.message)
    failure = Failed(None, problem)
    if not isinstance(ready, Planned):  # by what stopped it
        failed = (*snapshot.failed(environment.name), failure)
        return EnvironmentOutcome(environment.name, failed=failed, promoted_from=request.promoted_from(environment))
    plan, files = _plan(ready)
    files_before = snapshot.before(files)
    proposed = Proposed(naming.DEFAULT_GROUP, branch, "none", reason, changes=plan.changes, files=files_before)
    return _outcome(ready, plan, *([proposed] if plan.changes else []), failures=(failure,))


def _write(
    world: World, ready: Planned, proposal: Proposal, before: Sequence[Failed]
) -> tuple[Proposed, Failed | None]:
    known, environment, snapshot = ready.known, ready.known.environment, ready.known.snapshot
    proposed = Proposed(
        group=proposal.group,
        branch=proposal.name,
        action=reconcile.NAMES[type(proposal.action)],
        reason=proposal.action.reason,
        pull_request=proposal.opened,
        changes=proposal.plan.changes,
        files=snapshot.before(proposal.files),
    )
    if known.request.dry_run:
        return proposed, None
    if before:
        return _unwritten(proposed, before[0].problem), before[0]
    try:
        content = proposal.content
        if content is not None and isinstance(proposal.action, reconcile.Open | reconcile.Refresh):
            # Hundreds at once are read as a table: to describe a few of them would only make a promotion slow.
            many = proposal.source == "promotion" and len(proposal.plan.changes) > MOST
            if not many and (described := describe(world, known.facts, proposal.plan.changes)):
                content = written(
                    snapshot, environment, proposal.source, proposal.group, proposal.plan, proposal.files, described
                )
        with world.whole():
            proposal = look_again(world, snapshot, proposal, environment.propose)
            return carry_out(world, proposal, proposed, content, environment.propose)
    except LostRace:
        raise
    except (GitError, ForgeError) as error:
        return _unwritten(proposed, error.problem), Failed(None, error.problem)


def _plan(ready: Planned) -> tuple[Plan, Mapping[str, bytes]]:
    """All that is decided of an environment, as one plan."""
    name = ready.known.environment.name
    changes = [item for item in ready.decisions if isinstance(item, Change)]
    plan, files = planned(ready.known, name, ready.decisions, changes)
    return replace(plan, failed=(*ready.known.snapshot.failed(name), *plan.failed)), files


def _outcome(ready: Planned, plan: Plan, *proposed: Proposed, failures: Sequence[Failed] = ()) -> EnvironmentOutcome:
    return EnvironmentOutcome(
        name=plan.environment,
        proposals=proposed,
        held=(*plan.held, *ready.beside),
        failed=(*plan.failed, *failures),
        unchanged=plan.unchanged,
        ignored=plan.ignored,
        unmanaged=plan.unmanaged,
        promoted_from=ready.known.request.promoted_from(ready.known.environment),
    )


def _unwritten(proposed: Proposed, problem: Problem) -> Proposed:
    return replace(proposed, action="none", reason=Reason(problem.code, problem.message))
