"""Merges: by hand, by auto-merge and by the merge queue."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitops_bot.demo import merging, signing
from gitops_bot.demo.bare import Moved, Person
from gitops_bot.demo.gate import standing
from gitops_bot.demo.hub import AutoMerge, Queued
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests
    from gitops_bot.demo.rules import Method

_QUEUE = "github-merge-queue[bot]"
_MODIFIED = "Head branch was modified. Review and try the merge again."
_NOT_ALLOWED: dict[Method, str] = {
    "merge": "Merge commits are not allowed on this repository.",
    "squash": "Squash merges are not allowed on this repository.",
    "rebase": "Rebase merges are not allowed on this repository.",
}


def _person(login: str) -> Person:
    return Person(login, f"{login}@users.noreply.github.com")


def merge(pulls: PullRequests, pull: Pull, how: AutoMerge, *, expected: str | None) -> str:
    """Merge by hand if all requirements are met; returns the merge commit."""
    status, protection = standing(pulls, pull), pulls.protection(pull)
    if pull.state == "closed" or pull.draft:
        raise Invalid(405, "Pull Request is still a draft" if pull.state == "open" else status.why)
    if expected is not None and expected != pull.head_sha:
        raise Invalid(409, _MODIFIED)
    if not pulls.hub.settings.allows(how.method):
        raise Invalid(405, _NOT_ALLOWED[how.method])
    if protection is not None and protection.merge_queue is not None:
        why = "Changes must be made through the merge queue"
        raise Invalid(405, f"Repository rule violations found\n\n{why}\n\n" if protection.by_ruleset else why)
    if not status.ready:
        raise Invalid(405, status.why)
    if protection is not None and protection.signatures and how.method != "squash":
        # A squashed commit is GitHub's own, which it signs.
        commits = pulls.bare.commits(pull.base_sha, pull.head_sha)
        if how.method == "rebase" or not all(signing.is_verified(pulls.bare, commit.id) for commit in commits):
            raise Invalid(405, "Repository rule violations found\n\nCommits must have verified signatures.\n\n")
    return _land(pulls, pull, how)


def _land(pulls: PullRequests, pull: Pull, how: AutoMerge) -> str:
    message, author, person = _message(pulls, pull, how), _person(pull.user), _person(how.user)
    try:
        commit = merging.merge(
            pulls.bare, pull.base_sha, pull.head_sha, how.method, message, author=author, by=person, at=pulls.moment()
        )
        pulls.bare.move(pull.base, commit, expected=pull.base_sha)
    except merging.Conflict:
        raise Invalid(405, "Pull Request is not mergeable") from None
    except Moved:
        raise Invalid(405, "Base branch was modified. Review and try the merge again.") from None
    pulls.close(pull)
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = pull.closed_at, how.user, commit
    if pulls.hub.settings.delete_branch_on_merge and pull.head != pulls.bare.default_branch():
        with suppress(Moved):  # there was a push in between: unmerged commits are not deleted
            pulls.bare.delete(pull.head, expected=pull.head_sha)
    return commit


def _message(pulls: PullRequests, pull: Pull, how: AutoMerge) -> str:
    """The commit message; GitHub's defaults for what is not given."""
    commits = pulls.bare.commits(pull.base_sha, pull.head_sha)
    if how.method == "merge":
        head, rest = f"Merge pull request #{pull.number} from {pulls.hub.owner}/{pull.head}", pull.title
    elif len(commits) == 1:
        first, _, rest = commits[0].message.partition("\n")
        head, rest = f"{first} (#{pull.number})", rest.strip("\n")
    else:
        head, rest = f"{pull.title} (#{pull.number})", "\n\n".join(f"* {commit.message}" for commit in commits)
    head, rest = how.title or head, rest if how.message is None else how.message
    return f"{head}\n\n{rest}\n" if rest else f"{head}\n"


def enable_auto_merge(pulls: PullRequests, pull: Pull, how: AutoMerge, *, expected: str | None) -> None:
    """Enable auto-merge; GitHub refuses this if the pull request can already be merged."""
    protection, status = pulls.protection(pull), standing(pulls, pull)
    if pull.state == "closed" or pulls.hub.queued(pull) is not None:
        raise Invalid(422, "Pull request Can't enable auto-merge for this pull request.")
    if not pulls.hub.settings.allow_auto_merge:
        raise Invalid(422, "Pull request Auto merge is not allowed for this repository")
    if protection is None:
        raise Invalid(422, "Pull request Protected branch rules not configured for this branch")
    if expected is not None and expected != pull.head_sha:
        raise Invalid(422, _MODIFIED)
    if protection.merge_queue is None:
        if not pulls.hub.settings.allows(how.method):
            raise Invalid(422, _NOT_ALLOWED[how.method])
        if status.state not in ("BLOCKED", "BEHIND"):
            raise Invalid(422, f"Pull request Pull request is in {status.state.lower()} status")
    pull.auto_merge, pull.updated_at = how, pulls.time()
    pull.auto_merges.append(("AutoMergeEnabledEvent", how.at, how.user))
    settle(pulls)


def disable_auto_merge(pulls: PullRequests, pull: Pull, user: str) -> None:
    """Disable auto-merge."""
    if pull.auto_merge is None:
        raise Invalid(422, "Pull request Can't disable auto-merge for this pull request.")
    pull.auto_merge, pull.updated_at = None, pulls.time()
    pull.auto_merges.append(("AutoMergeDisabledEvent", pull.updated_at, user))


def convert(pulls: PullRequests, pull: Pull, *, draft: bool) -> None:
    """Make it a draft, or ready for review."""
    if pull.state == "closed":
        raise Invalid(422, "Pull request is closed")
    pull.draft, pull.updated_at = draft, pulls.time()
    settle(pulls)


def enqueue(pulls: PullRequests, pull: Pull, *, user: str, expected: str | None) -> Queued:
    """Add a pull request to the merge queue of its base branch; it must be ready."""
    protection, status = pulls.protection(pull), standing(pulls, pull)
    if pull.state == "closed":
        raise Invalid(422, "Pull request is closed")
    if protection is None or protection.merge_queue is None:
        raise Invalid(422, "Pull request The merge queue is not enabled for this branch")
    if pulls.hub.queued(pull) is not None:
        raise Invalid(422, "Pull request is already in the queue")
    if expected is not None and expected != pull.head_sha:
        raise Invalid(422, _MODIFIED)
    if not status.ready:
        raise Invalid(422, f"Pull request {status.why}")
    entry = Queued(pulls.hub.next_id(), pull.number, user, pulls.time())
    pulls.hub.queue.append(entry)
    pull.queued_at.append(entry.at)
    pull.auto_merge, pull.updated_at = None, pulls.time()
    return entry


def dequeue(pulls: PullRequests, pull: Pull) -> Queued:
    """Remove a pull request from the merge queue."""
    entry = pulls.hub.queued(pull)
    if entry is None:
        raise Invalid(422, "Pull request is not in the queue")
    pulls.unqueue(pull)
    pull.updated_at = pulls.time()
    return entry


def settle(pulls: PullRequests) -> bool:
    """Do what GitHub does by itself: update pull requests after pushes, and auto-merge. Returns whether any changed."""
    changed = pulls.sync()
    for pull in sorted(pulls.hub.pulls.values(), key=lambda pull: pull.number):
        how, protection = pull.auto_merge, pulls.protection(pull)
        if pull.state == "closed" or how is None or not standing(pulls, pull).ready:
            continue
        changed = True
        if protection is not None and protection.merge_queue is not None:
            enqueue(pulls, pull, user=how.user, expected=None)
        else:
            _try(pulls, pull, how)
    return changed


def _try(pulls: PullRequests, pull: Pull, how: AutoMerge) -> bool:
    """Merge, unless there was a push in between; then the next call does."""
    try:
        _land(pulls, pull, how)
    except Invalid:
        return False
    pulls.sync()
    return True


def advance(pulls: PullRequests) -> tuple[int, ...]:
    """Process the merge queues: merge what is ready, in order, and return the numbers of the merged pull requests.

    The checks of a pull request stand in for those of its merge group. A pull request that failed or conflicts leaves
    the queue; one with running checks holds up those behind it.
    """
    settle(pulls)
    merged, waiting = [], set()
    for entry in tuple(pulls.hub.queue):
        pull = pulls.get(entry.number)
        protection, status = pulls.protection(pull), standing(pulls, pull)
        if protection is None or protection.merge_queue is None or status.failed or status.state in ("DIRTY", "DRAFT"):
            pulls.unqueue(pull)
        elif pull.base in waiting or not status.ready:
            waiting.add(pull.base)
        elif _try(pulls, pull, AutoMerge(_QUEUE, entry.at, protection.merge_queue)):
            merged.append(pull.number)
    return tuple(merged)
