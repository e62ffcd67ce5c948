"""What is known about a token, and what it may do in a repository as far as that tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.edges.facts import Permission

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: By the prefix of the token; `other` has no known one.
Kind = Literal["classic", "fine-grained", "app", "oauth", "other"]

NEEDED: Final = "`Contents` and `Pull requests` with read and write access, `Metadata` with read access"
#: GitHub's prefix of each kind (docs.github.com, "About authentication to GitHub").
_BEGINNINGS: Mapping[str, Kind] = {
    "ghp_": "classic", "github_pat_": "fine-grained", "ghs_": "app", "ghu_": "app", "gho_": "oauth",
}  # fmt: skip
_WORDS: Mapping[Kind, str] = {
    "classic": "a classic personal access token",
    "fine-grained": "a fine-grained personal access token",
    "app": "the token of a GitHub App or a workflow",
    "oauth": "the token of an OAuth app or of a person's login",
    "other": "a token",
}
#: Tokens with a role in `permissions`; for Apps these are all false, whatever they may do.
_ROLES: Final = ("classic", "fine-grained", "oauth")


@dataclass(frozen=True, slots=True)
class Role:
    """What a repository says of itself and of the token's account there; None where it does not say.

    `of_person`: it belongs to one, and not to an organisation.
    """

    archived: bool = False
    private: bool | None = None
    may_push: bool | None = None
    of_person: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """What is known about a token. `scopes` are those of a classic one; `in_workflow`: a workflow of Actions has it."""

    kind: Kind = "other"
    scopes: frozenset[str] | None = None
    in_workflow: bool = False

    @classmethod
    def read(cls, text: str | None, scopes: frozenset[str] | None, *, in_workflow: bool) -> Token:
        """By its prefix. The oldest classic tokens are forty digits; scopes exist for these and OAuth apps."""
        unknown: Kind = "other" if scopes is None or text is None else "classic"
        kind = next((kind for start, kind in _BEGINNINGS.items() if (text or "").startswith(start)), unknown)
        return cls(kind, scopes, in_workflow)

    def __str__(self) -> str:
        """Its kind, in words."""
        return _WORDS[self.kind] + ("" if self.scopes is None else f" with {_scopes_text(self.scopes)}")

    def may_propose(self, role: Role) -> Permission:
        """Whether it may open pull requests in a repository."""
        enough = {"repo"} if role.private is not False else {"repo", "public_repo"}
        advice = (
            "give it the scope `repo` (`public_repo` for a public repository), or better, create a fine-grained "
            f"token for this repository only, with {NEEDED}"
        )
        if (refused := self._refused(role, enough, advice)) is not None:
            return refused
        if self.scopes is not None and role.may_push:
            return Permission("yes", "the token may open pull requests")
        if self.in_workflow and self.kind == "app":
            return Permission(
                "unknown",
                "pull requests can be read; GitHub does not say whether this workflow may open them",
                "give the job `permissions: {contents: write, pull-requests: write}`, and allow "
                '"GitHub Actions to create and approve pull requests" in Settings > Actions > General',
            )
        return Permission(
            "unknown",
            "pull requests can be read; whether the token may open them shows only when it does",
            f"make sure that it has {NEEDED}",
        )

    def may_deploy(self, role: Role) -> Permission:
        """Whether it may write deployments of a repository, whose deployments it may read."""
        advice = self.advice("deployments")
        if (refused := self._refused(role, {"repo", "repo_deployment"}, advice)) is not None:
            return refused
        if self.scopes is not None and role.may_push:
            return Permission("yes", "the token may write deployments")
        text = "deployments can be read; whether the token may write them shows only when it does"
        return Permission("unknown", text, advice)

    def may_record(self, role: Role) -> Permission:
        """Whether it may record the artifacts of an organisation."""
        if role.of_person:
            text = "the repository belongs to a person, and GitHub records artifacts for organisations alone"
            return Permission("no", text, "remove `artifact_metadata`")
        text = "whether the token may record artifacts shows only when it does"
        return Permission("unknown", text, self.advice("artifact-metadata"))

    def advice(self, wanted: Literal["deployments", "artifact-metadata"]) -> str:
        """How to give it the permission to write something."""
        if self.in_workflow and self.kind == "app":
            return f"give the job `permissions: {{{wanted}: write}}` beside the others"
        if self.scopes is not None and wanted == "deployments":
            return "give it the scope `repo` or `repo_deployment`"
        where = " of the organisation that owns the repository" if wanted == "artifact-metadata" else ""
        return f"make sure that it has `{wanted.replace('-', ' ').capitalize()}` with read and write access{where}"

    def _refused(self, role: Role, enough: Collection[str], advice: str) -> Permission | None:
        """Why it may certainly not write; `enough` are scopes of which it needs one."""
        if role.archived:
            return Permission(
                "no",
                "the repository is archived, so nothing can be written to it",
                "unarchive it, or stop running the bot for it",
            )
        if self.scopes is not None and self.scopes.isdisjoint(enough):
            text = f"the token has {_scopes_text(self.scopes)}, which is not enough to write to this repository"
            return Permission("no", text, advice)
        if self.kind in _ROLES and role.may_push is False:
            return Permission(
                "no",
                "the token's account can read this repository, but not write to it",
                "give the account the role `Write` in Settings > Collaborators and teams, or use another one",
            )
        return None


def _scopes_text(scopes: frozenset[str]) -> str:
    if not scopes:
        return "no scopes"
    return f"the scope{'s' if len(scopes) > 1 else ''} {', '.join(sorted(scopes))}"
