"""Commit statuses and deployments as Argo CD and Flux write them on GitHub, by what happens to one application.

Read in the sources of these, and filled in for the application `web-staging`:

* argoproj/notifications-engine: `pkg/services/github.go` sends the message of a template as the description, cut to 140
  characters, and a link. It reuses the newest deployment of the same commit and environment and adds a status to it.
* argoproj/argo-cd: `notifications_catalog/templates/*.yaml` have the messages, with their line breaks and blanks;
  `docs/operator-manual/notifications/services/github.md` has the label `continuous-delivery/<application>`.
* fluxcd/notification-controller: `internal/server/provider_commit_status.go` makes the name (kind, name, the first part
  of the provider's UID), `internal/notifier/github.go` the state (an event is an error or not; nothing is written while
  it progresses) and `internal/notifier/util.go` the description: the event's reason in words. There is no link.
* fluxcd/kustomize-controller: `internal/controller/kustomization_controller.go` has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_APPLICATION = "https://argocd.acme.test/applications/web-staging"
_OPERATION = f"{_APPLICATION}?operation=true"


@dataclass(frozen=True, slots=True)
class GitOpsStatus:
    """What a controller sends to GitHub's `POST /repos/{owner}/{repo}/statuses/{sha}`."""

    context: str
    state: str
    description: str
    target_url: str | None = None


def _argo_cd(state: str, message: str, link: str = _OPERATION) -> GitOpsStatus:
    cut = message if len(message) <= 140 else f"{message[:137]}..."
    return GitOpsStatus("continuous-delivery/web-staging", state, cut, link)


def _flux(state: str, description: str) -> GitOpsStatus:
    return GitOpsStatus("kustomization/web-staging/0c9c2e41", state, description)


#: By the trigger of the catalog.
ARGO_CD: Mapping[str, GitOpsStatus] = {
    "on-sync-running": _argo_cd(
        "pending",
        "The sync operation of application web-staging has started at 2026-11-24T14:01:40Z.\n"
        f"Sync operation details are available at: {_OPERATION} .\n",
    ),
    "on-sync-succeeded": _argo_cd(
        "success",
        " Application web-staging has been successfully synced at 2026-11-24T14:01:58Z.\n"
        f"Sync operation details are available at: {_OPERATION} .\n",
    ),
    "on-deployed": _argo_cd(
        "success", " Application web-staging is now running new version of deployments manifests.\n"
    ),
    "on-sync-failed": _argo_cd(
        "error",
        "  The sync operation of application web-staging has failed at 2026-11-24T14:01:58Z with the following error: "
        "one or more synchronization tasks completed unsuccessfully (retried 5 times).\n"
        f"Sync operation details are available at: {_OPERATION} .\n",
    ),
    "on-health-degraded": _argo_cd(
        "failure",
        f" Application web-staging has degraded.\nApplication details: {_APPLICATION}.\n",
        _APPLICATION,
    ),
}

#: By the reason of the event.
FLUX: Mapping[str, GitOpsStatus] = {
    "ReconciliationSucceeded": _flux("success", "reconciliation succeeded"),
    "ReconciliationFailed": _flux("failure", "reconciliation failed"),
    "HealthCheckFailed": _flux("failure", "health check failed"),
    "BuildFailed": _flux("failure", "build failed"),
    "ArtifactFailed": _flux("failure", "artifact failed"),
    "PruneFailed": _flux("failure", "prune failed"),
}
