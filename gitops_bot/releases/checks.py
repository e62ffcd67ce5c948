"""What checks and deployments said of a commit: what gates of a release look at. All texts in it are of strangers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gitops_bot.errors import ForgeError

CheckState = Literal["success", "skipped", "pending", "failure"]


@dataclass(frozen=True, slots=True)
class Check:
    """The newest result of one check on a commit: a commit status, or a check run of one workflow.

    Neutral and skipped check runs are `skipped`; cancelled, timed out, stale ones and those that ask for an action are
    failures. `name` is the context of the status or the name of the run, `at` when it said so, `by` the login of who
    made it: of a user, or of an app (`argocd[bot]`); empty if that is gone. `text` is its description or conclusion.
    `workflow` is the file name of the workflow that it is a job of (`build.yml`), where that is known, and `suite` the
    id of one run of that, or of what an app reported together; `conclusion` is how it ended, in small letters. All are
    empty for a status.
    """

    name: str
    state: CheckState
    at: datetime
    by: str
    url: str | None
    text: str
    kind: Literal["status", "run"] = "status"
    workflow: str = ""
    conclusion: str = ""
    suite: str = ""
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class CommitChecks:
    """The checks of one commit. `found`: its repository has it; `complete`: there are no more than these."""

    checks: tuple[Check, ...] = ()
    found: bool = True
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Deployments:
    """Deployments to one environment, the newest first. `complete`: there are no older ones."""

    newest: tuple[DeploymentState, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """The newest status of one deployment; `pending` where it has none yet.

    A success that a newer deployment made `inactive` is a success.
    """

    environment: str
    commit: str
    state: CheckState
    at: datetime
    by: str
    url: str | None
    text: str


class Reported(NamedTuple):
    """What was reported of commits, by their repository (None: the one with the manifests), and of environments.

    In place of what cannot be read stands why.
    """

    checks: Mapping[tuple[str | None, str], CommitChecks | ForgeError]
    deployments: Mapping[str, Deployments | ForgeError]
