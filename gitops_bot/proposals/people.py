"""What people did to a pull request, that the bot respects: held, approved or closed it, handed its branch back.

A proposal that is approved, queued or set to auto-merge is frozen: what was reviewed is what merges.
One that a person closed unmerged is a decline of exactly the pins in it, in whatever group.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.branch import Branch, Ours, owner_of
from gitops_bot.proposals.text import body

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest
    from gitops_bot.releases.decisions import Change, Held, PinChange

    #: The pull requests that declined a pin, by what marks the pin.
    Declined = Mapping[str, Sequence[PullRequest]]

#: The label, in any case, that tells the bot to leave a pull request as it is.
HOLD: Final = "hold"
#: The label, in any case, that hands the branch back.
HAND_BACK: Final = "hand-back"


class Freeze(NamedTuple):
    """One reason why a pull request is frozen: its name for scripts, what people read, and how they undo it."""

    name: str
    what: str
    undo: str


_APPROVED = Freeze("approved", "is approved", "dismiss the approval")
_QUEUED = Freeze("queued", "is in the merge queue", "remove it from the queue")
_AUTO_MERGE = Freeze("auto_merge", "is set to auto-merge", "disable auto-merge")


def has_label(pull: PullRequest, name: str) -> bool:
    """Whether a pull request has a label, ignoring case."""
    return any(label.lower() == name for label in pull.labels)


def is_held(pull: PullRequest) -> bool:
    """Whether a pull request has the label `hold`."""
    return has_label(pull, HOLD)


def freezes(pull: PullRequest) -> tuple[Freeze, ...]:
    """Why a pull request is frozen; empty if it is not."""
    merges = pull.auto_merge and not pull.checks_failed  # failed checks keep it from that, and newer pins may fix them
    facts = ((_APPROVED, pull.approved), (_QUEUED, pull.queued), (_AUTO_MERGE, merges))
    return tuple(freeze for freeze, applies in facts if applies)


def merging(pull: PullRequest) -> Freeze | None:
    """By what people let a pull request merge by itself, if they do: the bot takes back only what it set."""
    by_people = pull.auto_merge and not pull.merges_by_bot
    return _QUEUED if pull.queued else _AUTO_MERGE if by_people else None


def why_mergeable(pull: PullRequest, end: str) -> Reason:
    """Says of a pull request that it can be merged, although what it changes is frozen until that `end`."""
    how = merging(pull) or Freeze("ready", "is ready for review", "convert it to a draft")
    text = f"#{pull.number} can be merged, although it is frozen until {end}: it {how.what}; to stop it, {how.undo}"
    return Reason("held.hold", text, {"pull_request": pull.number, "url": pull.url, "by": how.name})


def why_frozen(pull: PullRequest, pins: Sequence[PinChange], branch: Branch | None, *, applies: bool) -> Reason:
    """Why a frozen pull request is left as it is, and how people can unfreeze it. `applies`: as in `Wanted`."""
    known = freezes(pull)
    it = f"#{pull.number} {' and '.join(freeze.what for freeze in known)}"
    undo, owner = " and ".join(freeze.undo for freeze in known), owner_of(branch) if branch is not None else None
    rebuilt = f"{undo} to have it rebuilt"
    if not pins:
        text = f"{it}, so it stays open, although it would not be proposed today: close it, or {undo}"
    elif branch is not None and branch.rewritten is not None:
        text = f"{it}, but {branch.rewritten}, which a merge would bring back: {rebuilt} on the new base"
    elif not applies:
        text = f"{it}, but the base branch has moved on: {rebuilt} on the new base"
    elif isinstance(owner, Ours) and body.mark(owner.carried) == body.mark(pins):
        text = f"{it}, and its files have changed on the base branch since: merge it, or {rebuilt}"
    else:
        text = (
            f"{it}: what was reviewed is what merges, and newer pins wait; merge it, or {undo} to have it refreshed "
            "(`refresh_approved: true` refreshes it anyway)"
        )
    by = " ".join(freeze.name for freeze in known)
    return Reason("held.frozen", text, {"pull_request": pull.number, "url": pull.url, "by": by})


def is_handed_back(pull: PullRequest) -> bool:
    """Whether a person handed the branch, as it is now, back to the bot."""
    return pull.hand_back == "counts" and has_label(pull, HAND_BACK)


def judge_hand_back(pull: PullRequest, head: str, times: HandBackTimes) -> PullRequest:
    """The pull request, with whether its hand-back applies to this head: nothing was pushed after it.

    The forge's clock has a resolution of one second: a hand-back and a push in the same second count as late. If the
    forge does not record pushes, it applies to the head that the pull request had when it was read.
    """
    if times.pushed is None:
        return replace(pull, hand_back="counts" if pull.head == head else "unsure")
    commit, pushed = times.pushed
    if not commit == pull.head == head:
        return replace(pull, hand_back="unsure")
    return replace(pull, hand_back="counts" if times.labelled is not None and times.labelled > pushed else "late")


def find_declines(
    closed: Iterable[PullRequest], branches: Mapping[str, Branch | None], *, rollbacks: bool = False
) -> Declined:
    """What people declined by closing these, newest first. A declined rollback declines nothing but `rollbacks`."""
    by_pin: dict[str, list[PullRequest]] = {}
    for pull in sorted(closed, key=lambda pull: -pull.number):
        counts = rollbacks or naming.kind_of_branch(pull.branch) == "update"
        if counts and pull.state == "closed" and not body.is_closed_by_bot(pull.body):
            for mark in _marks_of(pull, branches.get(pull.branch)):
                by_pin.setdefault(mark, []).append(pull)
    return by_pin


def decline(
    change: Change,
    branch: str,
    known: Declined,
    shown: Sequence[PinChange],
    since: datetime | None = None,
    *,
    branches: Collection[str],
) -> Held | None:
    """The hold on a change that a person declined, if one did `since` that time. `branches` are those that are there.

    A pin that an open pull request has `shown` is not declined by an earlier one of its branch: to reopen a pull
    request takes its decline back. One of another group's lasts until that one is reopened: it may have been closed
    just while its pins were moved.
    """
    is_shown = any(pin.key == change.entry.key and pin.after == change.after for pin in shown)
    for pull in known.get(body.pin_mark(change.entry.key, change.after, change.new_name), ()):
        is_recent = since is None or pull.created_at is None or pull.created_at >= since
        if is_recent and (pull.branch != branch or not is_shown):
            way = "reopen it" if pull.branch in branches else f"restore its branch {pull.branch}, then reopen it,"
            text = f"{change.after} was declined: #{pull.number} was closed unmerged; {way} to undo that"
            return change.hold(Reason("held.declined", text, {"pull_request": pull.number, "url": pull.url}))
    return None


def _marks_of(pull: PullRequest, branch: Branch | None) -> Iterable[str]:
    """The marks of its pins: from its commits, or from its body if the branch is gone or has moved."""
    if branch is not None and branch.head == pull.head:
        for commit in reversed(branch.commits):
            if plan := trailers.parse(commit.message):
                return [body.pin_mark(change.key, change.after, change.new_name) for change in plan.changes]
    return body.pin_marks(pull.body)


def have_changed(before: Sequence[PullRequest], now: Sequence[PullRequest], *, beside: bool = False) -> bool:
    """Whether the pull requests of a branch to write have changed in a way that makes the plan outdated.

    `beside`: those of another branch. There it counts which ones are open, and which of these may not be changed: what
    a run itself pushes there and writes into them changes neither.
    """
    if beside:
        before, now = ([pull for pull in pulls if pull.state == "open"] for pulls in (before, now))
    facts = _state if beside else _all_that_decides
    return list(map(facts, before)) != list(map(facts, now))


def _all_that_decides(pull: PullRequest) -> tuple[object, ...]:
    """Text that the bot wrote is read again anyway; it decides only for one that ended."""
    known = (pull.number, pull.state, pull.head, body.is_closed_by_bot(pull.body))
    if pull.state != "open":
        return (*known, body.pin_marks(pull.body))
    remarks = {body.comment_mark(remark.body): remark.id for remark in pull.comments}
    merges = pull.queued, pull.merges_by_bot
    return (*known, *_state(pull), has_label(pull, HAND_BACK), remarks, pull.draft, *merges)


def _state(pull: PullRequest) -> tuple[object, ...]:
    return pull.number, pull.base, is_held(pull), bool(freezes(pull))
