"""What registries and the forge tell when they are asked how things stand. Data only; `None` is what was not told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from gitops_bot.proposals.budget import Left

#: What the token may do past a rule: nothing, merge pull requests, everything; or nobody tells.
Bypass = Literal["never", "pull-requests", "always", "unknown"]
#: `update`: only who may bypass it writes to the branch; `force`: no commit of the branch may be lost.
RuleKind = Literal["pull-request", "checks", "queue", "signatures", "linear", "update", "creation", "deletion", "force"]
Method = Literal["merge", "squash", "rebase"]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the forge tells of itself and of the token, each in words. `skew`: how far its clock is ahead of ours."""

    name: str
    token: str
    expires: datetime | None
    skew: timedelta | None
    left: Left | None


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether the token may open pull requests, in words; `advice` is empty where it may."""

    verdict: Literal["yes", "no", "unknown"]
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What the forge tells of a repository."""

    default_branch: str
    proposing: Permission
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
class Settings:
    """Where people find on the forge the rules of branches and how pull requests merge, and what is `hidden`."""

    rules: str = "the rules of branches"
    merging: str = "the settings of pull requests"
    hidden: str = "check the rules of the branch, or let the token read them"


@dataclass(frozen=True, slots=True)
class BranchRules:
    """What a branch asks for; `hidden`: it is protected by more, which the token may not read."""

    rules: tuple[Rule, ...] = ()
    hidden: bool = False
    settings: Settings = field(default=Settings(), compare=False)


@dataclass(frozen=True, slots=True)
class Served:
    """How a registry let the bot in. `login` says in words who the bot was there, without any secret.

    `there`: whether it has what is pinned; `left`: the pulls that its rate limit has left.
    """

    login: str
    there: bool
    left: int | None = None
