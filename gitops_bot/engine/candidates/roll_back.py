"""Candidates of `rollback`: what the environment ran at an earlier release, from Git alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import followers
from gitops_bot.engine.context import Candidates, Context, as_it_is
from gitops_bot.errors import Problem, place_of
from gitops_bot.releases.choice import rollback
from gitops_bot.releases.decisions import IGNORED, Change, Decision, EntryKey, Failed, Kept, Managed
from gitops_bot.releases.history.changes import previous
from gitops_bot.releases.history.releases import Release, find, releases

if TYPE_CHECKING:
    from collections.abc import Collection

    from gitops_bot.engine.request import RollBack
    from gitops_bot.releases.choice.rollback import Goal
    from gitops_bot.releases.history.line import Line


async def candidates(context: Context, asked: RollBack) -> Candidates:
    """What the environment ran at the release to go back to.

    Raises:
        UsageError: images are named, and none is of an entry.
    """
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
            decisions.append(followers.restore(decision, context, goal))
    return Candidates(context, [as_it_is(decision) for decision in decisions], frozenset(named))


async def find_goal(context: Context, to: str | None, wanted: Collection[EntryKey] | None) -> Goal | Problem:
    """The release to go back to (`to`, else the one before the last that moved a pin of entries in these places).

    It reads no more history than it needs.
    """
    name, owners = context.environment.name, context.snapshot.layout.owners
    tags = await context.facts.release_tags()

    def release(line: Line) -> Release | Problem:
        known = releases(name, line, owners, tags)
        return find(known, to, tags) if to is not None else previous(known, wanted)

    line = await context.facts.line(lambda line: not isinstance(release(line), Problem))
    chosen = release(line)
    if isinstance(chosen, Problem):
        return chosen
    present = {entry.place: entry.pin for entry in context.state.entries}
    return rollback.goal(releases(name, line, owners, tags), chosen, present)


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
        reason = replace(reason, text=f"{reason.text}; not looked up in the registry (--offline)")
    return replace(change, reason=reason, because=because or None)


def _malformed_then(entry: Managed, goal: Goal, context: Context, what: str) -> Problem:
    """What is wrong with the pin of a release, and its place there: `FILE:LINE:COLUMN` of that commit."""
    layout, file, where = context.snapshot.layout, entry.file, entry.file
    data, target = goal.content(file, layout.files[file]), layout.targets[file]
    if data is not None and target is not None:
        then = next((item for item in target.read(data, file).entries if item.name == entry.name), None)
        where = place_of(file, then.line, then.column) if then is not None else where
    advice = "Choose another release with `--to`."
    return Problem(
        "failed.edit", f"{goal.release} has a malformed pin at {where}: {what}", advice, file, entry.line, entry.column
    )
