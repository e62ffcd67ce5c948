"""Carry out what is planned, in an order that loses nothing if the run dies at any moment.

What people may have done meanwhile is looked up right before a group is written: for a branch that is pushed, when git
has read its refs and only has to send the commit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine.context import CarriedOut, Context, Planned
from gitops_bot.engine.facts import forge_of
from gitops_bot.engine.world import Forge, World, silent
from gitops_bot.errors import ForgeError, GitError, LostRace, Problem, bugs_as
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import people, reconcile
from gitops_bot.proposals.text import body
from gitops_bot.releases.decisions import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gitops_bot.config import Hold, Propose
    from gitops_bot.engine.read import Snapshot
    from gitops_bot.proposals.branch import Branch
    from gitops_bot.proposals.proposal import Proposal, ProposalText
    from gitops_bot.proposals.pull_request import PullRequest


def carry_out(world: World, planned: Planned, before: Mapping[str, Proposal]) -> CarriedOut:
    """Carry out what is planned for an environment; `before` is what came of its groups before a race was lost."""
    context, done = planned.context, dict(before)
    failed: list[Failed] = []
    in_the_way: list[Failed] = []

    def goes_first(proposal: Proposal) -> bool:
        """Whether it is another proposal in a rollback's run, which loses to it, or a rollback that gives way."""
        loses = context.request.rolls_back or isinstance(proposal.action, reconcile.Close)
        return loses and proposal.kind != context.request.what.kind

    # What is proposed elsewhere now is removed last: a run that dies in between has lost nothing. What loses entries to
    # a rollback goes first: no entry is ever in two open proposals.
    proposals = sorted(
        planned.proposals,
        key=lambda item: (not goes_first(item), bool(item.moved), isinstance(item.action, reconcile.Close)),
    )
    progress = silent if all(proposal.on is None for proposal in proposals) else world.progress
    with progress("writing pull requests", len(proposals)) as advance:
        for proposal in proposals:
            # After a failure, what moves may not have arrived, and what is rolled back may still be proposed elsewhere.
            # And what the token may not do for one group, it may not do for the next.
            refused = failed[-1:] if proposal.moved or (failed and failed[-1].problem.code == "failed.auth") else []
            failure = next(iter(refused or ([] if goes_first(proposal) else in_the_way)), None)
            if failure is not None:
                written = _give_up(proposal, failure.problem)
            else:
                try:
                    with bugs_as(GitError, proposal.branch or context.snapshot.branch), world.whole():
                        written, failure = _write(world, context, proposal)
                except LostRace as lost:
                    return CarriedOut(done, lost=lost)
                except (GitError, ForgeError) as error:
                    written, failure = _give_up(proposal, error.problem), Failed(None, error.problem)
            if failure is not None:
                failed.append(failure)
                if goes_first(proposal):
                    in_the_way.append(failure)
            if written.action.name != "none" or written.group not in done:
                done[written.group] = written
            advance()
    return CarriedOut(done, failed)


def _recheck(world: World, snapshot: Snapshot, proposal: Proposal, propose: Propose) -> Proposal:
    """The proposal with its pull requests as they are at this moment; as it is where nothing would be written.

    What people did since they were read, minutes ago, is seen here: it is too late only while a request is on its way.
    It raises a LostRace where something has to be planned again, and a ForgeError: then nothing is written.
    """
    if world.forge is None or proposal.on is None:
        return proposal
    match proposal.action:
        case reconcile.Open() | reconcile.Refresh() | reconcile.Close() | reconcile.Commit():
            writes = True
        case reconcile.Leave(pull_request=pull, comment=remark, frozen=frozen, pauses=pauses):
            writes = pull is not None and (remark is not None or frozen or pauses)
        case reconcile.Nothing(pull_request=pull):
            writes = pull is not None and asks_to_merge(pull, propose)
        case _:
            assert_never(proposal.action)
    if not writes:
        return proposal
    name = proposal.on.name
    pulls = world.forge.find([name, *proposal.beside], snapshot.branch)
    now = pulls.get(name, ())
    if people.have_changed(proposal.on.pulls, now) or any(
        people.have_changed(before, pulls.get(branch, ()), beside=True) for branch, before in proposal.beside.items()
    ):
        message = f"the pull requests of {name} kept changing while it was about to be written"
        raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
    action = proposal.action
    if not isinstance(action, reconcile.Open | reconcile.Commit) and action.pull_request is not None:
        # Nobody has changed anything that it was decided by.
        by_number = {pull.number: pull for pull in now}
        action = replace(action, pull_request=by_number[action.pull_request.number])
    return replace(proposal, on=replace(proposal.on, pulls=now), action=action)


def _write(world: World, context: Context, proposal: Proposal) -> tuple[Proposal, Failed | None]:
    """Do it, and give what came of it. The branch comes first: a later run opens what is missing for it.

    Raises:
        LostRace: the branch moved and nothing was written, or the pull request ended meanwhile, or could not be opened
            since a branch moved.
        GitError, ForgeError: the remote refused, or there is no token for the forge.
    """
    on, now, snapshot, propose = proposal.on, proposal, context.snapshot, context.environment.propose
    if on is None:
        return replace(proposal, commit=_push(world, context, proposal, snapshot.commit)), None
    if proposal.kind == "failure" or on.freeze is not None:
        propose = replace(propose, auto_merge=False)  # nobody asked for it, or it is frozen: people merge it

    def look() -> None:
        nonlocal now
        now = _recheck(world, snapshot, proposal, propose)

    forge, head = forge_of(world), on.remote.head if on.remote is not None else None
    commit = None
    if proposal.text is not None and isinstance(proposal.action, reconcile.Open | reconcile.Refresh):
        commit = head = _push(world, context, proposal, head, look)
    else:
        look()
    now = replace(now, commit=commit)
    action = now.action
    if isinstance(action, reconcile.Leave) and action.pull_request is not None and action.comment is not None:
        forge.comment(action.pull_request.number, action.comment, edits=action.edits)
    try:
        pull = _write_pull_request(world, forge, snapshot, now, head, propose)
    except ForgeError as error:
        may_be_late = isinstance(action, reconcile.Open) and error.problem.code != "failed.auth"
        branches = {on.name: head, snapshot.branch: snapshot.commit} if may_be_late else {}
        if any(world.repository.commit_of(name) != commit for name, commit in branches.items()):
            raise LostRace(error.problem) from None  # such as when another run opened and merged it
        return _give_up(now, error.problem), Failed(None, error.problem)
    has_text = pull is not None and pull.state == "open" and isinstance(action, reconcile.Open | reconcile.Refresh)
    # Whoever writes the text last must have seen the last commit: else the text lacks what another run pushed.
    if has_text and world.repository.commit_of(on.name) != head:
        message = f"{on.name} kept moving while its pull request was being written"
        raise LostRace(Problem("failed.git", message, "run again: the text does not cover the latest commit yet"))
    return replace(now, written=pull), None


def _push(
    world: World, context: Context, proposal: Proposal, expected: str | None, look: Callable[[], None] | None = None
) -> str | None:
    """Commit on top of the base, and move the branch there, or the base branch itself, unless it has all of it already.

    Raises:
        LostRace: the branch is not at `expected` any more, or what was on it is on a base that is not read yet.
        GitError: the remote refused.
    """
    content, snapshot, signer = proposal.text, context.snapshot, context.environment.signer
    if content is None:
        return None
    pulls = proposal.on.pulls if proposal.on is not None else ()
    merged = any(pull.state == "merged" and pull.head == expected for pull in pulls)
    # The pull request that was merged as the branch is may have been open when the base was read.
    is_open_again = isinstance(proposal.action, reconcile.Open) and merged
    if is_open_again and world.repository.commit_of(snapshot.branch) != snapshot.commit:
        message = f"{snapshot.branch} kept moving while a pull request was being prepared"
        raise LostRace(Problem("failed.git", message, "run again: what has been merged is no longer proposed"))
    if isinstance(proposal.action, reconcile.Open | reconcile.Refresh) and not proposal.action.push:
        if look is not None:
            look()
        return expected
    return world.repository.publish(
        proposal.branch or snapshot.branch,
        parent=snapshot.commit,
        files={path: after for path, (_, after) in proposal.files.items()},
        message=content.message,
        expected=expected,
        look=look,
        signed_by=forge_of(world).commit if signer == "api" else signer,
    )


def _write_pull_request(
    world: World, forge: Forge, snapshot: Snapshot, proposal: Proposal, head: str | None, propose: Propose
) -> PullRequest | None:
    """What becomes of the pull request of a branch, which is at `head` now; None where nothing is done about it."""
    content, freeze = proposal.text, proposal.on.freeze if proposal.on is not None else None
    match proposal.action:
        case reconcile.Open() if content is not None and head is not None:
            # What takes requests of its own follows: a run that dies is known by what the text says is lacking.
            text, branch = body.with_lacks(content.body, lacks := _asked_for(propose)), proposal.branch or ""
            pull = forge.open(branch=branch, base=snapshot.branch, title=content.title, body=text, draft=propose.draft)
            follows_up = lacks or propose.auto_merge
            return _follow_up(world, pull, content, head, propose, lacks) if follows_up else pull
        case reconcile.Refresh(pull_request=opened) if content is not None and head is not None:
            if people.has_label(opened, people.HAND_BACK):
                # It was for what was there before the push: whatever ends the run before this, the next one sees it.
                forge.unlabel(opened.number, people.HAND_BACK)
            if (state := body.pause_of(opened.body)) is not None and freeze is not None:
                content = content._replace(body=body.with_pause(content.body, state, freeze))
            elif state is not None:
                opened = _pause(forge, opened, None)
            # What is not lacking was done once: a label that a person took away stays away.
            lacks = _asked_for(propose) & body.lacks(opened.body)
            return _follow_up(world, opened, content, head, propose, lacks)
        case reconcile.Close(pull_request=opened, reason=reason):
            return _close(world, forge, opened, proposal.on.remote if proposal.on is not None else None, reason)
        case reconcile.Leave(pull_request=opened, frozen=frozen, pauses=pauses) if opened is not None:
            if frozen:
                opened = forge.merge_by_hand(opened.number)
            return _pause(forge, opened, freeze) if pauses else opened
        case reconcile.Nothing(pull_request=opened) if (
            opened is not None and head is not None and asks_to_merge(opened, propose)
        ):
            # Where there is no auto-merge, the run that finds it ready merges it.
            return _merge_when_ready(forge, opened, head, propose)
        case _:
            return None


def _give_up(proposal: Proposal, problem: Problem) -> Proposal:
    return replace(proposal, action=reconcile.Nothing(proposal.pull_request, Reason(problem.code, problem.message)))


def _asked_for(propose: Propose) -> frozenset[body.Lack]:
    """What a proposal of this environment takes besides a title, a text and a merge."""
    asked: dict[body.Lack, Sequence[str]] = {
        "labels": propose.labels,
        "assignees": propose.assignees,
        "reviewers": propose.reviewers,
    }
    return frozenset(what for what, names in asked.items() if names)


def _follow_up(
    world: World, pull: PullRequest, content: ProposalText, head: str, propose: Propose, lacks: Collection[body.Lack]
) -> PullRequest:
    """Do what the pull request lacks, then finish it. What may not be done stays lacking, for the next run."""
    forge, done = forge_of(world), dict[body.Lack, bool]()
    if "labels" in lacks:
        done["labels"] = forge.label(pull.number, propose.labels)
    if "assignees" in lacks:
        done["assignees"] = forge.assign(pull.number, propose.assignees)
    if "reviewers" in lacks:
        done["reviewers"] = forge.ask_for_review(pull.number, propose.people, propose.teams)
    if lacks and asks_to_merge(pull, propose):
        # All that took its time, and a merge is not taken back.
        pull = forge.read(pull.number)
        if people.is_held(pull):
            message = f"pull request #{pull.number} kept being put on hold while it was being finished"
            raise LostRace(Problem("failed.forge", message, "run again once the label is gone, to finish the rest"))
    text = body.with_lacks(content.body, [what for what, is_done in done.items() if not is_done])
    return _finish(world, pull, content._replace(body=text), head, propose)


def _pause(forge: Forge, pull: PullRequest, freeze: Hold | None) -> PullRequest:
    """Make a frozen pull request a draft that says so, or end that; what a person made of it stays.

    Before it is switched, its text says so: where a run dies in between, the next one knows who did that.
    """
    pull, begins = forge.read(pull.number), freeze is not None
    state = body.pause_of(pull.body)
    may_switch = state in ((None, "switching") if begins else ("draft", "switching"))
    if pull.state == "open" and may_switch and pull.draft is not begins:
        pull = forge.refresh(pull.number, title=pull.title, body=body.with_pause(pull.body, "switching", freeze))
        pull, state = forge.convert(pull.number, draft=begins), "switching"
    now = "draft" if pull.draft and state in ("draft", "switching") else "text"
    text = body.with_pause(pull.body, now, freeze) if begins else body.without_pause(pull.body)
    return forge.refresh(pull.number, title=pull.title, body=text)


def _finish(world: World, pull: PullRequest, content: ProposalText, head: str, propose: Propose) -> PullRequest:
    """Let it merge by itself, where that is wished and no person switched it off again; then finish the text.

    What people wrote around it stays; only what comes while this one request is on its way is lost.

    Raises:
        LostRace: it has ended meanwhile. It keeps or gets back the text that people decided on, and what was just
            pushed is proposed once more.
    """
    forge, now = forge_of(world), None
    if asks_to_merge(pull, propose):
        now = pull = _merge_when_ready(forge, pull, head, propose)
    if now is None or not now.auto_merge:  # else that answer has the present text
        now = forge.read(pull.number)
    _insist_on_life(now, head)
    # Where nothing was pushed, a text that only became older stays: it says of when it is.
    stays = pull.head == head and body.tells_the_same(now.body, content.body)
    text = now.body if stays else body.replace_own_part(now.body, content.body)
    pull = forge.refresh(pull.number, title=content.title, body=text)
    try:
        _insist_on_life(pull, head)
    except LostRace:
        if pull.state == "merged" or world.repository.commit_of(pull.branch) is not None:
            forge.refresh(pull.number, title=now.title, body=now.body)
        elif any(body.comment_mark(comment) == body.CLOSING for comment in forge.comments(pull.number)):
            # Another run has closed it, and its mark was overwritten just now. One that did not comment yet will look.
            gone = Reason("nothing_new", "nothing is left to propose: its branch is gone")
            forge.refresh(pull.number, title=now.title, body=body.with_closing_mark(now.body, gone))
        raise
    return pull


def asks_to_merge(pull: PullRequest, propose: Propose) -> bool:
    """Whether auto-merge is still to be requested: only once, so that no person is overruled."""
    requested = pull.auto_merge or pull.queued or pull.merge_was_requested
    return bool(propose.auto_merge) and pull.state == "open" and not requested


def _merge_when_ready(forge: Forge, pull: PullRequest, head: str, propose: Propose) -> PullRequest:
    unchecked = propose.auto_merge == "without-checks"
    return forge.merge_when_ready(pull.number, head=head, method=propose.merge_method, without_checks=unchecked)


def _close(world: World, forge: Forge, opened: PullRequest, branch: Branch | None, why: Reason) -> PullRequest:
    """Say why, mark it, delete the branch if nobody pushed to it meanwhile, close it: the branch is the lock.

    The answer to the mark shows what has come since `opened` was looked up. A forge closes what has no branch: whatever
    kills the run then, the reason is in the text, and those who are notified were told. Another run may be closing it,
    too: whoever finds the branch gone goes on, and looks in the end whether the mark is still there.

    Raises:
        LostRace: somebody pushed, held it, changed its base or ended it: all that is taken back, and theirs counts.
    """
    comment = body.closing_comment(why)
    # A run that died, or may not delete the branch, has said it before.
    is_said = any(known.body.strip() == comment for known in opened.comments)
    said = None if is_said else forge.comment(opened.number, comment)
    pull = forge.refresh(opened.number, title=opened.title, body=body.with_closing_mark(opened.body, why))
    try:
        if pull.state != "closed" or world.repository.commit_of(pull.branch) is not None:
            _insist_on_life(pull, before=opened)
            if branch is not None:
                world.repository.delete(branch.name, expected=branch.head)
        if (now := forge.read(opened.number)).state != "closed":
            _insist_on_life(now)
    except LostRace:
        now = forge.read(opened.number)
        forge.refresh(now.number, title=now.title, body=body.without_closing_mark(now.body))
        if said is not None:
            forge.take_back(said)
        raise
    text = now.body if body.is_closed_by_bot(now.body) else body.with_closing_mark(now.body, why)
    return forge.close(now.number, body=body.without_pause(text))


def _insist_on_life(pull: PullRequest, head: str | None = None, *, before: PullRequest | None = None) -> None:
    """Raises a LostRace unless it is open, not held since `before` nor on another base, or merged at `head`."""
    if before is not None and pull.state == "open" and (people.is_held(pull) or pull.base != before.base):
        message = f"pull request #{pull.number} kept being changed while it was being closed"
        raise LostRace(Problem("failed.forge", message, "run again to plan from the current state"))
    if pull.state == "closed" or (pull.state == "merged" and pull.head != head):
        message = f"pull request #{pull.number} kept being {pull.state} while it was being refreshed"
        raise LostRace(Problem("failed.forge", message, "run again to propose its branch again"))
