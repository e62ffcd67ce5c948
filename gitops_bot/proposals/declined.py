"""A pull request that a person closed unmerged is a decline of exactly the pins in it, in whatever group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.text import body
from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Change

    #: The pull requests that declined a pin, by what marks the pin.
    Declined = Mapping[str, Sequence[PullRequest]]


def declined(closed: Iterable[PullRequest], branches: Mapping[str, Branch | None]) -> Declined:
    """What people declined by closing these, newest first. A declined rollback declines nothing else."""
    found: dict[str, list[PullRequest]] = {}
    for pull in sorted(closed, key=lambda pull: -pull.number):
        if pull.state == "closed" and not body.closed_by_bot(pull.body) and not naming.is_rollback(pull.branch):
            for mark in _proposed(pull, branches.get(pull.branch)):
                found.setdefault(mark, []).append(pull)
    return found


def decline(change: Change, branch: str, known: Declined, carried: Sequence[PinChange]) -> Held | None:
    """The hold on a change that a person declined, if one did.

    A pin that the open proposal `carried` is not declined by an earlier one of its branch: to reopen a pull request
    takes its decline back. One of another group's stands until that one is reopened: it may have been closed just while
    its pins were moved.
    """
    shown = any(pin.key == change.entry.key and pin.after == change.after for pin in carried)
    for pull in known.get(body.pin_mark(change.entry.key, change.after, change.new_name), ()):
        if pull.branch != branch or not shown:
            reason = Reason(
                "held.declined",
                f"{change.after} was declined: #{pull.number} was closed unmerged; reopen it to undo that",
                {"pull_request": pull.number, "url": pull.url},
            )
            return Held(change.entry, change.before, change.after, reason)
    return None


def _proposed(pull: PullRequest, branch: Branch | None) -> Iterable[str]:
    """The marks of its pins: from its commits, or from its body if the branch is gone or has moved."""
    if branch is not None and branch.head == pull.head:
        for commit in reversed(branch.commits):
            if plan := trailers.parse(commit.message):
                return [body.pin_mark(change.key, change.after, change.new_name) for change in plan.changes]
    return body.pin_marks(pull.body)
