"""Carry out what is planned, in an order that a crash at any instant cannot turn into a loss: only this writes.

Right before a group is written, what people may have done meanwhile is looked up once more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.world import silent
from gitops_bot.errors import ForgeError, GitError, LostRace, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import naming, people, reconcile
from gitops_bot.proposals.text import body
from gitops_bot.releases.decisions import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.config import Propose
    from gitops_bot.engine.context import Context, Planned
    from gitops_bot.engine.read import Snapshot
    from gitops_bot.engine.world import Forge, World
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.content import ProposalText
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import Deployment, PullRequest
    from gitops_bot.releases.history.releases import NewTag
    from gitops_bot.results.outcome import EnvironmentOutcome


def carry_out(world: World, planned: Planned, done: dict[str, Proposal]) -> tuple[EnvironmentOutcome, str | None]:
    """Carry out what is planned for an environment; gives the commit, too, where it went straight to the base branch.

    `done` remembers what became of the proposals that were through before a race was lost.

    Raises:
        LostRace: something moved meanwhile.
    """
    context, outcome = planned.decided.context, planned.outcome
    dry_run, displaces = context.request.dry_run, context.request.placement.displaces
    failed: list[Failed] = []
    commit = None

    def goes_first(proposal: Proposal) -> bool:
        """Whether it is another proposal in a rollback's run, which loses to it what is rolled back."""
        return displaces and not proposal.group.startswith(naming.ROLLBACK)

    # What is proposed elsewhere now is taken away last: a run that dies in between has lost nothing. What loses entries
    # to a rollback goes first: never do two proposals stand on one entry.
    proposals = sorted(
        outcome.proposals,
        key=lambda proposal: (
            not goes_first(proposal),
            bool(proposal.moved),
            isinstance(proposal.action, reconcile.Close),
        ),
    )
    in_the_way: list[Failed] = []
    progress = silent if dry_run or all(proposal.branch is None for proposal in proposals) else world.progress
    with progress("writing pull requests", len(proposals)) as advance:
        for before in proposals:
            # What moves elsewhere may not have come there, what is rolled back may be proposed elsewhere still.
            # What the token may not do for one group it may not for the next.
            refused = failed[-1:] if before.moved or (failed and failed[-1].problem.code == "failed.auth") else []
            refused = refused or ([] if goes_first(before) else in_the_way)
            proposal, failure = (before, None) if dry_run else _write(world, context, before, refused)
            if proposal.commit is not None and isinstance(proposal.action, reconcile.Commit):
                commit = proposal.commit
            if failure is not None:
                failed.append(failure)
                if goes_first(before):
                    in_the_way.append(failure)
            if proposal.action.name != "none" or proposal.group not in done:
                done[proposal.group] = proposal
            advance()
    written = (done[name] for name in sorted(done) if done[name].action.name != "none" or done[name].changes)
    decisions = (*outcome.decisions, *dict.fromkeys(failed))
    return replace(outcome, decisions=decisions, proposals=tuple(written)), commit


def _write(
    world: World, context: Context, proposal: Proposal, before: Sequence[Failed]
) -> tuple[Proposal, Failed | None]:
    """Write one proposal, unless what must be written `before` it failed."""
    if before:
        return unwritten(proposal, before[0].problem), before[0]
    snapshot, propose = context.snapshot, context.environment.propose
    try:
        with world.whole():
            return _carry_out(world, snapshot, recheck_pull_requests(world, snapshot, proposal, propose), propose)
    except LostRace:
        raise
    except (GitError, ForgeError) as error:
        return unwritten(proposal, error.problem), Failed(None, error.problem)


def recheck_pull_requests(world: World, snapshot: Snapshot, proposal: Proposal, propose: Propose) -> Proposal:
    """The proposal with its pull requests as they are at this moment; as it is where nothing would be written.

    A run may take minutes from what it read to what it writes. A hold, an approval or a closing that came in between
    is seen here by one request, so that it is too late only while the next one is on its way.

    Raises:
        LostRace: something is different, and has to be planned again.
        ForgeError: the forge refused or did not answer: then nothing is written.
    """
    if world.forge is None or proposal.branch is None or not _writes(proposal, propose):
        return proposal
    own = proposal.branch
    pulls = world.forge.find([own, *proposal.beside], snapshot.branch)
    now = pulls.get(own, ())
    if people.have_changed(proposal.pulls, now) or any(
        people.have_changed(before, pulls.get(branch, ()), beside=True) for branch, before in proposal.beside.items()
    ):
        message = f"the pull requests of {own} kept changing while it was about to be written"
        raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
    return replace(proposal, pulls=now, action=_about(proposal.action, {pull.number: pull for pull in now}))


def _writes(proposal: Proposal, propose: Propose) -> bool:
    match proposal.action:
        case reconcile.Open() | reconcile.Refresh() | reconcile.Close() | reconcile.Commit():
            return True
        case reconcile.Leave(pull_request=pull, comment=remark):
            return pull is not None and remark is not None
        case reconcile.Nothing(pull_request=pull):
            return pull is not None and asks_to_merge(pull, propose)
        case _:
            assert_never(proposal.action)


def _about(action: reconcile.Action, pulls: dict[int, PullRequest]) -> reconcile.Action:
    """The action on the pull request as it is now: nobody has changed anything that it was decided by."""
    match action:
        case reconcile.Open() | reconcile.Commit():
            return action
        case _ if action.pull_request is not None:
            return replace(action, pull_request=pulls[action.pull_request.number])
        case _:
            return action


def _carry_out(
    world: World, snapshot: Snapshot, proposal: Proposal, propose: Propose
) -> tuple[Proposal, Failed | None]:
    """Do it, and say what came of it. The branch comes first: a later run opens what is missing for it.

    Raises:
        LostRace: the branch moved meanwhile and nothing was written, or the pull request ended meanwhile.
        GitError, ForgeError: the remote refused, or there is no token for the forge.
    """
    content = proposal.text
    if (branch := proposal.branch) is None:
        return _commit(world, snapshot, proposal, content), None
    forge = _forge(world)
    head = proposal.remote.head if proposal.remote else None
    _begin(forge, proposal.action)
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
            case reconcile.Nothing(pull_request=opened) if (
                opened is not None and head is not None and asks_to_merge(opened, propose)
            ):
                # Where there is no auto-merge, the run that finds it ready merges it.
                pull = _when_ready(forge, opened, head, propose)
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


def _begin(forge: Forge, action: reconcile.Action) -> None:
    """What is written on the pull request before its branch.

    Raises:
        LostRace: the person took the label back that gives the branch to the bot: nothing may be written because of it.
    """
    match action:
        case reconcile.Refresh(takes_back=True, pull_request=pull):
            # Use up the word that gave the branch back, before the branch is written: it holds for this head only.
            if people.has_label(pull, people.HAND_BACK) and not forge.unlabel(pull.number, people.HAND_BACK):
                message = f"the `hand-back` of #{pull.number} kept being withdrawn while it was being carried out"
                raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
        case reconcile.Leave(pull_request=pull, comment=remark) if pull is not None and remark is not None:
            forge.comment(pull.number, remark.body, edits=remark.edits)


def unwritten(proposal: Proposal, problem: Problem) -> Proposal:
    """The proposal as it is where it could not be written."""
    return replace(proposal, action=reconcile.Nothing(proposal.pull_request, Reason(problem.code, problem.message)))


def _open(forge: Forge, branch: str, base: str, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    """Open it. What takes requests of its own comes before the text is finished: a run that dies is known by that."""
    follows_up = needs_follow_up(propose)
    text = body.without_plan_mark(content.body) if follows_up else content.body
    pull = forge.open(branch=branch, base=base, title=content.title, body=text, draft=propose.draft)
    return _finish(forge, pull, content, head, propose) if follows_up else pull


def _refresh(forge: Forge, opened: PullRequest, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    if body.plan_mark(opened.body) is None and needs_follow_up(propose):
        # A finished text says that all of it was done once: a label that a person took away stays away.
        return _finish(forge, opened, content, head, propose)
    return _merging(forge, opened, content, head, propose)


def needs_follow_up(propose: Propose) -> bool:
    """Whether a proposal of this environment takes more than a title and a text."""
    return _takes_requests(propose) or bool(propose.auto_merge)


def _finish(forge: Forge, pull: PullRequest, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    if propose.labels:
        forge.label(pull.number, propose.labels)
    if propose.assignees:
        forge.assign(pull.number, propose.assignees)
    if propose.reviewers:
        forge.ask_for_review(pull.number, propose.people, propose.teams)
    if _takes_requests(propose) and asks_to_merge(pull, propose):
        # All that took its time, and a merge is not taken back.
        pull = forge.read(pull.number)
        if people.is_held(pull):
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
    now = None
    if asks_to_merge(pull, propose):
        now = pull = _when_ready(forge, pull, head, propose)
    if now is None or not now.auto_merge:  # else that answer has told the text
        now = forge.read(pull.number)
    _insist_on_life(now, head)
    pull = forge.refresh(pull.number, title=content.title, body=body.replace_own_part(now.body, content.body))
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


def asks_to_merge(pull: PullRequest, propose: Propose) -> bool:
    """Whether it has still to be told to merge by itself: once, so that no person is overruled."""
    requested = pull.auto_merge or pull.queued or pull.merge_was_requested
    return bool(propose.auto_merge) and pull.state == "open" and not requested


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
    return forge.close(pull.number, body=pull.body, comment=body.closing_comment(why))


def _insist_on_open(pull: PullRequest) -> None:
    if pull.state != "open":
        raise LostRace(_ended(pull))


def _forge(world: World) -> Forge:
    if world.forge is None:
        raise ForgeError(
            Problem(
                code="failed.auth",
                message="no token for this server: pull requests can be planned, but not opened",
                next=f"set {world.token_variable} ({world.token_rights}), or set `propose: {{as: commit}}`",
            )
        )
    return world.forge
