"""Write what was planned for one environment, one proposal after the other.

Right before a group is written, what people may have done meanwhile is looked up once more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.arrange import whole
from gitops_bot.engine.ask import Failure
from gitops_bot.engine.carry_out import carry_out, tries_again, unwritten
from gitops_bot.engine.context import Context
from gitops_bot.engine.decide import decided
from gitops_bot.engine.describe import MOST, describe
from gitops_bot.engine.make_way import makes_way
from gitops_bot.engine.open_proposals import open_proposals
from gitops_bot.engine.read import committed
from gitops_bot.engine.world import silent
from gitops_bot.errors import ForgeError, GitError, LostRace, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import content, naming, people, reconcile
from gitops_bot.releases.decisions import Failed
from gitops_bot.results.outcome import EnvironmentOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Environment, Propose
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.plan import Planned
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest


def write(world: World, planned: Planned, done: dict[str, Proposal]) -> tuple[EnvironmentOutcome, Snapshot]:
    """Write every proposal of an environment; gives the base branch as it is then, too.

    `done` remembers what became of the proposals that were through before a race was lost.

    Raises:
        LostRace: something moved meanwhile.
    """
    known, outcome = planned.known, planned.outcome
    snapshot, dry_run = known.snapshot, known.request.dry_run
    failed: list[Failed] = []
    is_rollback = known.request.is_rollback
    # What is proposed elsewhere now is taken away last: a run that dies in between has lost nothing.
    # What makes way for a rollback goes first: never do two proposals stand on one entry.
    proposals = sorted(
        outcome.proposals,
        key=lambda proposal: (
            not makes_way(proposal, is_rollback=is_rollback),
            bool(proposal.moved),
            isinstance(proposal.action, reconcile.Close),
        ),
    )
    in_the_way: list[Failed] = []
    progress = silent if dry_run or all(proposal.branch is None for proposal in proposals) else world.progress
    with progress("writing pull requests", len(proposals)) as advance:
        for before in proposals:
            way = makes_way(before, is_rollback=is_rollback)
            # What moves elsewhere may not have come there, what is rolled back may be proposed elsewhere still.
            # What the token may not do for one group it may not for the next.
            refused = failed[-1:] if before.moved or (failed and failed[-1].problem.code == "failed.auth") else []
            proposal, failure = _write(world, known, before, refused or ([] if way else in_the_way))
            if proposal.commit is not None and isinstance(proposal.action, reconcile.Commit):
                snapshot = committed(snapshot, proposal.commit, proposal.after)
            if failure is not None:
                failed.append(failure)
                if way:
                    in_the_way.append(failure)
            if proposal.action.name != "none" or proposal.group not in done:
                done[proposal.group] = proposal
            advance()
    written = (done[name] for name in sorted(done) if done[name].action.name != "none" or done[name].changes)
    decisions = (*outcome.decisions, *dict.fromkeys(failed))
    return replace(outcome, decisions=decisions, proposals=tuple(written)), snapshot


def stopped(
    world: World, snapshot: Snapshot, facts: Facts, request: Request, environment: Environment, problem: Problem
) -> EnvironmentOutcome:
    """What is known of an environment that could not be written: what would have changed, and why it did not."""
    state = open_proposals(replace(snapshot, own_branches=()), facts, request, environment)
    known = Context(snapshot, facts, request, state)
    (done,) = decided(world, facts, [known])
    failed, promoted_from = snapshot.failed(environment.name), request.promoted_from(environment)
    if isinstance(done, Failure):  # by what stopped it
        return EnvironmentOutcome(environment.name, (*failed, Failed(None, problem)), promoted_from=promoted_from)
    branch = naming.branch(environment.name) if known.by_pull_request else None
    proposal = whole(known, done.decisions, branch, reconcile.Nothing(None, Reason(problem.code, problem.message)))
    decisions = (*failed, *proposal.decisions, *known.only_in_source, Failed(None, problem))
    proposals = (proposal,) if proposal.changes else ()
    return EnvironmentOutcome(environment.name, decisions, proposals, promoted_from, done.named)


def _write(
    world: World, known: Context, proposal: Proposal, before: Sequence[Failed]
) -> tuple[Proposal, Failed | None]:
    if known.request.dry_run:
        return proposal, None
    if before:
        return unwritten(proposal, before[0].problem), before[0]
    try:
        written = _in_words(world, known, proposal)
        with world.whole():
            now = _look_again(world, known.snapshot, proposal, known.environment.propose)
            return carry_out(world, known.snapshot, now, written, known.environment.propose)
    except LostRace:
        raise
    except (GitError, ForgeError) as error:
        return unwritten(proposal, error.problem), Failed(None, error.problem)


def _in_words(world: World, known: Context, proposal: Proposal) -> content.ProposalText | None:
    """What is to be read of a proposal; None where nothing is written of it."""
    action, changes = proposal.action, proposal.changes
    if not changes or not isinstance(action, reconcile.Open | reconcile.Refresh | reconcile.Commit):
        return None
    # Hundreds at once are read as a table: to describe a few of them would only make a promotion slow.
    briefly = isinstance(action, reconcile.Commit) or (proposal.source == "promotion" and len(changes) > MOST)
    environment = known.environment
    return content.write(
        environment.name,
        proposal.decisions,
        source=proposal.source,
        group=proposal.group,
        title=environment.propose.title,
        message=environment.propose.message,
        described={} if briefly else describe(world, known.facts, changes),
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
