"""Carry out the action on a proposal, in an order that a crash at any instant cannot turn into a loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.errors import ForgeError, LostRace, Problem
from gitops_bot.proposals import body, reconcile
from gitops_bot.releases.plan import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.journeys.world import Forge, World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.outcome import Proposed
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest


def carry_out(
    world: World,
    action: reconcile.Action,
    proposed: Proposed,
    written: Proposal | None,
    branch: Branch | None,
    labels: Sequence[str],
) -> tuple[Proposed, Failed | None]:
    """Do it, and say what came of it. The branch comes first: a later run opens what is missing for it.

    Raises:
        LostRace: the branch moved meanwhile and nothing was written, or the pull request ended meanwhile.
        GitError: the remote refused.
    """
    forge = _forge(world)
    head = branch.head if branch else None
    if written is not None and isinstance(action, reconcile.Open | reconcile.Refresh):
        if action.push:
            head = world.repository.publish(
                written.branch, parent=written.parent, files=written.files, message=written.message, expected=head
            )
        proposed = replace(proposed, commit=head)
    try:
        match action:
            case reconcile.Open() if written is not None:
                pull = _open(forge, written, labels)
                _insist_on_head(world, written.branch, head)
                return replace(proposed, pull_request=pull), None
            case reconcile.Refresh(pull_request=found) if written is not None:
                text = body.within(found.body, written.body)
                # A finished text says that the labels were added once: one that a person took away stays away.
                missing = labels if body.plan_mark(found.body) is None else ()
                pull = forge.refresh(found.number, title=written.title, body=text, labels=missing)
                if pull.state != "open":
                    # Merged or closed since it was found: it gets the text back that people decided on, and what was
                    # just pushed is proposed anew.
                    forge.refresh(found.number, title=found.title, body=found.body, labels=())
                    raise LostRace(_ended(pull))
                _insist_on_head(world, written.branch, head)
                return replace(proposed, pull_request=pull), None
            case reconcile.Close(pull_request=pull, reason=reason):
                pull = _close(world, forge, pull, branch, reason.text)
                return replace(proposed, pull_request=pull), None
            case _:
                return proposed, None
    except ForgeError as error:
        return proposed, Failed(None, error.problem)


def _insist_on_head(world: World, branch: str, head: str | None) -> None:
    """Whoever writes the text last must have seen the last commit: else the text lacks what another run pushed."""
    if world.repository.commit_of(branch) != head:
        message = f"{branch} moved on while its pull request was written, again and again"
        raise LostRace(Problem("failed.git", message, "run again: what is on the branch is in no text yet"))


def _ended(pull: PullRequest) -> Problem:
    message = f"pull request #{pull.number} was {pull.state} while it was refreshed, again and again"
    return Problem("failed.forge", message, "run again: what is on its branch is proposed anew")


def _open(forge: Forge, written: Proposal, labels: Sequence[str]) -> PullRequest:
    """Open it; with labels, which take a request of their own, the text is finished only after they are there."""
    text = body.unfinished(written.body) if labels else written.body
    pull = forge.open(branch=written.branch, base=written.base, title=written.title, body=text, labels=labels)
    return forge.refresh(pull.number, title=written.title, body=written.body, labels=()) if labels else pull


def _close(world: World, forge: Forge, pull: PullRequest, branch: Branch | None, why: str) -> PullRequest:
    """Mark it, delete the branch if nobody pushed to it meanwhile, close it: the branch is the lock.

    Raises:
        LostRace: somebody pushed; the mark is taken back.
    """
    marked = body.with_closing_mark(pull.body)
    forge.refresh(pull.number, title=pull.title, body=marked, labels=())
    if branch is not None:
        try:
            world.repository.delete(branch.name, expected=branch.head)
        except LostRace:
            forge.refresh(pull.number, title=pull.title, body=pull.body, labels=())
            raise
    return forge.close(pull.number, body=marked, comment=why)


def _forge(world: World) -> Forge:
    if world.forge is None:
        raise ForgeError(
            Problem(
                code="failed.auth",
                message="no token for this server: pull requests can be planned, but not opened",
                next="set GITHUB_TOKEN (contents: write, pull-requests: write), or say `propose: {as: commit}`",
            )
        )
    return world.forge
