"""What commands need from the forge, where there is one: a Protocol that an edge fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.errors import Problem
    from gitops_bot.proposals.deployment import Deployed, Deployment
    from gitops_bot.proposals.pull_request import HandBackTimes, Merge, PullRequest, RateLimit


class Forge(Protocol):
    """Where pull requests live."""

    def disconnect(self) -> None:
        """Close every connection."""
        ...

    def find(
        self, branches: Sequence[str], base: str, *, closed: str | None = None
    ) -> dict[str, tuple[PullRequest, ...]]:
        """Pull requests from each of these branches into `base`: open ones first, then the newest closed ones.

        `closed`: also from every other branch that begins so, of those that were closed unmerged, the newest.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        ...

    def left(self) -> RateLimit | None:
        """How many requests the rate limit has left; None where the forge has no limit."""
        ...

    def commits_between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the newest commits from one revision of a source repository to another, oldest first.

        None where the source is elsewhere or the token cannot read it: this is for readers, and never an error.
        """
        ...

    def commits_ahead(self, source: str, old: str, new: str) -> int | None:
        """How many commits one revision has that the older one lacks; None where `commits_between` has none."""
        ...

    def merges(self, base: str, commits: Sequence[str]) -> dict[str, Merge]:
        """The pull requests that made these commits of a base branch, as far as they are among the newest thousand.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        ...

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        """Open a pull request, or find and refresh the one that is open for the branch already."""
        ...

    def read(self, number: int) -> PullRequest:
        """A pull request as it is at this moment; of reviews, queues, checks and comments what was known before.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        ...

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        """Give a pull request a new title and body; writes only what differs."""
        ...

    def hand_back_times(self, number: int, branch: str, label: str) -> HandBackTimes:
        """When that label was put on last, the text changed, and the branch pushed, by the forge's own clock."""
        ...

    def label(self, number: int, labels: Sequence[str]) -> None:
        """Add the labels that are missing. Where that is not allowed, people are told and the proposal goes on."""
        ...

    def unlabel(self, number: int, label: str) -> bool:
        """Take a label away, and say whether it was there.

        Raises:
            ForgeError: that is not allowed, or the forge did not answer.
        """
        ...

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        """Request reviews of people (logins) and teams (slugs). What is not possible is told, as with labels."""
        ...

    def assign(self, number: int, people: Sequence[str]) -> None:
        """Assign people. What is not possible is told, as with labels."""
        ...

    def comment(self, number: int, body: str, *, edits: int | None = None) -> None:
        """Comment on a pull request, or give the comment with the id `edits` this text."""
        ...

    def merge_when_ready(
        self, number: int, *, head: str, method: MergeMethod | None, without_checks: bool
    ) -> PullRequest:
        """Let an open pull request merge by itself, by whatever way its base branch has: auto-merge, queue, at once.

        Only at `head`, and only where the base branch asks for checks, unless `without_checks`. `method` None is the
        repository's own default. What is not possible is told, as with labels. The pull request is as it is then:
        merged, queued, set to auto-merge, or as it was. Of one that is set to auto-merge by this, title and text are
        those of that moment.
        """
        ...

    def close(self, number: int, *, body: str, comment: str) -> PullRequest:
        """Put the closing mark into the body, say why in a comment, then close."""
        ...

    def deployments(self, environments: Sequence[str]) -> Mapping[str, tuple[Deployed, ...]]:
        """The newest deployments of each of these environments, the newest first: a bounded number.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        ...

    def deploy(self, deployment: Deployment) -> Problem | None:
        """Record a deployment with its artifacts, unless that was done; gives why an artifact could not be recorded.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        ...
