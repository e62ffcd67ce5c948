"""What to do with a proposal, given what is already there. A table: the same facts give the same action, every run.

Whatever an earlier run managed to write before it died, this decision finds it and goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import frozen, ownership, schedule, word
from gitops_bot.proposals.text import body, comment
from gitops_bot.proposals.text.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.content import Content
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.proposals.schedule import Window

#: The label with which people say, in any case: leave this pull request as it is.
HOLD: Final = "hold"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment that is to be there; `edits` is the id of the one that gets this text, None where it is new."""

    body: str
    edits: int | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Push (where `push`) and open a pull request."""

    reason: Reason
    push: bool = True


@dataclass(frozen=True, slots=True)
class Refresh:
    """Push (where `push`) and bring title and body of the open pull request up to date.

    `takes_back`: a person handed the branch back. Their word, label or tick, is used up before anything is pushed.
    """

    pull_request: PullRequest
    reason: Reason
    push: bool = True
    takes_back: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """People win: nothing is written, but for the `comment` that tells them so, once.

    `merges`: it should have merged by itself, and holds nothing but what the bot proposed.
    """

    pull_request: PullRequest | None
    reason: Reason
    comment: Remark | None = None
    merges: bool = False


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


def decide(
    proposal: Content | None,
    branch: Branch | None,
    existing: Sequence[PullRequest],
    *,
    refresh_approved: bool = False,
    stands: bool = True,
    why_gone: Reason | None = None,
) -> Action:
    """The action for one branch.

    `proposal` is None when nothing is left to propose; `existing` is newest first. `stands`: whether any pin that the
    branch carries still means something, neither on the base branch nor made from what that no longer has. `why_gone`
    is what to say where the group itself is no more. The configuration's labels are no part of it: one that a person
    took away stays away.
    """
    opened = next((pull for pull in existing if pull.state == "open"), None)
    if proposal is None and opened is None:
        return Nothing(None, Reason("nothing_new", "nothing to propose"))
    if branch is not None and opened is None and _merged(branch, existing):
        branch = None
    if opened is not None and held(opened):
        return Leave(opened, _asked_to_hold(opened))
    whose = ownership.of(branch) if branch is not None else None
    if (
        branch is not None
        and isinstance(whose, ownership.Theirs)
        and not (opened is not None and word.handed_back(opened))
    ):
        return _left_to_people(opened, branch, whose)
    pushed = (
        proposal is not None and branch is not None and isinstance(whose, ownership.Ours) and proposal.is_on(branch)
    )
    if opened is not None:
        if frozen.freezes(opened) and not refresh_approved:
            return _frozen(opened, proposal, whose, pushed=pushed, stands=stands, why_gone=why_gone)
        return _kept_up(opened, proposal, pushed=pushed, stands=stands, why_gone=why_gone)
    missing = "the branch exists without a pull request" if pushed else "no pull request is open for this branch"
    return Open(Reason("chosen", missing), push=not pushed)


def decide_unseen(proposal: Content | None, branch: Branch | None) -> Action:
    """The action as far as it can be told where pull requests cannot be seen: without a token, or on a plain path."""
    match decide(proposal, branch, ()):
        case Open(push=False):
            text = "the branch proposes exactly this; pull requests were not checked"
            return Nothing(None, Reason("nothing_new", text))
        case Open():
            return Open(Reason("chosen", "pull requests were not checked"))
        case action:
            return action


def admit(
    action: Action,
    *,
    at: datetime,
    windows: Sequence[Window],
    open_now: int,
    opened: Sequence[datetime],
    most_open: int | None,
    most_new_per_hour: int | None,
) -> Action:
    """The action, unless it opens what may not be opened at this moment. What is open already is kept up at any time.

    `opened` are the moments at which proposals of this environment were opened; `open_now` of them stay open.
    """
    if not isinstance(action, Open):
        return action
    if (closed := schedule.closed(windows, at)) is not None:
        return Leave(None, closed)
    if most_open is not None and open_now >= most_open:
        count = (
            "1 proposal of this environment is" if open_now == 1 else f"{open_now} proposals of this environment are"
        )
        text = f"{count} open, and the limit is {most_open}: merge or close one first"
        return Leave(None, Reason("held.limit", text, {"most_open": most_open}))
    recent = sorted(moment.astimezone(UTC) for moment in opened if moment > at - _HOUR)
    if most_new_per_hour is not None and len(recent) >= most_new_per_hour:
        frees = recent[-most_new_per_hour] + _HOUR
        text = (
            f"{len(recent)} proposals of this environment were opened within an hour, and the limit is "
            f"{most_new_per_hour}: the next one can be opened at {frees:%Y-%m-%d %H:%M:%S} UTC"
        )
        when = f"{frees:%Y-%m-%dT%H:%M:%SZ}"
        return Leave(None, Reason("held.limit", text, {"most_new_per_hour": most_new_per_hour, "opens_at": when}))
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


def held(pull: PullRequest) -> bool:
    """Whether a person asked by the label to leave a pull request as it is."""
    return word.has_label(pull, HOLD)


def _frozen(
    opened: PullRequest,
    proposal: Content | None,
    whose: ownership.Ours | ownership.Theirs | None,
    *,
    pushed: bool,
    stands: bool,
    why_gone: Reason | None,
) -> Action:
    """What was reviewed is what merges, whether or not its text is finished."""
    if pushed:
        return Nothing(opened, _already(opened))
    if proposal is None and not stands and not word.handed_back(opened):
        return Close(opened, why_gone or _nothing_left(stands))
    merges = opened.overlooked and proposal is not None and stands and isinstance(whose, ownership.Ours)
    return Leave(opened, frozen.reason(opened, proposal, whose, stands=stands), merges=merges)


def _kept_up(
    opened: PullRequest, proposal: Content | None, *, pushed: bool, stands: bool, why_gone: Reason | None
) -> Action:
    """The open pull request gets what it lacks, in place."""
    if proposal is None:
        return Close(opened, why_gone or _nothing_left(stands))
    if word.handed_back(opened):
        # Also where the branch is ours: a word that outlives its use would give the next person's commit away.
        text = f"#{opened.number} was handed back to gitops-bot"
        return Refresh(opened, Reason("chosen", text), push=not pushed, takes_back=True)
    if not pushed:
        return Refresh(opened, Reason("chosen", f"#{opened.number} is open and will be updated in place"))
    if unfinished := _unfinished(opened, proposal):
        return Refresh(opened, Reason("chosen", f"#{opened.number} has the commit, but {unfinished}"), push=False)
    return Nothing(opened, _already(opened))


def _unfinished(opened: PullRequest, proposal: Content) -> str | None:
    """What an earlier run did not come to do."""
    # A closing mark in an open one is of a run that died, or was reopened since: a person's closing must count again.
    if body.plan_mark(opened.body) != proposal.mark or body.closed_by_bot(opened.body):
        return "its text is out of date"
    return None


def _merged(branch: Branch, existing: Sequence[PullRequest]) -> bool:
    """Whether all of the branch has been merged: then nobody's work on it can be lost, whoever wrote it."""
    return any(pull.state == "merged" and pull.head == branch.head for pull in existing)


def _asked_to_hold(opened: PullRequest) -> Reason:
    text = f"#{opened.number} has the label `{HOLD}`: it is left as it is until the label is removed"
    return Reason("held.label", text, {"pull_request": opened.number, "url": opened.url})


def _already(opened: PullRequest) -> Reason:
    return Reason("nothing_new", f"pull request #{opened.number} already proposes exactly this")


def _nothing_left(stands: bool) -> Reason:
    if stands:
        text = "what it proposes is no longer wanted: its source went back, or another group proposes it now"
    else:
        text = "nothing is left to propose: the base branch already has it or has moved on, or it is held now"
    return Reason("nothing_new", text)


def _left_to_people(opened: PullRequest | None, branch: Branch, theirs: ownership.Theirs) -> Leave:
    author = plain(theirs.author, 100)
    who = f" by {author}" if author else ""
    until = "merged or deleted" if opened is None else f"merged, deleted or handed back (label `{word.HAND_BACK}`)"
    if opened is not None and opened.given == "late":
        until = f"merged, deleted or handed back again: `{word.HAND_BACK}` was given before the last push"
    reason = Reason(
        "person",
        f"commit {theirs.commit[:10]}{who} on {branch.name} was not made by gitops-bot ({theirs.why}): the branch is "
        f"left alone until it is {until}",
        {"commit": theirs.commit, "branch": branch.name, "author": author},
    )
    return Leave(opened, reason, _owed(opened, branch, theirs) if opened is not None else None)


def _owed(opened: PullRequest, branch: Branch, theirs: ownership.Theirs) -> Remark | None:
    """The comment about this commit, where it is not there yet; it takes the place of one about another commit."""
    about = {comment.marker_of(said.body): said.id for said in opened.comments}
    if opened.given == "late":
        kind, marker, text = "late ", f"late {branch.head}", comment.late(branch.head)
    else:
        kind, marker = "person ", f"person {theirs.commit}"
        text = comment.person(theirs.commit, theirs.author, theirs.why)
    if marker in about:
        return None
    older = [number for name, number in about.items() if name is not None and name.startswith(kind)]
    return Remark(text, edits=older[-1] if older else None)
