"""The embedded GitHub server: REST, GraphQL, git over HTTP and web pages on one loopback port.

`GITHUB_SERVER_URL` is its `url` and `GITHUB_API_URL` its `api_url`, as on GitHub Enterprise. Its state is in one folder
(`store.py`), so a later run can serve it again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gitops_bot.demo import git_http
from gitops_bot.demo.accounts import Accounts
from gitops_bot.demo.gateway import Gateway
from gitops_bot.demo.http import Answer, Refused, Route, Server, find
from gitops_bot.demo.limits import Limits
from gitops_bot.demo.pages import REPOSITORY, Pages
from gitops_bot.demo.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gitops_bot.demo.bare import Bare
    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class Forge(Server):
    """Serves the repositories below `folder`; `port` as in `Server`.

    `tokens` maps tokens to logins; every user may push, review and merge. `now` is the clock. `visitor` is the user of
    the merge button on the pages; None: there is no button. `status` is as in `Pages`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tokens: Mapping[str, str],
        port: int = 0,
        now: Callable[[], datetime] = now,
        visitor: str | None = None,
        status: Callable[[str], bytes | None] | None = None,
    ) -> None:
        self.accounts = Accounts(tokens)
        self.store = Store(folder, self.accounts.people, now)
        self.limits = Limits(now)
        service = f"(?P<service>{'|'.join(git_http.SERVICES)})"
        self._routes = [
            Route("GET", rf"{REPOSITORY}(?:\.git)?/info/refs", self._advertise),
            Route("POST", rf"{REPOSITORY}(?:\.git)?/{service}", self._serve_git),
            *Pages(self.store, visitor, status).routes(),
        ]
        super().__init__(self._answer, port=port, own_pages=True)
        self.gateway = Gateway(self.url, self.store, self.accounts, self.limits)

    @property
    def api_url(self) -> str:
        """The URL of the REST API, without a final slash; GraphQL is at `/api/graphql`."""
        return self.gateway.api

    def create(
        self, full_name: str, files: Mapping[str, bytes], *, private: bool = False, branch: str = "main"
    ) -> Bare:
        """Create a repository with one commit that has these files.

        Raises:
            ValueError: the name is taken, or GitHub does not allow it.
        """
        return self.store.create(full_name, files, private=private, branch=branch)

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith("/api/"):
            return self._answer_api(request)
        answer = find(self._routes, request.method, request.path)
        if answer is None:
            raise Refused(Answer(404, b"Not Found\n"))
        return answer(request)

    def _answer_api(self, request: Request) -> Answer:
        return self.gateway.answer(request)

    # Git

    def _advertise(self, request: Request, owner: str, name: str) -> Answer:
        service = request.query.get("service", "")
        if service not in git_http.SERVICES:
            raise Refused(Answer(403, b"Please upgrade your git client.\n"))
        hub = self._git_hub(request, owner, name, service)
        return git_http.advertise(request, self.store.bare(hub).path, service)

    def _serve_git(self, request: Request, owner: str, name: str, service: str) -> Answer:
        hub = self._git_hub(request, owner, name, service)
        answer = git_http.serve(request, self.store.bare(hub).path, service)
        if service == "git-receive-pack":
            with self.store.opened(hub, writes=False):
                pass  # opening the repository updates its pull requests
        return answer

    def _git_hub(self, request: Request, owner: str, name: str, service: str) -> Hub:
        """The repository, if this request may read or write it."""
        token = git_http.password(request)
        user = self.accounts.whose(token)
        hub = self.store.visible(f"{owner}/{name}", user)
        writes = service == "git-receive-pack"
        if user is None and (token is not None or hub is None or writes):
            raise git_http.unauthorized()
        if hub is None:
            raise Refused(Answer(404, b"Repository not found.\n"))
        if writes and not self.accounts.may_write(request):
            raise Refused(Answer(403, f"Permission to {hub.full_name}.git denied to {user}.\n".encode()))
        if writes and hub.settings.archived:
            raise Refused(Answer(403, b"This repository was archived so it is read-only.\n"))
        return hub
