"""Candidates of `on_failure: rollback`: what the newest release of an overlay brought, if a check of that failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.engine import followers
from gitops_bot.engine.candidates import roll_back
from gitops_bot.engine.context import Candidate, Candidates, Context, Entrant
from gitops_bot.engine.facts import ChecksQuestion, ask_all
from gitops_bot.engine.records import announcement_reader
from gitops_bot.errors import BotError, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice import required
from gitops_bot.releases.decisions import Change, Decision, Failed, Kept, Managed
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.record import Records
from gitops_bot.releases.history.releases import releases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.releases.checks import Check
    from gitops_bot.releases.choice.rollback import Goal

#: How long a release is watched, over a weekend and a few holidays. What fails later may have any cause, and costs no
#: request.
WATCHED: Final = timedelta(days=7)


async def candidates(context: Context) -> Candidates:
    """The entries that an overlay's newest release gave another pin, unless it was a rollback; and what is proposed."""
    name, owners, since = context.environment.name, context.snapshot.layout.owners, context.snapshot.at - WATCHED
    line = await context.facts.line(lambda line: line.complete or (bool(line.steps) and line.steps[-1].at < since))
    known = releases(name, line, owners)
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

    checks: dict[tuple[str, ...], Mapping[str, Sequence[Check]]]
    goals: dict[tuple[str, ...], Goal | Problem]


async def _candidate(context: Context, entry: Managed, commits: tuple[str, ...], shared: _Shared) -> Candidate:
    """The entry as it was before the first of these commits brought its pin, if a check on one of them failed."""
    wanted, captures = context.environment.require_after, context.state.captures.get(entry.file, {})
    try:
        reported = await ask_all({commit: ChecksQuestion(None, commit) for commit in commits if wanted})
    except BotError as failure:
        return Candidate(Failed(entry, failure.problem))
    if commits not in shared.checks:
        shared.checks[commits] = required.by_name(check for checks in reported.values() for check in checks)
    seen = tuple(required.see("checks", check, captures, shared.checks[commits]) for check in wanted)
    failed, pending = ([item for item in seen if item.state == state] for state in ("failure", "pending"))
    # While one is pending, what is proposed stays: a policy takes no rollback back.
    reason = Reason("nothing_new", "none of its checks fails any more")
    decision: Decision = Kept(entry, reason, "policy" if pending else "rollback")
    if failed and commits not in shared.goals:
        shared.goals[commits] = await roll_back.find_goal(context, None, {entry.place})
    if failed and not isinstance(goal := shared.goals[commits], Problem):
        decision = roll_back.restore(entry, goal, context, required.sentences(failed))
        decision = followers.restore(decision, context, goal)
    return Candidate(replace(decision, seen=seen) if isinstance(decision, Change) else decision, seen=seen)
