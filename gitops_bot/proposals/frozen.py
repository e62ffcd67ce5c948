"""A proposal that is approved, queued or set to auto-merge is frozen: what was reviewed is what merges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.images.reason import Reason
from gitops_bot.proposals.ownership import Ours
from gitops_bot.proposals.text import body

if TYPE_CHECKING:
    from gitops_bot.proposals.content import Content
    from gitops_bot.proposals.ownership import Theirs
    from gitops_bot.proposals.pull_request import PullRequest


@dataclass(frozen=True, slots=True)
class Freeze:
    """One reason why a pull request is frozen: its name for scripts, what people read, and how they undo it."""

    name: str
    what: str
    undo: str


_APPROVED = Freeze("approved", "is approved", "dismiss the approval")
_QUEUED = Freeze("queued", "is in the merge queue", "remove it from the queue")
_AUTO_MERGE = Freeze("auto_merge", "is set to auto-merge", "disable auto-merge")


def freezes(pull: PullRequest) -> tuple[Freeze, ...]:
    """Why a pull request is frozen; empty if it is not."""
    facts = (
        (_APPROVED, pull.approved),
        (_QUEUED, pull.queued),
        # Failed checks keep it from merging, and newer pins may fix them.
        (_AUTO_MERGE, pull.auto_merge and not pull.checks_failed),
    )
    return tuple(freeze for freeze, applies in facts if applies)


def reason(pull: PullRequest, proposal: Content | None, whose: Ours | Theirs | None, *, stands: bool) -> Reason:
    """Why a frozen pull request is left as it is, and how people can unfreeze it. `stands`: see `reconcile.decide`."""
    found = freezes(pull)
    it = f"#{pull.number} {' and '.join(freeze.what for freeze in found)}"
    undo = " and ".join(freeze.undo for freeze in found)
    if proposal is None:
        text = f"{it}, so it stays open, although it would not be proposed today: close it, or {undo}"
    elif not stands:
        text = f"{it}, but the base branch has moved on: {undo} to have it rebuilt on the new base"
    elif isinstance(whose, Ours) and body.mark(whose.carried) == proposal.mark:
        text = f"{it}, and its files have changed on the base branch since: merge it, or {undo} to have it rebuilt"
    else:
        text = (
            f"{it}: what was reviewed is what merges, and newer pins wait; merge it, or {undo} to have it refreshed "
            "(`refresh_approved: true` refreshes it anyway)"
        )
    by = " ".join(freeze.name for freeze in found)
    return Reason("held.frozen", text, {"pull_request": pull.number, "url": pull.url, "by": by})
