"""A repository, its branches and commits in the JSON format of GitHub's REST API.

Every field that GitHub's OpenAPI description requires is present; the tests check each answer against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.demo import identity
from gitops_bot.demo.identity import node

if TYPE_CHECKING:
    from gitops_bot.demo.bare import Bare, CommitInfo, Person
    from gitops_bot.demo.hub import Hub, Pushed
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.pulls import PullRequests

_COMPARED = 250
_STATUS = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind", (False, False): "identical"}


@dataclass(frozen=True, slots=True)
class Shapes:
    """Formats one repository. `api` and `site` are the URLs of the API and of the pages, without a final slash.

    `viewer` is the user who asks; empty without a token.
    """

    api: str
    site: str
    pulls: PullRequests
    viewer: str

    @property
    def hub(self) -> Hub:
        """The repository's data."""
        return self.pulls.hub

    @property
    def bare(self) -> Bare:
        """Its Git repository."""
        return self.pulls.bare

    @property
    def here(self) -> str:
        """The repository's API URL."""
        return f"{self.api}/repos/{self.hub.full_name}"

    @property
    def page(self) -> str:
        """The repository's URL in a browser."""
        return f"{self.site}/{self.hub.full_name}"

    def user(self, login: str) -> Json:
        """A person, an organisation or a bot."""
        return identity.user(self.api, self.site, login)

    def repository(self) -> Json:
        """The repository as part of other answers."""
        return identity.repository(self.api, self.site, self.hub, self.bare.default_branch())

    def full_repository(self) -> Json:
        """The repository itself. GitHub reports no permissions for an App, whatever it may do."""
        shown = {**self.repository(), "network_count": 0, "subscribers_count": 0}
        viewer = self.viewer
        if not viewer:
            return shown
        person, owner = not viewer.endswith("[bot]"), viewer == self.hub.owner
        permissions = {"admin": owner, "maintain": owner, "push": person, "triage": person, "pull": person}
        return {**shown, "permissions": permissions}

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
                {"sha": parent, "url": f"{self.here}/commits/{parent}", "html_url": f"{self.page}/commit/{parent}"}
                for parent in commit.parents
            ],
            "commit": {
                "url": f"{self.here}/git/commits/{commit.id}",
                "message": commit.message,
                "author": _signature(commit.author, commit.authored_at),
                "committer": _signature(commit.committer, commit.committed_at),
                "tree": {"sha": commit.tree, "url": f"{self.here}/git/trees/{commit.tree}"},
                "comment_count": 0,
            },
        }

    def branch(self, name: str, commit: str) -> Json:
        """A branch."""
        here = f"{self.here}/branches/{quote(name)}"
        rule = self.hub.protected.get(name)
        classic = rule is not None and not rule.by_ruleset
        contexts = rule.checks if rule is not None and classic else []
        return {
            "name": name,
            "commit": self.commit(self.bare.commit(commit)),
            "protected": rule is not None,
            "_links": {"self": here, "html": f"{self.page}/tree/{quote(name)}"},
            "protection": {
                "enabled": classic,
                "required_status_checks": {
                    "enforcement_level": "non_admins" if contexts else "off",
                    "contexts": contexts,
                    "checks": [{"context": context, "app_id": None} for context in contexts],
                },
            },
            "protection_url": f"{here}/protection",
        }

    def comparison(self, base: str, head: str) -> Json:
        """Two commits compared, with the newest 250 commits that only `head` has."""
        bare, page = self.bare, f"{self.page}/compare/{base}...{head}"
        fork = bare.merge_base(base, head)
        ahead, behind = bare.commits(base, head), len(bare.commits(head, base))
        return {
            "url": f"{self.here}/compare/{base}...{head}",
            "html_url": page,
            "permalink_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "base_commit": self.commit(bare.commit(base)),
            "merge_base_commit": self.commit(bare.commit(fork or base)),
            "status": _STATUS[bool(ahead), bool(behind)],
            "ahead_by": len(ahead),
            "behind_by": behind,
            "total_commits": len(ahead),
            "commits": [self.commit(commit) for commit in ahead[-_COMPARED:]],
        }

    def push(self, push: Pushed) -> Json:
        """A push; the server does not know who pushed with Git."""
        return {
            "id": push.id,
            "node_id": node("Push", push.id),
            "before": push.before,
            "after": push.after,
            "ref": f"refs/heads/{push.branch}",
            "timestamp": push.at,
            "activity_type": push.kind,
            "actor": None,
        }

    def association(self, login: str) -> str:
        """The role of a user in the repository."""
        return "OWNER" if login == self.hub.owner else "CONTRIBUTOR" if login.endswith("[bot]") else "COLLABORATOR"


def _signature(person: Person, at: str) -> Json:
    return {"name": person.name, "email": person.email, "date": at}
