"""Candidates of `rollback`: what the environment ran at an earlier release, from Git alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.candidates.absent import explained, unless_absent
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.releases.choice import rollback
from gitops_bot.releases.history import changes as past
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.plan import IGNORED, Change, Failed, Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import RollBack
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.choice.rollback import Goal
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.releases import Release
    from gitops_bot.releases.plan import Decision, Entry


def goal(snapshot: Snapshot, facts: Facts, name: str, to: str | None, wanted: Sequence[Entry] | None) -> Goal | Problem:
    """The release to go back to (`to`, else the one before the last that moved a pin of these entries).

    As little history is read as tells it.
    """
    tags = facts.release_tags()
    keys = {entry.place for entry in wanted} if wanted is not None else None

    def release(line: Line) -> Release | Problem:
        known = history.releases(name, line, snapshot.owners, tags)
        return history.find(known, to, tags) if to is not None else past.previous(known, keys)

    line = facts.line(snapshot, lambda line: not isinstance(release(line), Problem))
    chosen = release(line)
    if isinstance(chosen, Problem):
        return chosen
    present = {entry.place: entry.pin for entry in snapshot.entries(name)}
    return rollback.goal(history.releases(name, line, snapshot.owners, tags), chosen, present)


def wanted(entry: Entry, goal: Goal) -> Decision:
    """An entry as the release had it."""
    if entry.rules.ignore:
        return Kept(entry, IGNORED, "rollback")
    if entry.refusal is not None:
        return Failed(entry, entry.refusal)
    return rollback.rolled_back(entry, goal)


def rolled_back(entry: Entry, goal: Goal, asked: RollBack) -> Decision:
    """An entry as the release had it, with what the person said who asked."""
    change = wanted(entry, goal)
    if not isinstance(change, Change):
        return change
    if asked.because:
        reason = replace(change.reason, data={**change.reason.data, "because": asked.because})
        change = replace(change, reason=reason, because=asked.because)
    if asked.offline:
        text = f"{change.reason.text}; not looked up in the registry (--offline)"
        return replace(change, reason=replace(change.reason, text=text))
    return change


def available(facts: Facts, image: ImageName, change: Change) -> Decision:
    """The change, if what it pins can still be pulled on every platform."""
    digest, tag = change.after.digest, change.after.tag or ""
    try:
        if digest is None:
            exists, missing = unless_absent(partial(facts.digest, image, tag)) is not None, None
        else:
            missing = unless_absent(partial(facts.missing, image, digest))
            exists = missing is not None
    except RegistryError as error:
        return Failed(change.entry, explained(error, change.entry))
    return rollback.checked(change, exists=exists, missing=missing or ())
