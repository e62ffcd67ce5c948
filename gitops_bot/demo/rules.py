"""Settings of the embedded GitHub server: repositories, branch protection, teams. Data only.

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
    #: "Allow GitHub Actions to create and approve pull requests".
    actions_may_propose: bool = True

    def allows(self, method: Method) -> bool:
        """Whether pull requests may be merged with this method."""
        allowed = {
            "merge": self.allow_merge_commit,
            "squash": self.allow_squash_merge,
            "rebase": self.allow_rebase_merge,
        }
        return allowed[method]


@dataclass(slots=True)
class Protection:
    """The protection of a branch.

    `checks` are the contexts that must succeed; `strict`: the branch must also be up to date. `approvals` is the number
    of required approvals; with `dismiss_stale`, a push dismisses them. `merge_queue` is the queue's merge method; None:
    there is no queue. `by_ruleset`: GitHub shows this as a ruleset, not as a protection rule. `signatures`: commits
    must have verified signatures. `bypass` is only shown, except that `always` lifts this requirement.
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
    """A team with access to the repository."""

    id: int
    slug: str
    members: list[str] = field(default_factory=list)
