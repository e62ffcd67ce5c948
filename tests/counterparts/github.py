"""The embedded GitHub server with what people do on GitHub's settings pages, which no demo needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitops_bot.demo import checks as statuses
from gitops_bot.demo import forge, git_http, landing
from gitops_bot.demo.http import Answer, Refused
from gitops_bot.demo.hub import Check, Deployment, DeploymentStatus
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection, Team
from tests.counterparts import signed_pushes
from tests.counterparts.apps import AppAccounts, AppGateway, Apps
from tests.counterparts.moments import next_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from gitops_bot.demo.bare import Bare
    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub
    from gitops_bot.demo.limits import Resource
    from gitops_bot.demo.rules import Settings


class Forge(forge.Forge):
    """Serves repositories, with their settings, protected branches, teams, checks and limits as a test wants them.

    Apps may be installed on it: `tests.counterparts.app`.
    """

    def __init__(
        self, folder: Path, *, tokens: Mapping[str, str], now: Callable[[], datetime] = forge.now, **options: Any
    ) -> None:
        super().__init__(folder, tokens=tokens, now=now, **options)
        self.apps = Apps(now)
        self.accounts = accounts = AppAccounts(tokens, self.apps)
        self.gateway = AppGateway(self.url, self.store, accounts, self.limits, self.apps)

    def bare(self, full_name: str) -> Bare:
        """The Git repository of `owner/name`."""
        return self.store.bare(self._named(full_name))

    def settings(self, full_name: str, **changes: bool) -> Settings:
        """Change settings of a repository (fields of `rules.Settings`) and return all of them."""
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            pulls.hub.settings = replace(pulls.hub.settings, **changes)
            return pulls.hub.settings

    def protect(self, full_name: str, branch: str | None = None, **rule: Any) -> None:
        """Replace the protection of a branch, by default the default branch, with these fields of `Protection`."""
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            pulls.hub.protected[branch or pulls.bare.default_branch()] = Protection(**rule)
            signed_pushes.enforce(pulls.bare, pulls.hub.protected)

    def unprotect(self, full_name: str, branch: str | None = None) -> None:
        """Remove the protection of a branch."""
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            pulls.hub.protected.pop(branch or pulls.bare.default_branch(), None)
            signed_pushes.enforce(pulls.bare, pulls.hub.protected)

    def team(self, full_name: str, slug: str, members: Sequence[str] = ()) -> None:
        """Give a team access to a repository."""
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            pulls.hub.teams[slug] = Team(pulls.hub.next_id(), slug, list(members))

    def report(self, full_name: str, commit: str, context: str, state: str = "success") -> None:
        """Set a commit status: `success`, `pending`, `failure` or `error`."""
        self._check(full_name, commit, Check(context, state))

    def check_run(
        self,
        full_name: str,
        commit: str,
        name: str,
        state: str = "success",
        *,
        app: str = "github-actions",
        url: str | None = None,
        text: str = "",
        suite: int = 1,
        workflow: str | None = None,
    ) -> None:
        """Report a check run of an App: its conclusion, or `queued` or `in_progress`."""
        check = Check(name, state, url=url, description=text, app=app, suite=suite, workflow=workflow)
        self._check(full_name, commit, check)

    def status(
        self,
        full_name: str,
        commit: str,
        context: str,
        state: str = "success",
        *,
        by: str = "argocd[bot]",
        url: str | None = None,
        text: str = "",
    ) -> None:
        """Set a commit status as a user, or as an App (`argocd[bot]`)."""
        self._check(full_name, commit, Check(context, state, by, url=url, description=text))

    def deployment(
        self,
        full_name: str,
        environment: str,
        commit: str,
        *states: str,
        by: str = "argocd[bot]",
        text: str | None = None,
        url: str | None = None,
    ) -> None:
        """Deploy a commit, with these states of the deployment one after the other."""
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            hub, at = pulls.hub, pulls.time()
            made = Deployment(hub.next_id(), commit, commit, "deploy", environment, text, by, at)
            hub.deployments.append(made)
            for state in states:
                made.statuses.append(DeploymentStatus(hub.next_id(), state, "", by, next_moment(pulls), url))

    def _check(self, full_name: str, commit: str, check: Check) -> None:
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            statuses.report(pulls.hub, commit, replace(check, at=next_moment(pulls)))

    def advance(self, full_name: str) -> tuple[int, ...]:
        """Process the merge queues of a repository and return the merged pull requests."""
        with self.store.opened(self._named(full_name), writes=True) as pulls:
            return landing.advance(pulls)

    def limit(
        self, *, remaining: int, resets_in: int = 3600, resources: Sequence[Resource] = ("core", "graphql")
    ) -> None:
        """Leave this many requests in the current rate-limit window, which ends in `resets_in` seconds."""
        for resource in resources:
            self.limits.set(resource, remaining, resets_in)

    def _git_hub(self, request: Request, owner: str, name: str, service: str) -> Hub:
        hub, token = super()._git_hub(request, owner, name, service), git_http.password(request)
        try:
            self.apps.use(token)
        except Invalid as invalid:
            raise git_http.unauthorized() if invalid.status == 401 else Refused(Answer(404)) from None
        if not self.accounts.sees(request, hub):
            raise Refused(Answer(404, b"Repository not found.\n"))
        if not self.accounts.may(request, hub, "contents", writes=service == "git-receive-pack"):
            who = self.accounts.whose(token)
            raise Refused(Answer(403, f"Permission to {hub.full_name}.git denied to {who}.\n".encode()))
        return hub

    def _named(self, full_name: str) -> Hub:
        hub = self.store.named(full_name)
        if hub is None:
            raise KeyError(full_name)
        return hub
