"""What registries and the forge report about themselves. Data only; `None` where they do not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.proposals.pull_request import RateLimit

#: Whether the token may bypass a rule: never, to merge pull requests, always; or the forge does not say.
Bypass = Literal["never", "pull-requests", "always", "unknown"]
#: `update`: only those who may bypass it can write to the branch; `force`: no force pushes.
RuleKind = Literal["pull-request", "checks", "queue", "signatures", "linear", "update", "creation", "deletion", "force"]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The forge's server and the token, as text. `skew`: how far its clock is ahead of ours."""

    name: str
    token: str
    expires: datetime | None
    skew: timedelta | None
    left: RateLimit | None


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether the token may do something; `advice` is empty if it may."""

    verdict: Literal["yes", "no", "unknown"]
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """The settings of a repository on the forge."""

    default_branch: str
    proposing: Permission
    auto_merge: bool | None
    methods: tuple[MergeMethod, ...] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a branch. `approvals` and `checks` are set for the kinds that have them."""

    kind: RuleKind
    bypass: Bypass = "never"
    approvals: int = 0
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Where people find branch rules and merge settings on the forge, and what to do about hidden rules."""

    rules: str = "the rules of branches"
    merging: str = "the settings of pull requests"
    hidden: str = "check the rules of the branch, or let the token read them"


@dataclass(frozen=True, slots=True)
class BranchRules:
    """The rules of a branch; `hidden`: there are more, which the token cannot read."""

    rules: tuple[Rule, ...] = ()
    hidden: bool = False
    settings: Settings = field(default=Settings(), compare=False)


@dataclass(frozen=True, slots=True)
class Served:
    """How the bot can read from a registry. `login` describes the login it used, without secrets.

    `present`: whether the pinned image exists; `left`: the pulls left in its rate limit.
    """

    login: str
    present: bool
    left: int | None = None
