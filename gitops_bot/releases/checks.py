"""What checks and deployments said of a commit: what gates of a release look at. All texts in it are of strangers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

CheckState = Literal["success", "pending", "failure"]


@dataclass(frozen=True, slots=True)
class Check:
    """The newest result of one check on a commit: a commit status, or a check run.

    Neutral and skipped check runs are successes; cancelled, timed out, stale ones and those that ask for an action are
    failures. `name` is the context of the status or the name of the run, `at` when it said so, `by` who made it: the
    login of a user (`argocd[bot]`), or the slug of an app (`github-actions`). `text` is its description or conclusion.
    """

    name: str
    state: CheckState
    at: datetime
    by: str
    url: str | None
    text: str


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """The newest status of one deployment. A success that a newer deployment made `inactive` is a success."""

    environment: str
    commit: str
    state: CheckState
    at: datetime
    by: str
    url: str | None
    text: str
