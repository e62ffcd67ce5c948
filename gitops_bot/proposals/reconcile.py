"""What to do with a proposal, given what is already there. A table: the same facts give the same action, every run.

Whatever an earlier run managed to write before it died, this decision finds it and goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import body, ownership
from gitops_bot.proposals.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest


@dataclass(frozen=True, slots=True)
class Open:
    """Push (where `push`) and open a pull request."""

    reason: Reason
    push: bool = True


@dataclass(frozen=True, slots=True)
class Refresh:
    """Push (where `push`) and bring title and body of the open pull request up to date."""

    pull_request: PullRequest
    reason: Reason
    push: bool = True


@dataclass(frozen=True, slots=True)
class Leave:
    """People win: nothing is written."""

    pull_request: PullRequest | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing is left to propose: close the pull request and delete its branch."""

    pull_request: PullRequest
    reason: Reason


@dataclass(frozen=True, slots=True)
class Nothing:
    """Everything is there already."""

    pull_request: PullRequest | None
    reason: Reason


Action = Open | Refresh | Leave | Close | Nothing

#: The names that reports and scripts use.
NAMES: dict[type[Action], Literal["open", "refresh", "leave", "close", "none"]] = {
    Open: "open",
    Refresh: "refresh",
    Leave: "leave",
    Close: "close",
    Nothing: "none",
}


def decide(proposal: Proposal | None, branch: Branch | None, existing: Sequence[PullRequest]) -> Action:
    """The action for one branch.

    `proposal` is None when nothing is left to propose; `existing` is newest first. Labels are no part of it: one that
    a person took away stays away.
    """
    opened = next((pull for pull in existing if pull.state == "open"), None)
    if proposal is None and opened is None:
        return Nothing(None, Reason("nothing_new", "nothing to propose"))
    if branch is not None and opened is None and _merged(branch, existing):
        branch = None
    if branch is not None and isinstance(theirs := ownership.of(branch), ownership.Theirs):
        return Leave(opened, _person(branch, theirs))
    pushed = proposal is not None and branch is not None and proposal.is_on(branch)
    if opened is None:
        missing = (
            "the branch is there, its pull request is not" if pushed else "no pull request is open for this branch"
        )
        return Open(Reason("chosen", missing), push=not pushed)
    if proposal is None:
        return Close(opened, Reason("nothing_new", "nothing of it is left to propose"))
    if not pushed:
        return Refresh(opened, Reason("chosen", f"#{opened.number} is open: it gets the new plan in place"))
    if unfinished := _unfinished(opened, proposal):
        return Refresh(opened, Reason("chosen", f"#{opened.number} has the commit, but {unfinished}"), push=False)
    return Nothing(opened, Reason("nothing_new", f"pull request #{opened.number} already proposes exactly this"))


def decide_unseen(proposal: Proposal | None, branch: Branch | None) -> Action:
    """The action as far as it can be told where pull requests cannot be seen: without a token, or on a plain path."""
    match decide(proposal, branch, ()):
        case Open(push=False):
            text = "the branch proposes exactly this; its pull request was not looked for"
            return Nothing(None, Reason("nothing_new", text))
        case Open():
            return Open(Reason("chosen", "pull requests were not looked for"))
        case action:
            return action


def trusted(branch: Branch | None, existing: Sequence[PullRequest]) -> bool:
    """Whether the pins on the branch count as proposed.

    They do while a pull request is open, and when none was ever opened for this head (a run died before it could). A
    branch that a person's closing or a merge left behind does not count.
    """
    if branch is None:
        return False
    if any(pull.state == "open" for pull in existing):
        return True
    return all(pull.head != branch.head for pull in existing)


def _unfinished(opened: PullRequest, proposal: Proposal) -> str | None:
    """What an earlier run did not come to do."""
    # A closing mark in an open one is of a run that died, or was reopened since: a person's closing must count again.
    if body.plan_mark(opened.body) != proposal.mark or body.closed_by_bot(opened.body):
        return "an older text"
    return None


def _merged(branch: Branch, existing: Sequence[PullRequest]) -> bool:
    """Whether all of the branch has been merged: then nobody's work on it can be lost, whoever wrote it."""
    return any(pull.state == "merged" and pull.head == branch.head for pull in existing)


def _person(branch: Branch, theirs: ownership.Theirs) -> Reason:
    author = plain(theirs.author, 100)
    who = f" by {author}" if author else ""
    return Reason(
        "person",
        f"commit {theirs.commit[:10]}{who} on {branch.name} is not the bot's ({theirs.why}): the branch is left alone "
        "until it is merged or deleted",
        {"commit": theirs.commit, "branch": branch.name, "author": author},
    )
