"""An embedded GitHub: pull requests over REST, git over HTTP and a page for each pull request, on one loopback port.

`GITHUB_SERVER_URL` is its `url`, `GITHUB_API_URL` its `api_url`, laid out as on GitHub Enterprise. All of its state is
in one folder: `OWNER/NAME.git` and `OWNER/NAME.json` for each repository, so another run can serve it again.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING

from gitops_bot.demo import api, git_http, page
from gitops_bot.demo.bare import Bare, GitFailed, Person
from gitops_bot.demo.call import Call
from gitops_bot.demo.http import Answer, Refused, Route, Server, dispatch
from gitops_bot.demo.hub import Hub
from gitops_bot.demo.merging import write
from gitops_bot.demo.pulls import Invalid, PullRequests
from gitops_bot.demo.shapes import Shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Pull

_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_HERE = r"/(?P<owner>[^/]{1,40})/(?P<name>[^/]{1,110}?)"
_API = re.compile(rf"/api/v3/repos{_HERE}(?P<rest>/.*)?")
_DOCUMENTATION = "https://docs.github.com/rest"
#: GitHub's limits in requests an hour, with a token and without.
_LIMIT, _ANONYMOUS_LIMIT = 5000, 60


def _now() -> datetime:
    return datetime.now(UTC)


class Forge(Server):
    """Serves the repositories below `folder`; `port` as in `Server`.

    `tokens` says who each token is: everyone who has one may push, review and merge. `now` is the clock.
    """

    def __init__(
        self, folder: Path, *, tokens: Mapping[str, str], port: int = 0, now: Callable[[], datetime] = _now
    ) -> None:
        self.folder = folder
        self._tokens, self._now = dict(tokens), now
        self._lock = RLock()
        self._hubs = {hub.full_name.lower(): hub for hub in map(Hub.load, sorted(folder.glob("*/*.json")))}
        self._asked = 0
        self._api_routes = api.routes()
        service = f"(?P<service>{'|'.join(git_http.SERVICES)})"
        self._routes = [
            Route("GET", re.compile(rf"{_HERE}(?:\.git)?/info/refs"), self._advertise),
            Route("POST", re.compile(rf"{_HERE}(?:\.git)?/{service}"), self._serve_git),
            Route("GET", re.compile(rf"{_HERE}/pull/(?P<number>[0-9]{{1,9}})"), self._pull_page),
            Route("GET", re.compile(rf"{_HERE}(?:/pulls)?"), self._list_page),
        ]
        super().__init__(self._answer, port=port)

    @property
    def api_url(self) -> str:
        """Where the REST API is, without a slash at the end."""
        return f"{self.url}/api/v3"

    def create(
        self, full_name: str, files: Mapping[str, bytes], *, private: bool = False, branch: str = "main"
    ) -> Bare:
        """Make a repository with one commit that holds these files.

        Raises:
            ValueError: the name is none that GitHub allows, or taken.
        """
        if not _FULL_NAME.match(full_name) or full_name.endswith(".git") or full_name.lower() in self._hubs:
            raise ValueError(f"{full_name[:150]!r} cannot be the name of a new repository")
        owner, name = full_name.split("/")
        at = self._now()
        hub = Hub(owner, name, len(self._hubs) + 1, at.strftime("%Y-%m-%dT%H:%M:%SZ"), private=private)
        bare = Bare.create(self._bare(hub).path, branch=branch)
        author = Person(owner, f"{owner}@users.noreply.github.com")
        bare.move(branch, write(bare, files, message="Initial commit\n", author=author, at=at), expected=None)
        hub.save(self._file(hub))
        self._hubs[full_name.lower()] = hub
        return bare

    def bare(self, full_name: str) -> Bare:
        """The Git repository of `owner/name`."""
        return self._bare(self._hubs[full_name.lower()])

    def _bare(self, hub: Hub) -> Bare:
        return Bare((self.folder / hub.owner / f"{hub.name}.git").absolute())

    def _file(self, hub: Hub) -> Path:
        return self.folder / hub.owner / f"{hub.name}.json"

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith("/api/v3/"):
            return self._answer_api(request)
        answer = dispatch(self._routes, request)
        if answer is None:
            raise Refused(Answer(404, b"Not Found\n"))
        return answer

    # The API

    def _answer_api(self, request: Request) -> Answer:
        try:
            answer = self._call(request)
        except Invalid as refused:
            told = {"message": refused.message, "documentation_url": _DOCUMENTATION, "status": str(refused.status)}
            answer = Answer.json(refused.status, {**told, "errors": refused.errors} if refused.errors else told)
        except GitFailed:
            answer = Answer.json(500, {"message": "Server Error", "documentation_url": _DOCUMENTATION})
        return Answer(answer.status, answer.body, {**answer.headers, **self._counted(request)})

    def _call(self, request: Request) -> Answer:
        user = self._user(request)
        found = _API.fullmatch(request.path)
        hub = self._visible(found["owner"], found["name"], user) if found else None
        if found is None or hub is None:
            raise Invalid(404, "Not Found")
        with self._lock:
            pulls = self._pulls(hub)
            changed = pulls.sync()
            call = Call(request, user, pulls, Shapes(self.api_url, self.url, hub, pulls.bare))
            try:
                for route in self._api_routes:
                    fits = route.method == request.method and route.path.fullmatch(found["rest"] or "")
                    if fits:
                        return route.answer(call, **fits.groupdict())
            finally:
                if changed or request.method != "GET":
                    hub.save(self._file(hub))
        raise Invalid(404, "Not Found")

    def _pulls(self, hub: Hub) -> PullRequests:
        return PullRequests(hub, self._bare(hub), people=set(self._tokens.values()), now=self._now)

    def _user(self, request: Request) -> str | None:
        """Who asks: None without a token."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        user = self._whose(git_http.password(request) if kind.lower() == "basic" else token)
        if user is None:
            raise Invalid(401, "Bad credentials")
        return user

    def _whose(self, token: str | None) -> str | None:
        given = (token or "").encode()
        return next((user for known, user in self._tokens.items() if hmac.compare_digest(known.encode(), given)), None)

    def _visible(self, owner: str, name: str, user: str | None) -> Hub | None:
        hub = self._hubs.get(f"{owner}/{name}".lower())
        return None if hub is None or (hub.private and user is None) else hub

    def _counted(self, request: Request) -> dict[str, str]:
        """The headers that say how much of the rate limit is left, and name the request."""
        self._asked += 1
        limit = _LIMIT if "authorization" in request.headers else _ANONYMOUS_LIMIT
        return {
            "X-GitHub-Request-Id": secrets.token_hex(8).upper(),
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - self._asked, 0)),
            "X-RateLimit-Used": str(self._asked),
            "X-RateLimit-Reset": str(int(self._now().timestamp()) + 3600),
            "X-RateLimit-Resource": "core",
        }

    # Git

    def _advertise(self, request: Request, owner: str, name: str) -> Answer:
        service = request.query.get("service", "")
        if service not in git_http.SERVICES:
            raise Refused(Answer(403, b"Please upgrade your git client.\n"))
        hub = self._git_hub(request, owner, name, service)
        return git_http.advertise(request, self._bare(hub).path, service)

    def _serve_git(self, request: Request, owner: str, name: str, service: str) -> Answer:
        hub = self._git_hub(request, owner, name, service)
        answer = git_http.serve(request, self._bare(hub).path, service)
        if service == "git-receive-pack":
            with self._lock:
                self._pulls(hub).sync()
                hub.save(self._file(hub))
        return answer

    def _git_hub(self, request: Request, owner: str, name: str, service: str) -> Hub:
        """The repository, if this request may read or write it."""
        token = git_http.password(request)
        user = self._whose(token)
        hub = self._visible(owner, name, user)
        if user is None and (token is not None or hub is None or service == "git-receive-pack"):
            raise git_http.unauthorized()
        if hub is None:
            raise Refused(Answer(404, b"Repository not found.\n"))
        return hub

    # Pages, of public repositories only: a browser has no token

    def _pull_page(self, _: Request, owner: str, name: str, number: str) -> Answer:
        with self._lock:
            pulls = self._page_pulls(owner, name)
            pull = pulls.hub.pulls.get(int(number))
            if pull is None:
                raise Refused(Answer(404, b"Not Found\n"))
            return Answer(200, page.pull_page(pulls.hub, pull, pulls.diff(pull)), page.HEADERS)

    def _list_page(self, _: Request, owner: str, name: str) -> Answer:
        with self._lock:
            pulls = self._page_pulls(owner, name)
            newest: list[Pull] = pulls.list(state="all", head=None, base=None)
            return Answer(200, page.list_page(pulls.hub, newest), page.HEADERS)

    def _page_pulls(self, owner: str, name: str) -> PullRequests:
        hub = self._visible(owner, name, None)
        if hub is None:
            raise Refused(Answer(404, b"Not Found\n"))
        pulls = self._pulls(hub)
        pulls.sync()
        return pulls
