"""Rolls an environment back to the pins of an earlier release, from Git alone."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from gitops_bot.images.order import compare
from gitops_bot.images.reason import Reason, shortlist
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.decisions import Change, Held, Kept
from gitops_bot.releases.history.changes import changes, pins_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.images.kinds import Policy
    from gitops_bot.releases.decisions import Direction, EntryKey, Managed
    from gitops_bot.releases.history.line import Step
    from gitops_bot.releases.history.releases import Release

#: Paths of configuration that a note names.
_TOLD = 10
#: Characters of the notes in the data of a reason.
_NOTES = 2_000


@dataclass(frozen=True, slots=True)
class Goal:
    """A release to go back to: what each entry (by `place`) pinned then, and what a rollback leaves as it is."""

    release: Release
    pins: Mapping[EntryKey, Pin]
    notes: tuple[str, ...]
    #: The commits of the newer releases, the newest first.
    since: tuple[Step, ...] = field(default=(), compare=False, repr=False)

    def content(self, path: str, present: bytes) -> bytes | None:
        """A file as it was in the release, given what it is now; None if there was none."""
        return next((step.files[path][0] for step in reversed(self.since) if path in step.files), present)


def goal(known: Sequence[Release], release: Release, present: Mapping[EntryKey, Pin]) -> Goal:
    """The goal, by undoing the newer of the `known` releases; `present` are the pins by `Managed.place`."""
    since = tuple(islice(changes(known), known.index(release)))
    then = pins_at(present, since)
    notes = [
        f"{name} in {posixpath.dirname(file) or '.'} ({pin}) was removed since; it stays removed"
        for (file, name), pin in sorted(then.items())
        if (file, name) not in present
    ]
    notes += [
        f"{name} in {posixpath.dirname(file) or '.'} did not exist then; it stays as it is"
        for file, name in sorted(present.keys() - then.keys())
    ]
    paths = sorted({path for changed in since for path in changed.config})
    if paths:
        notes.append(f"configuration that changed since is not reverted: {shortlist(paths, _TOLD)}")
    return Goal(release, then, tuple(notes), tuple(changed.release.step for changed in since))


def roll_back(entry: Managed, goal: Goal) -> Change | Kept:
    """One entry as it was in the release."""
    present = entry.pin
    then = goal.pins.get(entry.place)
    if then is None or then == Pin():
        what = "did not have it yet" if then is None else "pinned nothing for it"
        return Kept(entry, Reason("nothing_new", f"{goal.release} {what}"), "rollback")
    # An edit keeps the tag where only a digest is given, and a tag alone takes the digest away.
    after = Pin(then.tag or present.tag, then.digest)
    if after == present:
        return Kept(entry, Reason("current", f"{goal.release} had the same pin"), "rollback")
    text = f"back to {goal.release} of {goal.release.at:%Y-%m-%d %H:%M} UTC, by {goal.release.step.who}"
    if then.tag is None and present.tag is not None:
        text += f"; it pinned only a digest, so the tag {present.tag} stays"
    if then.digest is None:
        text += "; it pinned no digest, so this is what the tag points to now"
    data: dict[str, str | int | None] = {"release": goal.release.commit, "number": goal.release.number}
    if goal.notes:
        data["notes"] = "; ".join(goal.notes)[:_NOTES]
    way = _direction(present, after, entry.policy)
    return Change(entry, after, "rollback", way, Reason("rolled_back", text, data), not_rolled_back=goal.notes)


def check(change: Change, *, exists: bool, missing: Sequence[str] = ()) -> Change | Held:
    """The change, if the registry still has the image; `missing` are platforms whose manifests are gone."""
    if not exists:
        text = f"{change.entry.image} no longer has {change.after}; choose another release with `--to`"
        return change.hold(Reason("held.vanished", text))
    if missing:
        lost = choice.incomplete(change.entry.image, change.after, missing)
        return change.hold(replace(lost, text=f"{lost.text}; choose another release with `--to`"))
    return change


def _direction(present: Pin, after: Pin, policy: Policy | None) -> Direction:
    """Backward, unless the tags say otherwise: a way back from a downgrade leads forward."""
    if present.tag is not None and after.tag is not None and present.tag != after.tag:
        order = compare(policy, after.tag, present.tag)
        return "forward" if order is not None and order > 0 else "backward"
    way = choice.direction(present, after, policy)
    return "backward" if way == "forward" else way
