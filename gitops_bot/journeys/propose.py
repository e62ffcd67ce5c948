"""Put the changes of one environment to people: a pull request kept in place, or a commit straight to the branch.

A lost race is nothing to mend: the world is read again and the plan made again, until it is through.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.errors import EditError, ForgeError, GitError, LostRace
from gitops_bot.images.reason import Reason
from gitops_bot.journeys.carry_out import carry_out
from gitops_bot.proposals import carry, naming, ownership, proposal, reconcile
from gitops_bot.proposals.declined import decline
from gitops_bot.proposals.outcome import EnvironmentOutcome, Proposed
from gitops_bot.releases.overlay import edited
from gitops_bot.releases.plan import CODE_OF, Change, Failed, Held, Kept, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.journeys.book import Environment
    from gitops_bot.journeys.survey import Survey
    from gitops_bot.journeys.world import World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Decision, Source

#: How long a lost race is run again, and the bounds of the wait between two tries; all in seconds.
PATIENCE = 120.0
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for: the environment, how its entries are decided, where the pins come from."""

    environment: Environment
    #: From a reading of the world and the pins that the open proposal carries to one decision per entry.
    decide: Callable[[Survey, Sequence[PinChange]], Sequence[Decision]]
    source: Source
    dry_run: bool


def propose(world: World, survey: Survey, task: Task) -> EnvironmentOutcome:
    """Decide, write, and read again after each lost race. A failure costs this environment only."""
    started = world.clock.now()
    wait, lost_once = _FIRST_WAIT, False
    while True:
        try:
            if lost_once:
                survey.again()
            if task.environment.propose.as_ == "commit":
                return _commit(world, survey, task)
            return _pull_request(world, survey, task)
        except LostRace as lost:
            if (world.clock.now() - started).total_seconds() > PATIENCE:
                return _stopped(survey, task, lost.problem)
            world.clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - spreads the racers, guards no secret
            wait, lost_once = min(wait * 2, _LONGEST_WAIT), True
        except (GitError, ForgeError) as error:
            return _stopped(survey, task, error.problem)


def _commit(world: World, survey: Survey, task: Task) -> EnvironmentOutcome:
    decisions = task.decide(survey, ())
    plan, files = _plan(survey, task, decisions, [item for item in decisions if isinstance(item, Change)])
    if not plan.changes:
        return _outcome(plan)
    before, commit = survey.before(files), None
    if not task.dry_run:
        written = proposal.write(plan, files, base=survey.branch, parent=survey.commit, source=task.source)
        commit = world.repository.publish(
            survey.branch, parent=survey.commit, files=files, message=written.message, expected=survey.commit
        )
        survey.moved_to(commit)
    reason = Reason(CODE_OF[task.source], f"straight to {survey.branch}, as configured")
    return _outcome(plan, Proposed(naming.DEFAULT_GROUP, None, "commit", reason, None, commit, plan.changes, before))


def _pull_request(world: World, survey: Survey, task: Task) -> EnvironmentOutcome:
    name = task.environment.name
    branch = world.repository.branch(naming.branch(name), survey.commit)
    existing = survey.pull_requests(name)
    proposed_pins = _carried(branch, existing)
    carried = carry.standing_pins(survey.standing(name), proposed_pins)
    # Only what an open pull request carries was reopened; what a push came too late for stays declined.
    reopened = carried if any(pull.state == "open" for pull in existing) else ()

    def judged(decision: Decision) -> Decision:
        refusal = decline(decision, branch, existing, reopened) if isinstance(decision, Change) else None
        return refusal or decision

    # What a person declined decides nothing: a pin that the open proposal carries for that entry stays in it.
    decisions = [judged(decision) for decision in task.decide(survey, carried)]
    laid = [judged(change) for change in carry.lay(decisions, carried, survey.standing(name))]
    held = [item for item in laid if isinstance(item, Held) and item not in decisions]
    plan, files = _plan(survey, task, [*decisions, *held], [item for item in laid if isinstance(item, Change)])

    written = None
    if plan.changes:
        written = proposal.write(plan, files, base=survey.branch, parent=survey.commit, source=task.source)
    opened = next((pull for pull in existing if pull.state == "open"), None)
    action: reconcile.Action
    if unread := sorted({pin.file for pin in proposed_pins} & _unread(survey, plan, laid)):
        text = f"{unread[0]} cannot be edited as it stands: what is proposed for it waits until it can"
        action = reconcile.Leave(opened, Reason("failed.edit", text, {"file": unread[0]}))
    elif world.forge is None:
        action = reconcile.decide_unseen(written, branch)
    else:
        action = reconcile.decide(written, branch, existing)
    if isinstance(action, reconcile.Nothing) and written is None:
        return _outcome(plan)
    proposed = Proposed(
        group=naming.DEFAULT_GROUP,
        branch=naming.branch(name),
        action=reconcile.NAMES[type(action)],
        reason=action.reason,
        pull_request=opened,
        changes=plan.changes,
        files=survey.before(files),
    )
    if task.dry_run:
        return _outcome(plan, proposed)
    return _outcome(plan, *carry_out(world, action, proposed, written, branch, task.environment.propose.labels))


def _stopped(survey: Survey, task: Task, problem: Problem) -> EnvironmentOutcome:
    """What is known of an environment that could not be written: what would have changed, and why it did not."""
    decisions = task.decide(survey, ())
    plan, files = _plan(survey, task, decisions, [item for item in decisions if isinstance(item, Change)])
    reason = Reason(problem.code, problem.message)
    branch = None if task.environment.propose.as_ == "commit" else naming.branch(plan.environment)
    before = survey.before(files)
    stopped = Proposed(naming.DEFAULT_GROUP, branch, "none", reason, changes=plan.changes, files=before)
    return _outcome(plan, stopped if plan.changes else None, Failed(None, problem))


def _carried(branch: Branch | None, existing: Sequence[PullRequest]) -> tuple[PinChange, ...]:
    """The pins on the branch, where they count as proposed and nobody else put anything there."""
    if branch is None or not reconcile.trusted(branch, existing):
        return ()
    match ownership.of(branch):
        case ownership.Ours(carried=carried):
            return carried
        case ownership.Theirs():
            return ()


def _unread(survey: Survey, plan: Plan, laid: Sequence[Decision]) -> set[str]:
    """The files of which nothing can be told: broken on the base branch just now, or an edit of them was refused."""
    done = {change.entry.key for change in plan.changes}
    refused = {item.entry.file for item in laid if isinstance(item, Change) and item.entry.key not in done}
    return refused | {item.problem.file for item in survey.failed(plan.environment) if item.problem.file}


def _plan(
    survey: Survey, task: Task, decisions: Sequence[Decision], changes: Sequence[Change]
) -> tuple[Plan, Mapping[str, bytes]]:
    """The plan, and the bytes of its files. A file whose edit is refused fails alone."""
    name = task.environment.name
    files: dict[str, bytes] = {}
    failed = [*survey.failed(name), *(item for item in decisions if isinstance(item, Failed))]
    done: list[Change] = []
    for file in sorted({change.entry.file for change in changes}):
        mine = [change for change in changes if change.entry.file == file]
        try:
            files |= edited(survey.overlays(name), mine)
        except EditError as error:
            failed += [Failed(change.entry, error.problem) for change in mine]
        else:
            done += mine
    held = tuple(item for item in decisions if isinstance(item, Held))
    unchanged = sum(isinstance(item, Kept) for item in decisions)
    return Plan(name, tuple(done), held, tuple(failed), unchanged), files


def _outcome(plan: Plan, proposed: Proposed | None = None, failure: Failed | None = None) -> EnvironmentOutcome:
    return EnvironmentOutcome(
        name=plan.environment,
        proposals=(proposed,) if proposed else (),
        held=plan.held,
        failed=(*plan.failed, failure) if failure else plan.failed,
        unchanged=plan.unchanged,
    )
