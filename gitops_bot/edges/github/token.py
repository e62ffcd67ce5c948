"""What a token is and what it may do, as far as GitHub tells.

Only of a classic token does GitHub tell the scopes (`X-OAuth-Scopes`). What a fine-grained token or an App may do shows
when it does it: reading is tried, writing by git is asked for without pushing, and the rest is said to be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.edges.facts import Permission

if TYPE_CHECKING:
    from collections.abc import Mapping

#: By the beginning of the token, which GitHub gave each kind for that; `other` has none that is known.
Kind = Literal["classic", "fine-grained", "app", "oauth", "other"]

NEEDED: Final = "`Contents` and `Pull requests` with read and write access, `Metadata` with read access"
#: How GitHub begins each kind of token (docs.github.com, "About authentication to GitHub").
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
#: Of whom GitHub answers with a role of their own; for Apps `permissions` is all false, whatever they may do.
_ROLES: Final = ("classic", "fine-grained", "oauth")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. `scopes` are those of a classic one; `in_workflow`: a workflow of Actions has it."""

    kind: Kind = "other"
    scopes: frozenset[str] | None = None
    in_workflow: bool = False

    @classmethod
    def read(cls, text: str | None, scopes: frozenset[str] | None, *, in_workflow: bool) -> Token:
        """By its beginning. The oldest classic ones are forty digits; scopes are told of these and of OAuth apps."""
        unknown: Kind = "other" if scopes is None or text is None else "classic"
        kind = next((kind for start, kind in _BEGINNINGS.items() if (text or "").startswith(start)), unknown)
        return cls(kind, scopes, in_workflow)

    def __str__(self) -> str:
        """What it is, in words."""
        return _WORDS[self.kind] + ("" if self.scopes is None else f" with {_listed(self.scopes)}")

    def may_propose(self, *, archived: bool, private: bool | None, may_push: bool | None) -> Permission:
        """Whether it may open pull requests in a repository, where its account has that role."""
        if archived:
            return Permission(
                "no",
                "the repository is archived, so nothing can be proposed",
                "unarchive it, or stop running the bot for it",
            )
        enough = {"repo"} if private is not False else {"repo", "public_repo"}
        if self.scopes is not None and self.scopes.isdisjoint(enough):
            return Permission(
                "no",
                f"the token has {_listed(self.scopes)}, which is not enough to write to this repository",
                "give it the scope `repo` (`public_repo` for a public repository), or better, create a fine-grained "
                f"token for this repository only, with {NEEDED}",
            )
        if self.kind in _ROLES and may_push is False:
            return Permission(
                "no",
                "the token's account can read this repository, but not write to it",
                "give the account the role `Write` in Settings > Collaborators and teams, or use another one",
            )
        if self.scopes is not None and may_push:
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


def _listed(scopes: frozenset[str]) -> str:
    if not scopes:
        return "no scopes"
    return f"the scope{'s' if len(scopes) > 1 else ''} {', '.join(sorted(scopes))}"
