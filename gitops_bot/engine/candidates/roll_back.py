"""Candidates of rollbacks: what ran at an earlier release, by Git alone, or before a release that failed its checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.engine import followers
from gitops_bot.engine.context import Candidate, Candidates, Context, Entrant, as_it_is
from gitops_bot.engine.facts import RELEASE_TAGS, ChecksQuestion, ask_all
from gitops_bot.engine.records import announcement_reader
from gitops_bot.errors import BotError, Problem, place_of
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import required, rollback
from gitops_bot.releases.decisions import IGNORED, Change, Decision, EntryKey, Failed, Kept, Managed
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.changes import previous
from gitops_bot.releases.history.record import Records
from gitops_bot.releases.history.releases import Release, all_releases, find

if TYPE_CHECKING:
    from collections.abc import Collection

    from gitops_bot.engine.request import RollBack
    from gitops_bot.releases.choice.rollback import Goal
    from gitops_bot.releases.history.line import Line

#: How long a release is watched, over a weekend and a few holidays. What fails later may have any cause, and costs no
#: request.
WATCHED: Final = timedelta(days=7)


async def candidates(context: Context, asked: RollBack) -> Candidates:
    """What the environment ran at the release to go back to; raises a UsageError where no image is of an entry."""
    state = context.state
    entries: dict[EntryKey, Managed] = {}
    unknown = []
    for image in asked.images:
        matching = state.matching(image)
        entries |= {entry.key: entry for entry in matching}
        if not matching:
            unknown.append(state.unknown(image))
    decisions: list[Decision] = [Failed(None, problem) for problem in unknown]
    if unknown and not entries:
        context.refuse(unknown)
        return Candidates(context, [as_it_is(decision) for decision in decisions])
    meant = list(entries.values()) if asked.images else state.entries
    goal = await find_goal(context, asked.to, {entry.place for entry in meant} if asked.images else None)
    named = set()
    if isinstance(goal, Problem):
        decisions.append(Failed(None, goal))
    else:
        for entry in meant:
            decision = restore(entry, goal, context, asked.because)
            if not isinstance(decision, Kept) or (asked.images and entry.rules.ignore):
                named.add(entry.key)
            decisions.append(decision)
    return Candidates(context, [as_it_is(decision) for decision in decisions], frozenset(named))


async def find_goal(context: Context, to: str | None, wanted: Collection[EntryKey] | None) -> Goal | Problem:
    """The release to go back to: `to`, else the one before the last that moved a pin of entries in these places."""
    name, owners = context.environment.name, context.snapshot.layout.owners
    tags = await RELEASE_TAGS

    def release(line: Line) -> Release | Problem:
        known = all_releases(line, owners, tags).get(name, ())
        return find(known, to, tags) if to is not None else previous(known, wanted)

    line = await context.facts.line(lambda line: not isinstance(release(line), Problem))
    chosen = release(line)
    if isinstance(chosen, Problem):
        return chosen
    present = {entry.place: entry.pin for entry in context.state.entries}
    return rollback.goal(all_releases(line, owners, tags).get(name, ()), chosen, present)


def restore(entry: Managed, goal: Goal, context: Context, because: str | None) -> Decision:
    """An entry as the release had it, with why that is asked for."""
    if entry.rules.ignore:
        return Kept(entry, IGNORED, "rollback")
    if entry.refusal is not None:
        return Failed(entry, entry.refusal)
    change = rollback.roll_back(entry, goal)
    if not isinstance(change, Change):
        return change
    if malformed := change.after.malformed:
        return Failed(entry, _malformed_then(entry, goal, context, malformed[0]))
    reason = change.reason
    if because:
        reason = replace(reason, data={**reason.data, "because": because})
    if context.request.offline:
        reason = reason.with_more("not looked up in the registry (--offline)")
    return followers.restore(replace(change, reason=reason, because=because or None), context, goal)


def _malformed_then(entry: Managed, goal: Goal, context: Context, what: str) -> Problem:
    """What is wrong with the pin of a release, and its place there: `FILE:LINE:COLUMN` of that commit."""
    layout, file, where = context.snapshot.layout, entry.file, entry.file
    data, target = goal.content(file, layout.files[file]), layout.targets[file]
    if data is not None and target is not None:
        then = next((item for item in target.read(data, file).entries if item.name == entry.name), None)
        where = place_of(file, then.line, then.column) if then is not None else where
    message, advice = f"{goal.release} has a malformed pin at {where}: {what}", "Choose another release with `--to`."
    return Problem("failed.edit", message, advice, file, entry.line, entry.column)


async def after_failure(context: Context) -> Candidates:
    """The entries that an overlay's newest release gave another pin, unless it was a rollback; and what is proposed."""
    name, owners, since = context.environment.name, context.snapshot.layout.owners, context.snapshot.at - WATCHED
    line = await context.facts.line(lambda line: line.complete or (bool(line.steps) and line.steps[-1].at < since))
    known = all_releases(line, owners).get(name, ())
    record_at, newest = cache(Records(known, line, announcement_reader(name)).__getitem__), dict[str, int]()
    for at, release in enumerate(known):
        for path in release.paths:
            newest.setdefault((owners.owner(path) or ("", ""))[1], at)
    proposed, shared, entrants = {pin.key for pin in context.branches.pins}, _Shared({}, {}), []
    for entry in context.state.entries:
        at = newest.get(entry.overlay, -1)
        is_new = at >= 0 and known[at].at >= since and not context.request.offline
        if entry.key not in proposed and (not is_new or context.state.slots_of(entry) is not None):
            continue  # in slots, people switch back
        arrived = trail.arrival(line, entry, entry.pin)
        if entry.key not in proposed:
            record = record_at(at)
            moved = any(change.key == entry.place and change.moved for change in record.changes)
            brought = moved and arrived is not None and arrived.commit == record.id  # else as another tag of its bytes
            if not brought or record.kind == "rollback" or record.rollback_of is not None:
                continue
        commits = required.commits_with(line, trail.Run(entry, entry.pin, arrived))
        entrants.append(Entrant(entry, _candidate(context, entry, commits, shared)))
    return Candidates(context, entrants)


class _Shared(NamedTuple):
    """What entries have in common that came with one commit: the checks since, and what was there before."""

    checks: dict[tuple[str, ...], required.Results]
    goals: dict[tuple[str, ...], Goal | Problem]


async def _candidate(context: Context, entry: Managed, commits: tuple[str, ...], shared: _Shared) -> Candidate:
    """The entry as it was before the first of these commits brought its pin, if a check on one of them failed."""
    wanted, captures = context.environment.require_after, context.state.captures.get(entry.file, {})
    try:
        looked_at = commits[-required.MOST_COMMITS :] if wanted else ()
        reported = await ask_all({commit: ChecksQuestion(None, commit) for commit in looked_at})
    except BotError as failure:
        return Candidate(Failed(entry, failure.problem))
    if commits not in shared.checks:
        shared.checks[commits] = required.by_name(reported.values(), len(commits))
    seen = tuple(required.see("checks", check, captures, shared.checks[commits]) for check in wanted)
    failed, pending = ([item for item in seen if item.state == state] for state in ("failure", "pending"))
    # While one is pending, what is proposed stays: a policy takes no rollback back.
    reason = Reason("nothing_new", "none of its checks fails any more")
    decision: Decision = Kept(entry, reason, "policy" if pending else "rollback")
    if failed and commits not in shared.goals:
        shared.goals[commits] = await find_goal(context, None, {entry.place})
    if failed and not isinstance(goal := shared.goals[commits], Problem):
        decision = restore(entry, goal, context, required.sentences(failed))
    return Candidate(replace(decision, seen=seen) if isinstance(decision, Change) else decision, seen=seen)
