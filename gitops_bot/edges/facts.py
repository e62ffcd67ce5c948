"""What registries and the forge tell when they are asked how things stand. Data only; `None` is what was not told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from gitops_bot.proposals.budget import Left

#: By the beginning of the token, which GitHub gave each kind for that; `other` has none that is known.
TokenKind = Literal["classic", "fine-grained", "app", "oauth", "other"]
#: What the token may do past a rule: nothing, merge pull requests, everything; or GitHub does not tell.
Bypass = Literal["never", "pull-requests", "always", "unknown"]
#: `update`: only who may bypass it writes to the branch; `force`: no commit of the branch may be lost.
RuleKind = Literal["pull-request", "checks", "queue", "signatures", "linear", "update", "creation", "deletion", "force"]
Method = Literal["merge", "squash", "rebase"]


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the forge tells of itself and of the token. `skew`: how far its clock is ahead of ours.

    `scopes` are those of a classic token; GitHub does not tell the permissions of the other kinds.
    """

    kind: TokenKind | None
    scopes: frozenset[str] | None
    expires: datetime | None
    skew: timedelta | None
    left: Left | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the forge tells of a repository. `may_push` and `admin` are the account's role; an App has none."""

    default_branch: str
    archived: bool
    private: bool | None
    may_push: bool | None
    admin: bool | None
    auto_merge: bool | None
    methods: tuple[Method, ...] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a branch asks for. `approvals` and `checks` are those of the kinds that have them."""

    kind: RuleKind
    bypass: Bypass = "never"
    approvals: int = 0
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BranchRules:
    """What a branch asks for; `hidden`: it is protected by more, which the token may not read."""

    rules: tuple[Rule, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """How a registry let the bot in. `login` says in words who the bot was there, without any secret.

    `there`: whether it has what is pinned; `left`: the pulls that its rate limit has left.
    """

    login: str
    there: bool
    left: int | None = None
