"""Carry out the action on a proposal, in an order that a crash at any instant cannot turn into a loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.errors import ForgeError, LostRace, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import people, reconcile
from gitops_bot.proposals.text import body, comment
from gitops_bot.releases.decisions import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Propose
    from gitops_bot.engine.forge import Forge
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.content import ProposalText
    from gitops_bot.proposals.deployment import Deployment
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.history.tags import NewTag


def carry_out(
    world: World, snapshot: Snapshot, proposal: Proposal, content: ProposalText | None, propose: Propose
) -> tuple[Proposal, Failed | None]:
    """Do it, and say what came of it. The branch comes first: a later run opens what is missing for it.

    Raises:
        LostRace: the branch moved meanwhile and nothing was written, or the pull request ended meanwhile.
        GitError, ForgeError: the remote refused, or there is no token for the forge.
    """
    if (branch := proposal.branch) is None:
        return _commit(world, snapshot, proposal, content), None
    forge = _forge(world)
    head = proposal.remote.head if proposal.remote else None
    _begin(forge, proposal.action, head)
    if content is not None and isinstance(proposal.action, reconcile.Open | reconcile.Refresh):
        _insist_on_base(world, snapshot, proposal)
        if proposal.action.push:
            head = world.repository.publish(
                branch, parent=snapshot.commit, files=proposal.after, message=content.message, expected=head
            )
        proposal = replace(proposal, commit=head)
    try:
        match proposal.action:
            case reconcile.Open() if content is not None and head is not None:
                pull = _open(forge, branch, snapshot.branch, content, head, propose)
            case reconcile.Refresh(pull_request=opened) if content is not None and head is not None:
                pull = _refresh(forge, opened, content, head, propose)
            case reconcile.Close(pull_request=opened, reason=reason):
                pull = _close(world, forge, opened, proposal.remote, reason)
            case reconcile.Nothing(pull_request=opened) | reconcile.Leave(pull_request=opened, merges=True) if (
                opened is not None and head is not None and tries_again(opened, propose)
            ):
                pull = _merge(forge, opened, head, propose)
            case _:
                return proposal, None
    except ForgeError as error:
        return unwritten(proposal, error.problem), Failed(None, error.problem)
    if pull.state == "open" and isinstance(proposal.action, reconcile.Open | reconcile.Refresh):
        _insist_on_head(world, branch, head)
    return replace(proposal, pull_request=pull), None


def _commit(world: World, snapshot: Snapshot, proposal: Proposal, content: ProposalText | None) -> Proposal:
    """Commit straight to the base branch, if there is anything to be written now."""
    if content is None:
        return proposal
    base, parent = snapshot.branch, snapshot.commit
    head = world.repository.publish(base, parent=parent, files=proposal.after, message=content.message, expected=parent)
    return replace(proposal, commit=head)


def record(world: World, tags: Sequence[NewTag]) -> None:
    """Write the tags of releases; a tag that exists is never written again.

    Raises:
        LostRace: one of them exists meanwhile; nothing was written.
        GitError: the remote refused.
    """
    with world.whole():
        world.repository.create_tags(tags)


def deploy(world: World, deployment: Deployment) -> Problem | None:
    """Record a deployment; see `Forge.deploy`."""
    with world.whole():
        return _forge(world).deploy(deployment)


def _begin(forge: Forge, action: reconcile.Action, head: str | None) -> None:
    """What is written on the pull request before its branch."""
    match action:
        case reconcile.Refresh(takes_back=True, pull_request=pull):
            _take_back(forge, pull, head)
        case reconcile.Leave(pull_request=pull, comment=remark) if pull is not None and remark is not None:
            forge.comment(pull.number, remark.body, edits=remark.edits)


def unwritten(proposal: Proposal, problem: Problem) -> Proposal:
    """The proposal as it is where it could not be written."""
    return replace(proposal, action=reconcile.Nothing(proposal.pull_request, Reason(problem.code, problem.message)))


def _take_back(forge: Forge, pull: PullRequest, head: str | None) -> None:
    """Use up the word that gave the branch back, before the branch is written: it holds for this head only.

    Raises:
        LostRace: the person took the word back, or somebody pushed: nothing may be written on the strength of it.
    """
    if people.has_label(pull, people.HAND_BACK) and not forge.unlabel(pull.number, people.HAND_BACK):
        raise LostRace(_word_gone(pull))
    if body.handed_back(pull.body):
        now = forge.read(pull.number)
        if now.head != head or not body.handed_back(now.body):
            raise LostRace(_word_gone(pull))
        forge.refresh(pull.number, title=now.title, body=body.with_box_cleared(now.body))


def _open(forge: Forge, branch: str, base: str, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    """Open it. What takes requests of its own comes before the text is finished: a run that dies is known by that."""
    dressed = _dresses(propose)
    text = body.unfinished(content.body) if dressed else content.body
    pull = forge.open(branch=branch, base=base, title=content.title, body=text, draft=propose.draft)
    return _finish(forge, pull, content, head, propose) if dressed else pull


def _refresh(forge: Forge, opened: PullRequest, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    if body.plan_mark(opened.body) is None and _dresses(propose):
        # A finished text says that all of it was done once: a label that a person took away stays away.
        return _finish(forge, opened, content, head, propose)
    return _merging(forge, opened, content, head, propose)


def _dresses(propose: Propose) -> bool:
    """Whether a proposal of this environment takes more than a title and a text."""
    return _takes_requests(propose) or bool(propose.auto_merge)


def _finish(forge: Forge, pull: PullRequest, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    if propose.labels:
        forge.label(pull.number, propose.labels)
    if propose.assignees:
        forge.assign(pull.number, propose.assignees)
    if propose.reviewers:
        forge.ask_for_review(pull.number, propose.people, propose.teams)
    if _takes_requests(propose) and _wants(pull, propose):
        # All that took its time, and a merge is not taken back.
        pull = forge.read(pull.number)
        if people.held(pull):
            raise LostRace(_held(pull))
    return _merging(forge, pull, content, head, propose)


def _takes_requests(propose: Propose) -> bool:
    return bool(propose.labels or propose.reviewers or propose.assignees)


def _merging(forge: Forge, pull: PullRequest, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    """Let it merge by itself, where that is wished and no person switched it off again; then finish the text.

    What people wrote around it stays, as it is at that moment: the forge takes no condition with a text, so only what
    comes while this one request is on its way is lost.

    Raises:
        LostRace: it ended since it was found. It keeps or gets back the text that people decided on, and what was just
            pushed is proposed anew.
    """
    asked = body.asked_to_merge(pull.body)
    now = None
    if _wants(pull, propose):
        now = pull = _when_ready(forge, pull, head, propose)
        asked = pull.auto_merge or pull.queued
    if now is None or not now.auto_merge:  # else that answer has told the text
        now = forge.read(pull.number)
    _insist_on_life(now, head)
    text = body.within(now.body, content.body)
    pull = forge.refresh(pull.number, title=content.title, body=body.with_merge_mark(text) if asked else text)
    try:
        _insist_on_life(pull, head)
    except LostRace:
        forge.refresh(pull.number, title=now.title, body=now.body)
        raise
    return pull


def _insist_on_life(pull: PullRequest, head: str) -> None:
    """It is open, or merged with all that was pushed."""
    if pull.state == "closed" or (pull.state == "merged" and pull.head != head):
        raise LostRace(_ended(pull))


def _wants(pull: PullRequest, propose: Propose) -> bool:
    """Whether it has still to be told to merge by itself."""
    asked = pull.auto_merge or pull.queued or body.asked_to_merge(pull.body)
    return bool(propose.auto_merge) and pull.state == "open" and not asked


def tries_again(pull: PullRequest, propose: Propose) -> bool:
    """Whether to have it merge although nothing else is to be done, or it may not be changed any more."""
    return _wants(pull, propose) or (pull.overlooked and bool(propose.auto_merge))


def _merge(forge: Forge, pull: PullRequest, head: str, propose: Propose) -> PullRequest:
    """Try again: where there is no auto-merge, or the forge overlooked it, the run that finds it ready merges it."""
    now = _when_ready(forge, pull, head, propose)
    if now.auto_merge or now.queued:
        now = forge.read(pull.number)
        return forge.refresh(pull.number, title=now.title, body=body.with_merge_mark(now.body))
    return now


def _when_ready(forge: Forge, pull: PullRequest, head: str, propose: Propose) -> PullRequest:
    return forge.merge_when_ready(
        pull.number,
        head=head,
        method=propose.merge_method,
        without_checks=propose.auto_merge == "without-checks",
    )


def _insist_on_base(world: World, snapshot: Snapshot, proposal: Proposal) -> None:
    """The pull request that was merged as the branch is may have been open when the base was read."""
    head = proposal.remote.head if proposal.remote is not None and isinstance(proposal.action, reconcile.Open) else None
    merged = any(pull.state == "merged" and pull.head == head for pull in proposal.pulls)
    if merged and world.repository.commit_of(snapshot.branch) != snapshot.commit:
        message = f"{snapshot.branch} kept moving while a pull request was being prepared"
        raise LostRace(Problem("failed.git", message, "run again: what has been merged is no longer proposed"))


def _insist_on_head(world: World, branch: str, head: str | None) -> None:
    """Whoever writes the text last must have seen the last commit: else the text lacks what another run pushed."""
    if world.repository.commit_of(branch) != head:
        message = f"{branch} kept moving while its pull request was being written"
        raise LostRace(Problem("failed.git", message, "run again: the text does not cover the latest commit yet"))


def _word_gone(pull: PullRequest) -> Problem:
    message = f"the `hand-back` of #{pull.number} kept being withdrawn while it was being carried out"
    return Problem("failed.forge", message, "run again to plan from the current state")


def _held(pull: PullRequest) -> Problem:
    message = f"pull request #{pull.number} kept being put on hold while it was being finished"
    return Problem("failed.forge", message, "run again once the label is gone, to finish the rest")


def _ended(pull: PullRequest) -> Problem:
    message = f"pull request #{pull.number} kept being {pull.state} while it was being refreshed"
    return Problem("failed.forge", message, "run again to propose its branch again")


def _close(world: World, forge: Forge, opened: PullRequest, branch: Branch | None, why: Reason) -> PullRequest:
    """Mark it and say why, delete the branch if nobody pushed to it meanwhile, close it: the branch is the lock.

    A forge closes what has no branch. Whatever kills the run after that, the reason stands in the text already; the
    comment is for those who are notified.

    Raises:
        LostRace: somebody pushed, or ended it; the mark is taken back, so that a person's closing counts.
    """
    now = forge.read(opened.number)
    _insist_on_open(now)
    pull = forge.refresh(now.number, title=now.title, body=body.with_closing_mark(now.body, why))
    try:
        _insist_on_open(pull)
        if branch is not None:
            world.repository.delete(branch.name, expected=branch.head)
    except LostRace:
        now = forge.read(now.number)
        forge.refresh(now.number, title=now.title, body=body.without_closing_mark(now.body))
        raise
    return forge.close(pull.number, body=pull.body, comment=comment.closed(why))


def _insist_on_open(pull: PullRequest) -> None:
    if pull.state != "open":
        raise LostRace(_ended(pull))


def _forge(world: World) -> Forge:
    if world.forge is None:
        raise ForgeError(
            Problem(
                code="failed.auth",
                message="no token for this server: pull requests can be planned, but not opened",
                next="set GITHUB_TOKEN (contents: write, pull-requests: write), or set `propose: {as: commit}`",
            )
        )
    return world.forge
