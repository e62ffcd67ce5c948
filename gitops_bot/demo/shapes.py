"""How the embedded forge shows what it has: the JSON shapes of GitHub's REST API.

Every field that GitHub's OpenAPI description requires is there; tests hold each answer against that description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.demo import identity, merging
from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from gitops_bot.demo.bare import Bare, CommitInfo, FileDiff, Person
    from gitops_bot.demo.hub import Comment, Hub, Pull, Review
    from gitops_bot.demo.identity import Json


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shows one repository. `api` and `site` are the addresses of the API and of the pages, without a last slash."""

    api: str
    site: str
    hub: Hub
    bare: Bare

    @property
    def here(self) -> str:
        """The repository's address in the API."""
        return f"{self.api}/repos/{self.hub.full_name}"

    @property
    def page(self) -> str:
        """The repository's address in a browser."""
        return f"{self.site}/{self.hub.full_name}"

    def user(self, login: str) -> Json:
        """A person, an organisation or a bot."""
        return identity.user(self.api, self.site, login)

    def repository(self) -> Json:
        """The repository as it stands inside other answers."""
        return identity.repository(self.api, self.site, self.hub, self.bare.default_branch())

    def full_repository(self) -> Json:
        """The repository as its own address shows it."""
        return {**self.repository(), "network_count": 0, "subscribers_count": 0}

    def label(self, name: str) -> Json:
        """A label of the repository."""
        number = self.hub.labels[name]
        return {
            "id": number,
            "node_id": node("Label", number),
            "url": f"{self.here}/labels/{quote(name, safe='')}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def pull(self, pull: Pull) -> Json:
        """A pull request as lists show it."""
        here = f"{self.here}/pulls/{pull.number}"
        issue = f"{self.here}/issues/{pull.number}"
        page = f"{self.page}/pull/{pull.number}"
        addresses = {
            "comments": f"{issue}/comments",
            "commits": f"{here}/commits",
            "review_comment": f"{self.here}/pulls/comments{{/number}}",
            "review_comments": f"{here}/comments",
            "statuses": f"{self.here}/statuses/{pull.head_sha}",
        }
        links = {"self": here, "html": page, "issue": issue, **addresses}
        return {
            "id": pull.id,
            "node_id": node("PullRequest", pull.id),
            "number": pull.number,
            "url": here,
            "html_url": page,
            "issue_url": issue,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            **{f"{name}_url": address for name, address in addresses.items()},
            "_links": {name: {"href": address} for name, address in links.items()},
            "state": pull.state,
            "locked": False,
            "draft": pull.draft,
            "title": pull.title,
            "body": pull.body,
            "user": self.user(pull.user),
            "labels": [self.label(name) for name in pull.labels],
            "head": self._end(pull.head, pull.head_sha),
            "base": self._end(pull.base, pull.base_sha),
            "created_at": pull.created_at,
            "updated_at": pull.updated_at,
            "closed_at": pull.closed_at,
            "merged_at": pull.merged_at,
            "merge_commit_sha": pull.merge_commit_sha,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [self.user(login) for login in pull.reviewers],
            "requested_teams": [],
            "milestone": None,
            "author_association": self._association(pull.user),
            "auto_merge": None,
        }

    def full_pull(self, pull: Pull) -> Json:
        """A pull request as its own address shows it: with what git says of it."""
        fork = self.bare.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
        files = self.bare.files(fork, pull.head_sha)
        fits = merging.mergeable(self.bare, pull.base_sha, pull.head_sha) if pull.state == "open" else None
        state = {True: "clean", False: "dirty", None: "unknown"}[fits]
        return {
            **self.pull(pull),
            "merged": pull.merged_at is not None,
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "mergeable": fits,
            "mergeable_state": "draft" if pull.draft and fits else state,
            "rebaseable": fits,
            "maintainer_can_modify": pull.maintainer_can_modify,
            "comments": len(pull.comments),
            "review_comments": 0,
            "commits": len(self.bare.commits(fork, pull.head_sha)),
            "additions": sum(file.additions for file in files),
            "deletions": sum(file.deletions for file in files),
            "changed_files": len(files),
        }

    def _end(self, branch: str, commit: str) -> Json:
        return {
            "label": f"{self.hub.owner}:{branch}",
            "ref": branch,
            "sha": commit,
            "user": self.user(self.hub.owner),
            "repo": self.repository(),
        }

    def review(self, pull: Pull, review: Review) -> Json:
        """A review."""
        page = f"{self.page}/pull/{pull.number}#pullrequestreview-{review.id}"
        here = f"{self.here}/pulls/{pull.number}"
        return {
            "id": review.id,
            "node_id": node("PullRequestReview", review.id),
            "user": self.user(review.user),
            "body": review.body,
            "state": review.state,
            "commit_id": review.commit,
            "submitted_at": review.submitted_at,
            "html_url": page,
            "pull_request_url": here,
            "_links": {"html": {"href": page}, "pull_request": {"href": here}},
            "author_association": self._association(review.user),
        }

    def comment(self, pull: Pull, comment: Comment) -> Json:
        """A comment in the conversation."""
        return {
            "id": comment.id,
            "node_id": node("IssueComment", comment.id),
            "url": f"{self.here}/issues/comments/{comment.id}",
            "html_url": f"{self.page}/pull/{pull.number}#issuecomment-{comment.id}",
            "issue_url": f"{self.here}/issues/{pull.number}",
            "user": self.user(comment.user),
            "body": comment.body,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self._association(comment.user),
        }

    def file(self, file: FileDiff, head: str) -> Json:
        """A path that a pull request changes."""
        path = quote(file.path, errors="surrogateescape")
        shown: Json = {
            "sha": file.blob,
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": f"{self.page}/blob/{head}/{path}",
            "raw_url": f"{self.page}/raw/{head}/{path}",
            "contents_url": f"{self.here}/contents/{path}?ref={head}",
        }
        return {**shown, "patch": file.patch} if file.patch else shown

    def commit(self, commit: CommitInfo) -> Json:
        """A commit."""
        here = f"{self.here}/commits/{commit.id}"
        return {
            "sha": commit.id,
            "node_id": node("Commit", commit.id),
            "url": here,
            "html_url": f"{self.page}/commit/{commit.id}",
            "comments_url": f"{here}/comments",
            "author": None,
            "committer": None,
            "parents": [
                {"sha": each, "url": f"{self.here}/commits/{each}", "html_url": f"{self.page}/commit/{each}"}
                for each in commit.parents
            ],
            "commit": {
                "url": f"{self.here}/git/commits/{commit.id}",
                "message": commit.message,
                "author": _signed(commit.author, commit.authored_at),
                "committer": _signed(commit.committer, commit.committed_at),
                "tree": {"sha": commit.tree, "url": f"{self.here}/git/trees/{commit.tree}"},
                "comment_count": 0,
            },
        }

    def branch(self, name: str, commit: str) -> Json:
        """A branch as lists show it."""
        return {
            "name": name,
            "commit": {"sha": commit, "url": f"{self.here}/commits/{commit}"},
            "protected": False,
        }

    def full_branch(self, name: str, commit: str) -> Json:
        """A branch as its own address shows it."""
        here = f"{self.here}/branches/{quote(name)}"
        return {
            "name": name,
            "commit": self.commit(self.bare.commit(commit)),
            "_links": {"self": here, "html": f"{self.page}/tree/{quote(name)}"},
            "protected": False,
            "protection": {"enabled": False},
            "protection_url": f"{here}/protection",
        }

    def ref(self, branch: str, commit: str) -> Json:
        """A branch as a Git reference."""
        return {
            "ref": f"refs/heads/{branch}",
            "node_id": node("Ref", branch),
            "url": f"{self.here}/git/refs/heads/{quote(branch)}",
            "object": {"type": "commit", "sha": commit, "url": f"{self.here}/git/commits/{commit}"},
        }

    def _association(self, login: str) -> str:
        return "OWNER" if login == self.hub.owner else "CONTRIBUTOR" if login.endswith("[bot]") else "COLLABORATOR"


def _signed(person: Person, at: str) -> Json:
    return {"name": person.name, "email": person.email, "date": at}
