"""What edges tell one another and the checks: what registries and the forge report, and what only one forge knows.

Data only; `None` where they do not say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.proposals.pull_request import RateLimit

#: Whether the token may bypass a rule: never, to merge pull requests, always; or the forge does not say.
Bypass = Literal["never", "pull-requests", "always", "unknown"]
#: `update`: only those who may bypass it can write to the branch; `force`: no force pushes.
RuleKind = Literal["pull-request", "checks", "queue", "signatures", "linear", "update", "creation", "deletion", "force"]

#: Git needs a login, or its login is refused.
LOGIN_REFUSED = (
    r"authentication failed|could not read (?:Username|Password)|returned error: 401|HTTP 401|invalid credentials"
    r"|terminal prompts disabled|permission denied \(|Invalid username or (?:password|token)"
)


#: What it means that a rule of the branch refused a push, or its size did, whoever says so; and the next step.
PROTECTED = (
    "protects this branch: the push was refused",
    (
        "Use `propose: {as: pull-request}` in gitops-bot.yaml, or let the bot bypass the branch's rules. If the branch "
        "starts with gitops-bot/, exclude those branches from the rules."
    ),
)
TOO_LARGE = "refused the push because of its size", "Check for files over the server's size limit."


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of git's refusals: its pattern, its meaning (after the repository's name) and the next step.

    `whole`: the meaning is the whole message, without the repository's name before it and git's words behind it. The
    patterns are compiled when git refuses something, which most runs never see.
    """

    pattern: str
    means: str
    advice: str
    lost_race: bool = False
    whole: bool = False


class Token(Protocol):
    """A token of a forge. One that ends is replaced in time; getting it raises a ForgeError if that fails."""

    def __call__(self, rejected: str | None = None, repository: str | None = None) -> str:
        """The token as it is valid now; not the one that the server `rejected`, unless there is no other.

        `repository`: the one that is asked about, where it may be another than usual.
        """


def fixed(token: str) -> Token:
    """A token that stays the same."""
    return lambda rejected=None, repository=None: token  # noqa: ARG005 - it depends on neither


@dataclass(frozen=True, slots=True)
class PackageApi:
    """Where a forge lists the images of its registry: the host of its API, and the headers that it wants.

    `token`: that of the forge, where it may be shown there. `variables` are those of the environment that stand for it.
    """

    registry: str
    host: str
    headers: Mapping[str, str]
    token: Token | None = field(default=None, repr=False)
    variables: Sequence[str] = ()


class ServerFacts(NamedTuple):
    """The forge's server and the token, as text. `skew`: how far its clock is ahead of ours."""

    name: str
    token: str
    expires: datetime | None
    skew: timedelta | None
    left: RateLimit | None


class Permission(NamedTuple):
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


class Rule(NamedTuple):
    """One rule of a branch. `approvals` and `checks` are set for the kinds that have them."""

    kind: RuleKind
    bypass: Bypass = "never"
    approvals: int = 0
    checks: tuple[str, ...] = ()


class Settings(NamedTuple):
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


class Served(NamedTuple):
    """How the bot can read from a registry. `login` describes the login it used, without secrets.

    `present`: whether the pinned image exists; `left`: the pulls left in its rate limit.
    """

    login: str
    present: bool
    left: int | None = None
