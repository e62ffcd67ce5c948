"""Pull requests: open, edit, close, and update them after pushes, with GitHub's error messages.

`conversation.py` has comments, labels and reviews, `gate.py` the requirements of a merge, `landing.py` the merge.

The rules are in docs.github.com, "REST API endpoints for pull requests"; what that leaves open (error messages, the
effects of a push) was observed on github.com.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from gitops_bot.demo import activity
from gitops_bot.demo.hub import Pull
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from gitops_bot.demo.bare import Bare, CommitInfo
    from gitops_bot.demo.hub import Hub
    from gitops_bot.demo.rules import Protection

TITLE_LIMIT = 256
BODY_LIMIT = 65_536
#: The user of the `GITHUB_TOKEN` in GitHub Actions.
ACTIONS = "github-actions[bot]"


class PullRequests:
    """The pull requests of one repository: `hub` has the data, `bare` the commits."""

    def __init__(self, hub: Hub, bare: Bare, *, people: Collection[str], now: Callable[[], datetime]) -> None:
        self.hub, self.bare, self.people = hub, bare, people
        self._now = now

    def time(self) -> str:
        """The current time in GitHub's format."""
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def moment(self) -> datetime:
        """The current time."""
        return self._now()

    def sync(self) -> bool:
        """Update open pull requests after their branches changed, as GitHub does. Returns whether any changed."""
        branches, changed = self.bare.branches(), False
        activity.note(self.hub, branches, self._now())
        for pull in self.hub.pulls.values():
            head, base = branches.get(pull.head), branches.get(pull.base)
            if pull.state == "closed" or (head, base) == (pull.head_sha, pull.base_sha):
                continue
            changed, pull.updated_at = True, self.time()
            previous = pull.base_sha
            pull.base_sha = base or previous
            if head is not None and head != pull.head_sha:
                self._pushed(pull, head)
            if base not in (None, previous) and self.bare.contains(pull.base_sha, pull.head_sha):
                # Its commits were pushed to the base branch: GitHub shows it as merged.
                self.close(pull)
                pull.merged_at, pull.merge_commit_sha = pull.closed_at, pull.head_sha
            elif head is None or base is None:
                self.close(pull)
        return changed

    def _pushed(self, pull: Pull, head: str) -> None:
        """Update its head: it leaves the queue, and loses approvals if the base branch dismisses stale ones."""
        protection = self.protection(pull)
        dismisses = protection is not None and protection.dismiss_stale
        before = self.diff(pull) if dismisses else ""
        pull.head_sha = head
        self.bare.keep(pull.number, head)
        self.unqueue(pull)
        if dismisses and self.diff(pull) != before:
            for review in pull.reviews:
                review.state = "DISMISSED" if review.state == "APPROVED" else review.state

    def protection(self, pull: Pull) -> Protection | None:
        """The protection of its base branch."""
        return self.hub.protected.get(pull.base)

    def unqueue(self, pull: Pull) -> None:
        """Remove it from the merge queue, if it is in it."""
        self.hub.queue = [entry for entry in self.hub.queue if entry.number != pull.number]

    def get(self, number: int) -> Pull:
        """The pull request with this number."""
        try:
            return self.hub.pulls[number]
        except KeyError:
            raise Invalid(404, "Not Found") from None

    def list(self, *, state: str, head: str | None, base: str | None) -> list[Pull]:
        """The matching pull requests, newest first. Like GitHub, it ignores a `head` without an owner."""
        owner, colon, branch = (head or "").partition(":")
        return [
            pull
            for pull in sorted(self.hub.pulls.values(), key=lambda pull: -pull.number)
            if (state == "all" or pull.state == (state or "open"))
            and (not colon or (owner.lower() == self.hub.owner.lower() and pull.head == branch))
            and (not base or pull.base == base)
        ]

    def commits(self, pull: Pull) -> tuple[CommitInfo, ...]:
        """Its commits, oldest first; at most 250, as on GitHub."""
        return self.bare.commits(pull.base_sha, pull.head_sha)[:250]

    def diff(self, pull: Pull) -> str:
        """Its changes since the merge base, as a unified diff."""
        return self.bare.diff(self.fork(pull), pull.head_sha)

    def fork(self, pull: Pull) -> str:
        """The merge base of its branch and its base branch."""
        return self.bare.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha

    def create(self, *, user: str, title: str, body: str | None, head: str, base: str, draft: bool) -> Pull:
        """Open a pull request."""
        if user == ACTIONS and not self.hub.settings.actions_may_propose:
            raise Invalid(403, "GitHub Actions is not permitted to create or approve pull requests.")
        owner, colon, branch = head.rpartition(":")
        branches = self.bare.branches()
        if base not in branches:
            raise invalid("invalid", field="base")
        if branch not in branches or (colon and owner.lower() != self.hub.owner.lower()):
            raise invalid("invalid", field="head")
        self._check_text(title, body)
        if any(pull.head == branch and pull.base == base for pull in self.hub.pulls.values() if pull.state == "open"):
            message = f"A pull request already exists for {self.hub.owner}:{branch}."
            raise invalid("custom", message=message)
        if self.bare.contains(branches[base], branches[branch]):
            raise invalid("custom", message=f"No commits between {base} and {branch}")
        now = self.time()
        number = max(self.hub.pulls, default=0) + 1
        pull = Pull(
            number=number,
            id=self.hub.next_id(),
            title=title,
            body=body,
            user=user,
            head=branch,
            base=base,
            head_sha=branches[branch],
            base_sha=branches[base],
            created_at=now,
            updated_at=now,
            draft=draft,
        )
        self.hub.pulls[number] = pull
        self.bare.keep(number, pull.head_sha)
        return pull

    def edit(self, pull: Pull, *, title: str | None, body: str | None, state: str | None, base: str | None) -> None:
        """Change the given fields; `state` is `open` or `closed`."""
        self._check_text(pull.title if title is None else title, body)
        if base is not None and base != pull.base:
            if base not in self.bare.branches():
                raise invalid("invalid", field="base")
            pull.base, pull.base_sha, pull.auto_merge = base, self.bare.branches()[base], None
            self.unqueue(pull)
        if state is not None and state != pull.state:
            self._set_state(pull, state)
        pull.title = pull.title if title is None else title
        pull.body = pull.body if body is None else body
        pull.updated_at = self.time()

    def _set_state(self, pull: Pull, state: str) -> None:
        if state == "closed":
            self.close(pull)
            return
        head = self.bare.branches().get(pull.head)
        duplicates = [other for other in self.list(state="open", head=None, base=pull.base) if other.head == pull.head]
        if state != "open" or pull.merged_at is not None:
            raise self._unchangeable("The pull request cannot be reopened.")
        if head is None:
            raise self._unchangeable(f"The {pull.head} branch has been deleted.")
        if not self.bare.contains(head, pull.head_sha):
            raise self._unchangeable(f"The {pull.head} branch was force-pushed or recreated.")
        if duplicates:
            raise self._unchangeable(f"There is already an open pull request from {self.hub.owner}:{pull.head}.")
        pull.state, pull.closed_at, pull.head_sha = "open", None, head
        pull.base_sha = self.bare.branches().get(pull.base, pull.base_sha)
        self.bare.keep(pull.number, head)

    def _unchangeable(self, why: str) -> Invalid:
        return invalid("custom", field="state", message=f"state cannot be changed. {why}")

    def close(self, pull: Pull) -> None:
        """Close it; this ends auto-merge and removes it from the queue."""
        self.unqueue(pull)
        pull.state, pull.auto_merge = "closed", None
        pull.closed_at = pull.updated_at = self.time()

    def _check_text(self, title: str, body: str | None) -> None:
        if not title.strip():
            raise invalid("missing_field", field="title")
        if len(title) > TITLE_LIMIT:
            raise invalid("custom", "Issue", field="title", message="title is too long (maximum is 256 characters)")
        check_length(body or "", "Issue")


def check_length(body: str, resource: Literal["Issue", "IssueComment"]) -> None:
    """Refuse a body that is longer than GitHub allows."""
    if len(body) > BODY_LIMIT:
        message = f"body is too long (maximum is {BODY_LIMIT} characters)"
        raise invalid("custom", resource, field="body", message=message)
