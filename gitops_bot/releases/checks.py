"""What checks and deployments said of a commit: what gates of a release look at. All texts in it are of strangers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gitops_bot.errors import ForgeError

CheckState = Literal["success", "pending", "failure"]


@dataclass(frozen=True, slots=True)
class Check:
    """The newest result of one check on a commit: a commit status, or a check run.

    Neutral and skipped check runs are successes; cancelled, timed out, stale ones and those that ask for an action are
    failures. `name` is the context of the status or the name of the run, `at` when it said so, `by` the login of who
    made it: of a user, or of an app (`argocd[bot]`); empty if that is gone. `text` is its description or conclusion.
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


class Reported(NamedTuple):
    """What was reported of commits, by their repository (None: the one with the manifests), and of environments.

    In place of what cannot be read stands why. Deployments are the newest first.
    """

    checks: Mapping[tuple[str | None, str], tuple[Check, ...] | ForgeError]
    deployments: Mapping[str, tuple[DeploymentState, ...] | ForgeError]
