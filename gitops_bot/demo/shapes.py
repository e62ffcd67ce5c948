"""How the embedded forge shows a repository, its branches and commits: the JSON shapes of GitHub's REST API.

Every field that GitHub's OpenAPI description requires is there; tests hold each answer against that description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.demo import identity
from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from gitops_bot.demo.bare import Bare, CommitInfo, FileDiff, Person
    from gitops_bot.demo.hub import Hub, Pushed
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.pulls import PullRequests


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shows one repository. `api` and `site` are the addresses of the API and of the pages, without a last slash."""

    api: str
    site: str
    pulls: PullRequests

    @property
    def hub(self) -> Hub:
        """The repository's data."""
        return self.pulls.hub

    @property
    def bare(self) -> Bare:
        """Its commits."""
        return self.pulls.bare

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

    def full_repository(self, viewer: str | None) -> Json:
        """The repository as its own address shows it. Of an App GitHub says that it may nothing, whatever it may."""
        shown = {**self.repository(), "network_count": 0, "subscribers_count": 0}
        if viewer is None:
            return shown
        person, owner = not viewer.endswith("[bot]"), viewer == self.hub.owner
        role = {"admin": owner, "maintain": owner, "push": person, "triage": person, "pull": person}
        return {**shown, "permissions": role}

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
            "protected": name in self.hub.protected,
        }

    def full_branch(self, name: str, commit: str) -> Json:
        """A branch as its own address shows it."""
        here = f"{self.here}/branches/{quote(name)}"
        rule = self.hub.protected.get(name)
        classic = rule is not None and not rule.by_ruleset
        contexts = rule.checks if rule is not None and classic else []
        return {
            **self.branch(name, commit),
            "commit": self.commit(self.bare.commit(commit)),
            "_links": {"self": here, "html": f"{self.page}/tree/{quote(name)}"},
            "protection": {
                "enabled": classic,
                "required_status_checks": {
                    "enforcement_level": "non_admins" if contexts else "off",
                    "contexts": contexts,
                    "checks": [{"context": each, "app_id": None} for each in contexts],
                },
            },
            "protection_url": f"{here}/protection",
        }

    def comparison(self, base: str, head: str) -> Json:
        """Two commits beside each other; the commits are those that only `head` has, the newest 250 as on GitHub."""
        bare, page = self.bare, f"{self.page}/compare/{base}...{head}"
        fork = bare.merge_base(base, head)
        ahead, behind = bare.commits(base, head), len(bare.commits(head, base))
        status = {
            (True, True): "diverged",
            (True, False): "ahead",
            (False, True): "behind",
            (False, False): "identical",
        }
        return {
            "url": f"{self.here}/compare/{base}...{head}",
            "html_url": page,
            "permalink_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "base_commit": self.commit(bare.commit(base)),
            "merge_base_commit": self.commit(bare.commit(fork or base)),
            "status": status[bool(ahead), bool(behind)],
            "ahead_by": len(ahead),
            "behind_by": behind,
            "total_commits": len(ahead),
            "commits": [self.commit(each) for each in ahead[-250:]],
            "files": [self.file(each, head) for each in bare.files(fork or base, head)],
        }

    def ref(self, branch: str, commit: str) -> Json:
        """A branch as a Git reference."""
        return {
            "ref": f"refs/heads/{branch}",
            "node_id": node("Ref", branch),
            "url": f"{self.here}/git/refs/heads/{quote(branch)}",
            "object": {"type": "commit", "sha": commit, "url": f"{self.here}/git/commits/{commit}"},
        }

    def pushed(self, it: Pushed) -> Json:
        """A push; who pushed by Git is not known here."""
        return {
            "id": it.id,
            "node_id": node("Push", it.id),
            "before": it.before,
            "after": it.after,
            "ref": f"refs/heads/{it.branch}",
            "timestamp": it.at,
            "activity_type": it.kind,
            "actor": None,
        }

    def association(self, login: str) -> str:
        """What somebody is to the repository."""
        return "OWNER" if login == self.hub.owner else "CONTRIBUTOR" if login.endswith("[bot]") else "COLLABORATOR"


def _signed(person: Person, at: str) -> Json:
    return {"name": person.name, "email": person.email, "date": at}
