"""Put the changes of environments to people: pull requests kept in place, or commits straight to the branch.

First all is prepared and the forge's limits are looked at; then it is written, one thing after the other. A lost race
is nothing to mend: the world is read again and the plan made again, until it is through.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.carry_out import carry_out
from gitops_bot.engine.describe import COMPARED, MOST, describe
from gitops_bot.engine.look_again import look_again
from gitops_bot.engine.make_way import beside, makes_way
from gitops_bot.engine.prepare import decided, plan_of, prepare, write
from gitops_bot.engine.there import Task, branches
from gitops_bot.engine.world import silent
from gitops_bot.errors import ForgeError, GitError, LostRace
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import budget, naming, reconcile, schedule
from gitops_bot.proposals.outcome import EnvironmentOutcome, Proposed
from gitops_bot.releases.plan import CODE_OF, Change, Failed, Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.draft import Draft
    from gitops_bot.engine.prepare import Prepared
    from gitops_bot.engine.survey import Survey
    from gitops_bot.engine.world import World
    from gitops_bot.errors import Problem
    from gitops_bot.releases.plan import Plan

__all__ = ["Task", "propose"]

#: A race is given up after so many losses, each of which let somebody else through, or after so many seconds.
MOST_LOST, PATIENCE = 100, 600.0
#: The longest wait before the next try, as a multiple of what the last one took. The more of them compete for a
#: machine, the longer a try takes, and the longer each of them stays out of the others' way.
_LONGEST_WAIT = 16


def propose(world: World, survey: Survey, tasks: Sequence[Task]) -> list[EnvironmentOutcome]:
    """Decide, write, and read again after each lost race. A failure costs its environment only."""
    ready = _prepared(world, survey, tasks)
    stopped = _over_budget(world, tasks, ready)
    outcomes = []
    for task in tasks:
        name = task.environment.name
        if (lost := _lost_hold(survey, task)) is not None:
            outcomes.append(_stopped(world, survey, task, lost))
        elif stopped is not None and name in ready:
            outcomes.append(_stopped(world, survey, task, stopped))
        else:
            outcomes.append(_through(world, survey, task, ready.get(name)))
    return outcomes


def _lost_hold(survey: Survey, task: Task) -> Problem | None:
    """A hold, here or where the pins come from, that holds nothing: nobody can tell what was to be held."""
    names = (task.environment.name, task.promoted_from)
    lost = (survey.astray(name).stops for name in names if name is not None)
    return None if task.release_hold else next((each for each in lost if each is not None), None)


def _prepared(world: World, survey: Survey, tasks: Sequence[Task]) -> dict[str, Prepared]:
    """Every environment that is proposed by pull requests, as far as it can be read; all are asked for at once."""
    asked = [task for task in tasks if task.by_pull_request]
    ready: dict[str, Prepared] = {}
    try:
        survey.pull_requests({branch for task in asked for branch in branches(world, survey, task)})
        for task in asked:
            ready[task.environment.name] = prepare(world, survey, task)
    except (GitError, ForgeError):
        pass  # whoever is not ready is read again by itself, and says what is wrong
    return ready


def _over_budget(world: World, tasks: Sequence[Task], ready: dict[str, Prepared]) -> Problem | None:
    """Why nothing may be written: the forge's limit would end the run in the middle."""
    needed = [
        (budget.needed(draft.action, task.environment.propose, compared=min(len(draft.plan.changes), COMPARED)), draft)
        for task in tasks
        if task.environment.name in ready and not task.dry_run
        for draft in ready[task.environment.name].drafts
    ]
    if world.forge is None or not any(count for count, _ in needed):
        return None
    try:
        left = world.forge.left()
    except ForgeError:
        return None  # the first write says what is wrong
    if left is None:
        return None
    looked = sum(1 + len(draft.beside) for count, draft in needed if count)
    return budget.short(sum(count for count, _ in needed) + looked * left.look, left)


def _through(world: World, survey: Survey, task: Task, ready: Prepared | None) -> EnvironmentOutcome:
    """One environment, read again until nobody else is faster."""
    started = tried = world.clock.now()
    done: dict[str, Proposed] = {}
    lost = 0
    while True:
        try:
            if not task.by_pull_request:
                return _commit(world, survey, task)
            if ready is None or ready.commit != survey.commit:
                ready = prepare(world, survey, task)
            return _pull_requests(world, survey, task, ready, done)
        except LostRace as race:
            now, lost = world.clock.now(), lost + 1
            if lost > MOST_LOST or (now - started).total_seconds() > PATIENCE:
                return _stopped(world, survey, task, race.problem)
            longest = (now - tried).total_seconds() * min(2**lost, _LONGEST_WAIT)
            world.clock.sleep(random.uniform(0, longest))  # noqa: S311 - spreads the racers, guards no secret
            tried, ready = world.clock.now(), None
            try:
                survey.again()
            except GitError as error:
                return _stopped(world, survey, task, error.problem)
        except (GitError, ForgeError) as error:
            return _stopped(world, survey, task, error.problem)


def _commit(world: World, survey: Survey, task: Task) -> EnvironmentOutcome:
    decisions = decided(world, survey, task, ())
    changes = [item for item in decisions if isinstance(item, Change)]
    plan, files = plan_of(survey, task, decisions, changes)
    plan = replace(plan, failed=(*survey.failed(plan.environment), *plan.failed))
    if not plan.changes:
        return _outcome(task, plan)
    proposed = Proposed(
        group=naming.DEFAULT_GROUP,
        branch=None,
        action="commit",
        reason=Reason(CODE_OF[task.source], f"straight to {survey.branch}, as configured"),
        changes=plan.changes,
        files=survey.before(files),
    )
    # At two in the morning no schedule is in the way of a rollback.
    windows = task.environment.propose.schedule if task.source != "rollback" else ()
    if (closed := schedule.closed(windows, world.clock.now())) is not None:
        waiting = tuple(Held(change.entry, change.before, change.after, closed) for change in plan.changes)
        return _outcome(
            task, replace(plan, held=(*plan.held, *waiting)), replace(proposed, action="leave", reason=closed)
        )
    if not task.dry_run:
        written = write(survey, task, naming.DEFAULT_GROUP, plan, files)
        with world.whole():
            commit = world.repository.publish(
                survey.branch, parent=survey.commit, files=files, message=written.message, expected=survey.commit
            )
        survey.wrote(commit, files)
        proposed = replace(proposed, commit=commit)
    return _outcome(task, plan, proposed)


def _pull_requests(
    world: World, survey: Survey, task: Task, ready: Prepared, done: dict[str, Proposed]
) -> EnvironmentOutcome:
    """Write every group; `done` remembers what became of those that were through before a race was lost."""
    failed: list[Failed] = []
    # What is proposed elsewhere now is taken away last: a run that dies in between has lost nothing.
    # What makes way for a rollback goes first: never do two proposals stand on one entry.
    drafts = sorted(
        ready.drafts,
        key=lambda each: (not makes_way(task, each), bool(each.moved), isinstance(each.action, reconcile.Close)),
    )
    stands: list[Failed] = []
    progress = silent if task.dry_run or not drafts else world.progress
    with progress("writing pull requests", len(drafts)) as advance:
        for draft in drafts:
            way = makes_way(task, draft)
            refused = failed[-1:] if draft.moved or (failed and failed[-1].problem.code == "failed.auth") else []
            proposed, failure = _group(
                world, survey, beside(task) if way else task, draft, refused or ([] if way else stands)
            )
            if failure is not None:
                failed.append(failure)
                if way:
                    stands.append(failure)
            if proposed.action != "none" or draft.group not in done:
                done[draft.group] = proposed
            advance()
    in_order = [done[name] for name in sorted(done) if done[name].action != "none" or done[name].changes]
    return _outcome(task, ready.plan, *in_order, failures=tuple(dict.fromkeys(failed)))


def _group(
    world: World, survey: Survey, task: Task, draft: Draft, before: Sequence[Failed]
) -> tuple[Proposed, Failed | None]:
    proposed = Proposed(
        group=draft.group,
        branch=naming.branch(task.environment.name, draft.group),
        action=reconcile.NAMES[type(draft.action)],
        reason=draft.action.reason,
        pull_request=draft.opened,
        changes=draft.plan.changes,
        files=survey.before(draft.files),
    )
    if task.dry_run:
        return proposed, None
    if before:
        # What moves elsewhere may not have come there, what is rolled back may be proposed elsewhere still. What the
        # token may not do for one group it may not for the next.
        return _unwritten(proposed, before[0].problem), before[0]
    try:
        written = draft.written
        if written is not None and isinstance(draft.action, reconcile.Open | reconcile.Refresh):
            # Hundreds at once are read as a table: to describe a few of them would only make a promotion slow.
            many = task.source == "promotion" and len(draft.plan.changes) > MOST
            if not many and (described := describe(world, draft.plan.changes)):
                written = write(survey, task, draft.group, draft.plan, draft.files, described)
        with world.whole():
            draft = look_again(world, survey, task.environment.name, draft, task.environment.propose)
            return carry_out(world, draft, proposed, written, task.environment.propose)
    except LostRace:
        raise
    except (GitError, ForgeError) as error:
        return _unwritten(proposed, error.problem), Failed(None, error.problem)


def _unwritten(proposed: Proposed, problem: Problem) -> Proposed:
    return replace(proposed, action="none", reason=Reason(problem.code, problem.message))


def _stopped(world: World, survey: Survey, task: Task, problem: Problem) -> EnvironmentOutcome:
    """What is known of an environment that could not be written: what would have changed, and why it did not."""
    try:
        decisions = decided(world, survey, task, ())
    except (GitError, ForgeError):
        decisions = []  # the same that stopped it
    plan, files = plan_of(survey, task, decisions, [item for item in decisions if isinstance(item, Change)])
    plan = replace(plan, failed=(*survey.failed(plan.environment), *plan.failed))
    branch = naming.branch(plan.environment) if task.by_pull_request else None
    reason = Reason(problem.code, problem.message)
    stopped = Proposed(naming.DEFAULT_GROUP, branch, "none", reason, changes=plan.changes, files=survey.before(files))
    return _outcome(task, plan, *([stopped] if plan.changes else []), failures=(Failed(None, problem),))


def _outcome(task: Task, plan: Plan, *proposed: Proposed, failures: Sequence[Failed] = ()) -> EnvironmentOutcome:
    return EnvironmentOutcome(
        name=plan.environment,
        proposals=proposed,
        held=plan.held,
        failed=(*plan.failed, *failures),
        unchanged=plan.unchanged,
        ignored=plan.ignored,
        unmanaged=plan.unmanaged,
        promoted_from=task.promoted_from,
    )
