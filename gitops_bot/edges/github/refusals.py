"""GitHub's words where a proposal cannot be reviewed or merged as the configuration asks, and the way out.

The texts are GitHub's own, as its answers have them (docs.github.com shows few of them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A part of GitHub's message (lower case) -> the way out. The first that fits counts.
_REVIEW: Mapping[str, str] = {
    "pull request author": (
        "whoever opens a pull request cannot review it: remove the bot's own account from `reviewers:`"
    ),
    "could not resolve to a node": (
        "the token cannot see this team: write its slug, make the team visible, give it access to the repository, and "
        "use a token that may read the organisation's members (the GITHUB_TOKEN of a workflow cannot request reviews "
        "from teams)"
    ),
    "not a collaborator": (
        "give these people and teams access to the repository themselves, or correct `reviewers:`; a team is written "
        "as `team:SLUG`, and the GITHUB_TOKEN of a workflow cannot request reviews from teams"
    ),
}

#: What `enablePullRequestAutoMerge` says where nothing keeps the pull request from merging now.
_READY = ("clean status", "unstable status", "has_hooks status", "protected branch rules not configured")

_MERGE: Mapping[str, str] = {
    "merge queue": (
        "the base branch uses a merge queue: allow auto-merge in Settings > General, then the bot queues it once it "
        "is ready"
    ),
    "auto merge is not allowed": (
        "allow it in Settings > General > Pull Requests > Allow auto-merge; until then the run that finds it ready "
        "merges it"
    ),
    "head sha": "somebody has pushed since: the next run tries again",
    "head branch was modified": "somebody has pushed since: the next run tries again",
    "base branch was modified": "the base branch has moved since: the next run tries again",
    "approving review": "it waits for a review: approve it, and the next run merges it",
    "review is required": "it waits for a review: approve it, and the next run merges it",
    "status check": "it waits for the required checks: the run that finds them passed merges it",
    "required workflow": "it waits for the required workflow: the run that finds it passed merges it",
    "signature": "the base branch requires signed commits: merge by `squash`, or let the bot bypass that rule",
    "linear history": "the base branch requires a linear history: set `merge_method: squash` or `rebase`",
    "merge commits are not allowed": "set a `merge_method:` that the repository allows",
    "merges are not allowed": "set a `merge_method:` that the repository allows",
    "not accessible by integration": (
        "give the job or the App `contents: write` and `pull-requests: write`; merging needs both"
    ),
    "not accessible by personal access token": (
        "give the token `Contents` and `Pull requests` with read and write access; merging needs both"
    ),
    "correct permissions": "give the token's account write access: merging needs `contents: write` as well",
    "not authorized": "allow the token's account to push to the base branch in the branch's rules",
    "draft": "a draft does not merge: mark it ready for review",
    "not mergeable": "check the pull request: a conflict, a check or a review blocks it",
}


def review(said: str, *, teams: bool) -> str | None:
    """The way out where GitHub does not take a request for review; None for words that are not known."""
    words = said.lower()
    if not teams and "could not resolve to a node" in words:
        return None
    return next((way_out for part, way_out in _REVIEW.items() if part in words), None)


def is_ready(said: str) -> bool:
    """Whether auto-merge was refused because the pull request can be merged now."""
    return any(part in said.lower() for part in _READY)


def merge(said: str) -> str:
    """The way out where GitHub does not merge, or not by itself."""
    words = said.lower()
    known = next((way_out for part, way_out in _MERGE.items() if part in words), None)
    return known or "check the pull request and the rules of its base branch; the next run tries again"
