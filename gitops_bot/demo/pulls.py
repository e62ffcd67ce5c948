"""The rules of pull requests, with GitHub's words for what it refuses.

Where the rules stand: docs.github.com, "REST API endpoints for pull requests"; what the documentation leaves open
(the texts of refusals, what a push does to a pull request) is as github.com does it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from gitops_bot.demo import merging
from gitops_bot.demo.bare import Moved, Person
from gitops_bot.demo.hub import Comment, Pull, Review

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gitops_bot.demo.bare import Bare, CommitInfo, FileDiff
    from gitops_bot.demo.hub import Hub, ReviewState
    from gitops_bot.demo.merging import Method

TITLE_LIMIT = 256
BODY_LIMIT = 65_536

_EVENTS: dict[str, ReviewState] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
    "": "PENDING",
}


class Invalid(Exception):  # noqa: N818 - GitHub's refusals are answers, not faults
    """GitHub refuses: an HTTP status, its message, and what it lists under `errors`."""

    def __init__(self, status: int, message: str, errors: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, tuple(errors)


def _person(login: str) -> Person:
    return Person(login, f"{login}@users.noreply.github.com")


def invalid(code: str, resource: str = "PullRequest", **more: str) -> Invalid:
    """Make the usual 422 with one error in it."""
    return Invalid(422, "Validation Failed", [{"resource": resource, "code": code, **more}])


class PullRequests:
    """The pull requests of one repository: `hub` has their data, `bare` the commits."""

    def __init__(self, hub: Hub, bare: Bare, *, people: Collection[str], now: Callable[[], datetime]) -> None:
        self.hub, self.bare, self.people = hub, bare, people
        self._now = now

    def time(self) -> str:
        """The present time as GitHub writes it."""
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def sync(self) -> bool:
        """Let open pull requests follow their branches, as GitHub does when one is pushed or deleted; was there any?"""
        branches, changed = self.bare.branches(), False
        for pull in self.hub.pulls.values():
            head, base = branches.get(pull.head), branches.get(pull.base)
            if pull.state == "closed" or (head, base) == (pull.head_sha, pull.base_sha):
                continue
            changed, pull.updated_at = True, self.time()
            if head is None or base is None:
                self._close(pull)
                continue
            pull.head_sha, was, pull.base_sha = head, pull.base_sha, base
            if base != was and self.bare.contains(base, head):
                # Its commits came to the base branch by a push: GitHub shows it as merged.
                self._close(pull)
                pull.merged_at, pull.merge_commit_sha = pull.closed_at, head
        return changed

    def get(self, number: int) -> Pull:
        """One pull request."""
        try:
            return self.hub.pulls[number]
        except KeyError:
            raise Invalid(404, "Not Found") from None

    def list(self, *, state: str, head: str | None, base: str | None) -> list[Pull]:
        """Every pull request that fits, newest first; a `head` without an owner is ignored, as GitHub ignores it."""
        owner, colon, branch = (head or "").partition(":")
        return [
            pull
            for pull in sorted(self.hub.pulls.values(), key=lambda pull: -pull.number)
            if (state == "all" or pull.state == (state or "open"))
            and (not colon or (owner.lower() == self.hub.owner.lower() and pull.head == branch))
            and (not base or pull.base == base)
        ]

    def commits(self, pull: Pull) -> tuple[CommitInfo, ...]:
        """Its commits, oldest first, at most 250 as on GitHub."""
        return self.bare.commits(pull.base_sha, pull.head_sha)[:250]

    def files(self, pull: Pull) -> tuple[FileDiff, ...]:
        """What it changes since it left the base branch."""
        return self.bare.files(self._fork(pull), pull.head_sha)

    def diff(self, pull: Pull) -> str:
        """The same as one unified diff."""
        return self.bare.diff(self._fork(pull), pull.head_sha)

    def _fork(self, pull: Pull) -> str:
        return self.bare.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha

    def create(self, *, user: str, title: str, body: str | None, head: str, base: str, draft: bool) -> Pull:
        """Open a pull request for a branch of this repository."""
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
        return pull

    def edit(self, pull: Pull, *, title: str | None, body: str | None, state: str | None, base: str | None) -> None:
        """Change what is given; `state` is `open` or `closed`."""
        self._check_text(pull.title if title is None else title, body)
        if base is not None and base != pull.base:
            if base not in self.bare.branches():
                raise invalid("invalid", field="base")
            pull.base, pull.base_sha = base, self.bare.branches()[base]
        if state is not None and state != pull.state:
            self._set_state(pull, state)
        pull.title = pull.title if title is None else title
        pull.body = pull.body if body is None else body
        pull.updated_at = self.time()

    def merge(
        self, pull: Pull, *, user: str, method: Method, title: str | None, message: str | None, expected: str | None
    ) -> str:
        """Merge into the base branch of the bare repository, and give back the commit that this made."""
        if pull.state == "closed":
            raise Invalid(405, "Pull Request is not mergeable")
        if pull.draft:
            raise Invalid(405, "Pull Request is still a draft")
        if expected is not None and expected != pull.head_sha:
            raise Invalid(409, "Head branch was modified. Review and try the merge again.")
        text = self._message(pull, method, title, message)
        try:
            made = merging.merge(
                self.bare,
                pull.base_sha,
                pull.head_sha,
                method,
                text,
                author=_person(pull.user),
                by=_person(user),
                at=self._now(),
            )
            self.bare.move(pull.base, made, expected=pull.base_sha)
        except merging.Conflict:
            raise Invalid(405, "Pull Request is not mergeable") from None
        except Moved:
            raise Invalid(405, "Base branch was modified. Review and try the merge again.") from None
        self._close(pull)
        pull.merged_at, pull.merged_by, pull.merge_commit_sha = pull.closed_at, user, made
        return made

    def _message(self, pull: Pull, method: Method, title: str | None, message: str | None) -> str:
        """The message of the merge: GitHub's default for what is not given."""
        commits = self.bare.commits(pull.base_sha, pull.head_sha)
        if method == "merge":
            head, rest = f"Merge pull request #{pull.number} from {self.hub.owner}/{pull.head}", pull.title
        elif len(commits) == 1:
            first, _, rest = commits[0].message.partition("\n")
            head, rest = f"{first} (#{pull.number})", rest.strip("\n")
        else:
            head, rest = f"{pull.title} (#{pull.number})", "\n\n".join(f"* {each.message}" for each in commits)
        rest = rest if message is None else message
        return f"{title or head}\n\n{rest}\n" if rest else f"{title or head}\n"

    def label(self, pull: Pull, names: Sequence[str]) -> None:
        """Give it exactly these labels; one that the repository does not have is made."""
        for name in names:
            if not name.strip() or len(name) > 50:
                raise invalid("invalid", "Label", field="name")
            if name not in self.hub.labels:
                self.hub.labels[name] = self.hub.next_id()
        pull.labels = list(dict.fromkeys(names))
        pull.updated_at = self.time()

    def comment(self, pull: Pull, *, user: str, body: str) -> Comment:
        """Add to the conversation."""
        if not body.strip():
            raise invalid("missing_field", "IssueComment", field="body")
        self._check_length(body, "IssueComment")
        now = self.time()
        made = Comment(self.hub.next_id(), user, body, now, now)
        pull.comments.append(made)
        pull.updated_at = now
        return made

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Give a comment another text."""
        self._check_length(body, "IssueComment")
        comment.body, comment.updated_at = body, self.time()

    def ask(self, pull: Pull, reviewers: Sequence[str], teams: Sequence[str]) -> None:
        """Ask people for a review; teams do not exist here."""
        if pull.user in reviewers:
            raise Invalid(422, "Review cannot be requested from pull request author.")
        if teams or not set(reviewers) <= set(self.people):
            who = "One or more of the users or teams you specified is not a collaborator"
            raise Invalid(
                422, f"Reviews may only be requested from collaborators. {who} of the {self.hub.full_name} repository."
            )
        pull.reviewers = list(dict.fromkeys([*pull.reviewers, *reviewers]))
        pull.updated_at = self.time()

    def review(self, pull: Pull, *, user: str, event: str, body: str, commit: str | None) -> Review:
        """Approve, ask for changes, or comment."""
        if event not in _EVENTS:
            raise Invalid(422, "Unprocessable Entity", [f"Variable $event has the invalid value {event[:40]}"])
        if user == pull.user and event in ("APPROVE", "REQUEST_CHANGES"):
            verb = "approve" if event == "APPROVE" else "request changes on"
            raise Invalid(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
        if event in ("REQUEST_CHANGES", "COMMENT") and not body.strip():
            raise Invalid(422, "Unprocessable Entity", [f"Review body is required for {event}"])
        made = Review(self.hub.next_id(), user, _EVENTS[event], body, commit or pull.head_sha, self.time())
        pull.reviews.append(made)
        pull.reviewers = [each for each in pull.reviewers if each != user]
        pull.updated_at = self.time()
        return made

    def _set_state(self, pull: Pull, state: str) -> None:
        if state == "closed":
            self._close(pull)
            return
        head = self.bare.branches().get(pull.head)
        twin = [each for each in self.list(state="open", head=None, base=pull.base) if each.head == pull.head]
        if state != "open" or pull.merged_at is not None:
            raise self._stuck("The pull request cannot be reopened.")
        if head is None:
            raise self._stuck(f"The {pull.head} branch has been deleted.")
        if not self.bare.contains(head, pull.head_sha):
            raise self._stuck(f"The {pull.head} branch was force-pushed or recreated.")
        if twin:
            raise self._stuck(f"There is already an open pull request from {self.hub.owner}:{pull.head}.")
        pull.state, pull.closed_at, pull.head_sha = "open", None, head
        pull.base_sha = self.bare.branches().get(pull.base, pull.base_sha)

    def _stuck(self, why: str) -> Invalid:
        return invalid("custom", field="state", message=f"state cannot be changed. {why}")

    def _close(self, pull: Pull) -> None:
        pull.state = "closed"
        pull.closed_at = pull.updated_at = self.time()

    def _check_text(self, title: str, body: str | None) -> None:
        if not title.strip():
            raise invalid("missing_field", field="title")
        if len(title) > TITLE_LIMIT:
            raise invalid("custom", "Issue", field="title", message="title is too long (maximum is 256 characters)")
        self._check_length(body or "", "Issue")

    def _check_length(self, body: str, resource: Literal["Issue", "IssueComment"]) -> None:
        if len(body) > BODY_LIMIT:
            message = f"body is too long (maximum is {BODY_LIMIT} characters)"
            raise invalid("custom", resource, field="body", message=message)
