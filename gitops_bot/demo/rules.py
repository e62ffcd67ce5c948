"""What people set on the embedded forge: settings of a repository, protection of a branch, teams. Data only.

Field names are GitHub's own (REST), where GitHub has the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Method = Literal["merge", "squash", "rebase"]
Bypass = Literal["always", "pull_requests_only", "never"]


@dataclass(slots=True)
class Settings:
    """The settings of a repository, with GitHub's defaults."""

    allow_auto_merge: bool = False
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False
    archived: bool = False
    #: "Allow GitHub Actions to create and approve pull requests"; GitHub has it at an address of its own.
    actions_may_propose: bool = True
    #: What is set to auto-merge stays where it is, though nothing is missing: it happens on GitHub at times.
    overlooks_auto_merge: bool = False

    def allows(self, method: Method) -> bool:
        """Whether pull requests may be merged this way."""
        allowed = {
            "merge": self.allow_merge_commit,
            "squash": self.allow_squash_merge,
            "rebase": self.allow_rebase_merge,
        }
        return allowed[method]


@dataclass(slots=True)
class Protection:
    """What a branch asks of a pull request before it merges.

    `checks` are contexts that must succeed at its head; `strict`: only when it has all of its base; `approvals` is how
    many reviews must approve, and `dismiss_stale` lets a push undo them. `merge_queue` is how the queue of the branch
    merges; None: there is none. `signatures` is told to who asks, and checked nowhere. `by_ruleset` says that a ruleset
    asks for all this, and not a protection rule: GitHub shows the one where it does not show the other. `bypass` is
    what a ruleset tells whoever asks that they may do past it; it is followed nowhere.
    """

    checks: list[str] = field(default_factory=list)
    strict: bool = False
    approvals: int = 0
    dismiss_stale: bool = False
    signatures: bool = False
    merge_queue: Method | None = None
    by_ruleset: bool = False
    bypass: Bypass = "never"


@dataclass(slots=True)
class Team:
    """A team of the organisation that has access to the repository."""

    id: int
    slug: str
    members: list[str] = field(default_factory=list)
