"""What to do with a proposal, given its branch and pull requests. The same facts always give the same action.

Whatever an earlier run wrote before it died, this decision continues from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import people
from gitops_bot.proposals.branch import Branch, Ours, Theirs, owner_of
from gitops_bot.proposals.branches import BotBranch
from gitops_bot.proposals.text import body
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Hold
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import PinChange

#: The names that reports and scripts use.
ActionName = Literal["open", "refresh", "leave", "close", "commit", "none"]


@dataclass(frozen=True, slots=True)
class Open:
    """Push (if `push`) and open a pull request."""

    reason: Reason
    push: bool = True
    name: ClassVar[ActionName] = "open"


@dataclass(frozen=True, slots=True)
class Refresh:
    """Push (if `push`) and update title and body of the open pull request.

    If a person handed its branch back, that is done then: the label is removed.
    """

    pull_request: PullRequest
    reason: Reason
    push: bool = True
    name: ClassVar[ActionName] = "refresh"


@dataclass(frozen=True, slots=True)
class Leave:
    """People win: nothing is written, except the `comment` that says so, once, in place of the one that it `edits`.

    `frozen`: what it proposes is on hold, so auto-merge that the bot has set is taken back; it sets it again later.
    `pauses`: it is made a draft whose text says that it is frozen, or that ends; its commits stay as they are.
    """

    pull_request: PullRequest | None
    reason: Reason
    comment: str | None = None
    edits: int | None = None
    frozen: bool = False
    pauses: bool = False
    name: ClassVar[ActionName] = "leave"


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing is left to propose: close the pull request and delete its branch."""

    pull_request: PullRequest
    reason: Reason
    name: ClassVar[ActionName] = "close"


@dataclass(frozen=True, slots=True)
class Commit:
    """Commit straight to the base branch, without a pull request."""

    reason: Reason
    name: ClassVar[ActionName] = "commit"


@dataclass(frozen=True, slots=True)
class Nothing:
    """Everything is already in place, or nothing could be done."""

    pull_request: PullRequest | None
    reason: Reason
    name: ClassVar[ActionName] = "none"


Action = Open | Refresh | Leave | Close | Commit | Nothing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be proposed on a branch: the `pins`, and the bytes of the `files` with them.

    `applies`: some pin that the branch carries is not on the base branch yet, and its `from` still is. `why_gone` says
    why, where nothing is left. `signs`: commits without a signature are made
    again, but not those that were reviewed. `passes_freezes`: what is frozen may be taken out of it.
    """

    pins: Sequence[PinChange] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    applies: bool = True
    why_gone: Reason | None = None
    refresh_approved: bool = False
    signs: bool = False
    passes_freezes: bool = False


def decide(branch: BotBranch, wanted: Wanted) -> Action:
    """The action for one branch.

    The configured labels do not matter here: a label that a person removed stays removed.
    """
    remote, opened = branch.remote, branch.opened
    if not wanted.pins and opened is None:
        return Nothing(None, Reason("nothing_new", "nothing to propose"))
    if opened is None and any(remote and pull.state == "merged" and pull.head == remote.head for pull in branch.pulls):
        remote = None  # all of it has been merged: nothing on it can be lost, whoever wrote it
    if opened is not None and people.is_held(opened):
        text = f"#{opened.number} has the label `{people.HOLD}`: it is left as it is until the label is removed"
        return Leave(opened, Reason("held.label", text, {"pull_request": opened.number, "url": opened.url}))
    if opened is not None and opened.retargeted:
        text = (
            f"#{opened.number} merges into {plain(opened.base, 100)} now: it is left alone, and no other is opened "
            "from its branch, until that is changed back, or it is merged or closed"
        )
        return Leave(opened, Reason("person", text, {"pull_request": opened.number, "url": opened.url}))
    owner = owner_of(remote) if remote is not None else None
    thaws = opened is not None and branch.freeze is None and body.pause_of(opened.body) is not None
    if remote is not None and isinstance(owner, Theirs) and not (opened is not None and people.is_handed_back(opened)):
        return replace(_leave_to_people(opened, remote, owner), pauses=thaws)
    if opened is not None and branch.freeze is not None and not wanted.passes_freezes:
        return _pause(opened, branch.freeze)
    frozen = opened is not None and bool(people.freezes(opened)) and not wanted.refresh_approved
    pushed = False
    if wanted.pins and remote is not None and isinstance(owner, Ours):
        # A base that moved on to other pins conflicts with it, even where both come to the same in the end.
        same_base = {(pin.key, pin.before) for pin in wanted.pins} == {(pin.key, pin.before) for pin in owner.carried}
        is_signed = frozen or not wanted.signs or all(commit.signed for commit in remote.commits)
        pushed = same_base and is_signed and remote.has_exactly(wanted.files)
    if opened is not None:
        return _keep(opened, remote, wanted, frozen=frozen, pushed=pushed, thaws=thaws)
    missing = "the branch exists without a pull request" if pushed else "no pull request is open for this branch"
    return Open(Reason("chosen", missing), push=not pushed)


def decide_unseen(remote: Branch | None, wanted: Wanted) -> Action:
    """The action if pull requests cannot be read: without a token, or for a repository at a path.

    Nobody knows then whether a commit without a signature was reviewed.
    """
    match decide(BotBranch("", remote), replace(wanted, signs=False)):
        case Open(push=False):
            text = "the branch proposes exactly this; pull requests were not checked"
            return Nothing(None, Reason("nothing_new", text))
        case Open():
            return Open(Reason("chosen", "pull requests were not checked"))
        case action:
            return action


def _pause(opened: PullRequest, freeze: Hold) -> Leave:
    """Leave what is frozen as it is, as a draft that says so. What people let merge by itself cannot be stopped."""
    why, text = hold.reason(freeze), opened.body.replace("\r", "")
    data = {**why.data, "pull_request": opened.number, "url": opened.url}
    why = replace(why, text=f"#{opened.number} is {why.text}", data=data)
    if (merges := people.merging(opened)) is not None:
        return Leave(opened, why.with_more(f"gitops-bot cannot stop it, since it {merges.what}: {merges.undo}"))
    told = (body.with_pause(text, state, freeze) for state in ("text", *["draft"] * opened.draft))
    return Leave(opened, why, pauses=text not in told)


def _keep(
    opened: PullRequest, remote: Branch | None, wanted: Wanted, *, frozen: bool, pushed: bool, thaws: bool
) -> Action:
    """Update the open pull request in place, if it lacks anything. A frozen one stays: what was reviewed merges.

    `thaws`: it was paused, and the freeze of the environment is over.
    """
    pins, handed_back = wanted.pins, people.is_handed_back(opened)
    if not pins and (not frozen or not (wanted.applies or handed_back)):
        return Close(opened, wanted.why_gone or Reason("nothing_new", "nothing is left to propose"))
    complete = Nothing(opened, Reason("nothing_new", f"pull request #{opened.number} already proposes exactly this"))
    if frozen and not pushed:
        return Leave(opened, people.why_frozen(opened, pins, remote, applies=wanted.applies), pauses=thaws)
    if frozen and not thaws:
        return complete
    if handed_back:
        # Also if the branch is ours: a `hand-back` left in place would drop the next person's commit.
        return Refresh(opened, Reason("chosen", f"#{opened.number} was handed back to gitops-bot"), push=not pushed)
    if not pushed:
        why = f", since {remote.rewritten}" if remote is not None and remote.rewritten is not None else ""
        return Refresh(opened, Reason("chosen", f"#{opened.number} is open and will be updated in place{why}"))
    # A closing mark in an open one is from a run that died, or it was reopened: a person closing it must count again.
    outdated = thaws or body.plan_mark(opened.body) != body.mark(pins) or body.is_closed_by_bot(opened.body)
    if outdated or (lacks := body.lacks(opened.body)):
        what = "its text is out of date" if outdated else f"still lacks {' and '.join(sorted(lacks))}"
        return Refresh(opened, Reason("chosen", f"#{opened.number} has the commit, but {what}"), push=False)
    return complete


def _leave_to_people(opened: PullRequest | None, branch: Branch, theirs: Theirs) -> Leave:
    """Leave a branch with a commit of somebody else's, and say so on its pull request, once for each such commit."""
    late = opened is not None and opened.hand_back == "late"
    if opened is None:
        until = "merged or deleted"
    elif late:
        until = f"merged, deleted or handed back again: `{people.HAND_BACK}` was given before the last push"
    else:
        until = f"merged, deleted or handed back (label `{people.HAND_BACK}`)"
    author = plain(theirs.author, 100)
    who = f" by {author}" if author else ""
    beware = f"; {branch.rewritten}, which a merge would bring back" if branch.rewritten is not None else ""
    made = f"commit {theirs.commit[:10]}{who} on {branch.name} was not made by gitops-bot ({theirs.why})"
    text = f"{made}: the branch is left alone until it is {until}{beware}"
    reason = Reason("person", text, {"commit": theirs.commit, "branch": branch.name, "author": author})
    if opened is None:
        return Leave(None, reason)
    kind, commit = ("late", branch.head) if late else ("person", theirs.commit)
    comment = body.late_comment(commit) if late else body.person_comment(commit, theirs.author, theirs.why)
    about = {body.comment_mark(remark.body) or "": remark.id for remark in opened.comments}
    if f"{kind} {commit}" in about:
        return Leave(opened, reason)
    # It replaces one about another commit.
    older = [number for mark, number in about.items() if mark.startswith(f"{kind} ")]
    return Leave(opened, reason, comment, edits=older[-1] if older else None)
