"""A pull request that a person closed unmerged is a decline of exactly the pins in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import body, trailers
from gitops_bot.releases.plan import Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.trailers import PinChange
    from gitops_bot.releases.plan import Change


def decline(
    change: Change, branch: Branch | None, existing: Sequence[PullRequest], carried: Sequence[PinChange]
) -> Held | None:
    """The hold that a person's closing puts on this change, if one does.

    A pin that the open proposal `carried` is not declined: to reopen a pull request takes its decline back.
    """
    if any(pin.key == change.entry.key and pin.after == change.after for pin in carried):
        return None
    for pull in existing:
        if pull.state == "closed" and not body.closed_by_bot(pull.body) and _proposed(change, pull, branch):
            reason = Reason(
                "held.declined",
                f"{change.after} was declined: #{pull.number} was closed unmerged; reopen it to take that back",
                {"pull_request": pull.number, "url": pull.url},
            )
            return Held(change.entry, change.before, change.after, reason)
    return None


def _proposed(change: Change, pull: PullRequest, branch: Branch | None) -> bool:
    """Whether the pull request proposed this pin: by its commits, and by its body where the branch is gone or moved."""
    if branch is not None and branch.head == pull.head:
        for commit in reversed(branch.commits):
            if plan := trailers.parse(commit.message):
                wanted = (change.entry.key, change.after, change.new_name)
                return any((said.key, said.after, said.new_name) == wanted for said in plan.changes)
    return body.pin_mark(change.entry.key, change.after, change.new_name) in body.pin_marks(pull.body)
