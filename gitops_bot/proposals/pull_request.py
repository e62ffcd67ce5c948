"""What a forge has of proposals and releases: pull requests, merges, deployments; and its rate limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

State = Literal["open", "closed", "merged"]


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of the bot's own on a pull request."""

    id: int
    body: str


class GateStatus(NamedTuple):
    """The bot's own commit status: whether the pins of a pull request pass their gates, and if not, why.

    `url` is the page of the check that failed.
    """

    state: Literal["success", "pending", "failure"]
    text: str
    url: str | None = None


class Head(NamedTuple):
    """The newest commit of an open pull request, its `branch` unless that is in a fork, and the bot's status on it."""

    commit: str
    branch: str | None
    gates: GateStatus | None


class HandBackTimes(NamedTuple):
    """When people labelled a pull request, and when its branch was last pushed, by the forge's clock.

    `labelled`: when a label was put on last. `pushed`: the commit that the last push brought, and when; None where the
    forge does not tell.
    """

    labelled: datetime | None = None
    pushed: tuple[str, datetime] | None = None


class RateLimit(NamedTuple):
    """The requests that the forge's rate limit has left until it resets. `resets_at` is in UTC."""

    remaining: int
    resets_at: datetime


class Merge(NamedTuple):
    """How a pull request came to the base branch: who merged it, and who had approved it, where the forge tells."""

    pull_request: PullRequest | None
    merged_by: str | None = None
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request on the forge. `head` is the commit of its branch when it was last read.

    `node` is the forge's other name for it, which some requests want. `approved`: a review that counts approves it and
    none asks for changes. `queued`: it waits in a merge queue. `auto_merge`: it merges by itself once nothing blocks
    it; `merges_by_bot`: the bot's own account set that. `checks_failed`: a check of its head commit has failed, so that
    this will not happen. `merge_was_requested`: it was set to auto-merge or queued, and it was not the bot that took
    this back last; a person who did is not overruled. `retargeted`: a person gave it another base branch than the one
    that was asked for. `gates` is the bot's status on its head. `hand_back`: whether the label that hands the branch
    back counts, if it has it; it is `late` where somebody pushed after it, and `unsure` where the forge does not know
    the last push yet.
    """

    number: int
    url: str
    state: State
    branch: str
    base: str
    head: str
    title: str
    body: str
    labels: tuple[str, ...] = ()
    node: str = ""
    created_at: datetime | None = None
    draft: bool = False
    approved: bool = False
    queued: bool = False
    auto_merge: bool = False
    merges_by_bot: bool = False
    checks_failed: bool = False
    merge_was_requested: bool = False
    retargeted: bool = False
    comments: tuple[Comment, ...] = ()
    gates: GateStatus | None = None
    hand_back: Literal["counts", "late", "unsure"] = "counts"


class Issue(NamedTuple):
    """The bot's own issue, and its own comments there, the last ones; `closed` is when people closed it."""

    number: int
    body: str
    closed: datetime | None
    comments: tuple[str, ...]


class ReleasedImage(NamedTuple):
    """An image that a release brought; `place` tells the entry from all others of the environment."""

    name: str
    digest: str
    version: str | None
    place: str


class Deployment(NamedTuple):
    """A deployment to be recorded: what was released to an environment. `artifacts` get records of their own."""

    environment: str
    commit: str
    artifacts: tuple[ReleasedImage, ...] = ()


class Deployed(NamedTuple):
    """A deployment that the forge has; `finished` unless it is ours and a run died before its status."""

    commit: str
    finished: bool
