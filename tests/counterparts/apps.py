"""GitHub Apps of the tests' GitHub server: who they are, where they are installed, and the tokens that they get.

An App proves itself by a JSON Web Token, signed with its private key (RS256), and exchanges it for a token of one
installation, which ends after an hour and may be narrowed to repositories and permissions.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from gitops_bot.demo import identity
from gitops_bot.demo.accounts import Accounts
from gitops_bot.demo.call import Fields
from gitops_bot.demo.gateway import Gateway
from gitops_bot.demo.http import Answer
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.shapes import Shapes
from tests.counterparts import api_deployments, api_git, branch_rules, commit_checks
from tests.counterparts.issues import Issues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.limits import Limits, Resource
    from gitops_bot.demo.store import Store

_REPOSITORY = re.compile(r"/api/v3/repos/([^/]{1,40}/[^/]{1,110}?)(/.*)?")
_INSTALLATION = re.compile(r"/api/v3/repos/([^/]{1,40}/[^/]{1,110})/installation")
_ARTIFACTS = re.compile(r"/api/v3/orgs/([^/]{1,40})/artifacts/metadata/deployment-record")
_TOKENS = re.compile(r"/api/v3/app/installations/([0-9]{1,15})/access_tokens")
#: What begins so below a repository needs that permission; other paths need `metadata`.
_PERMISSIONS = (
    (r"/pulls/[0-9]+/merge", "contents"),
    (r"/issues$|/issues/1[0-9]{3}\b", "issues"),
    (r"/pulls|/issues/", "pull_requests"),
    (r"/deployments", "deployments"),
    (r"/commits/.+/statuses|/statuses/", "statuses"),
    (r"/commits/.+/check-runs", "checks"),
    (r"/branches/.+/protection", "administration"),
    (r"/branches/|/compare/|/git/|/activity", "contents"),
)
_LEVELS = ("read", "write", "admin")
#: Seconds: the longest validity of what an App signs.
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Installation:
    """An App on the repositories of one account: permission -> level."""

    number: int
    app: App
    owner: str
    repositories: frozenset[str]
    permissions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class App:
    """An App and the public half of its key."""

    number: int
    slug: str
    public_key: str


@dataclass(slots=True)
class Token:
    """A token of an installation. `unknown`: how many more requests are answered as if it did not exist."""

    installation: Installation
    repositories: frozenset[str]
    permissions: Mapping[str, str]
    ends: datetime
    unknown: int

    @property
    def user(self) -> str:
        """The account of the App."""
        return f"{self.installation.app.slug}[bot]"

    def covers(self, hub: Hub) -> bool:
        """Whether a repository is among those of the token."""
        return hub.full_name.lower() in self.repositories

    def may(self, hub: Hub, permission: str, *, writes: bool) -> bool:
        """Whether it may do this; everybody may read what is public."""
        if not self.covers(hub):
            return not (writes or hub.private)
        level = self.permissions.get(permission, "")
        return level in _LEVELS[writes:] or (not writes and not hub.private and permission == "contents")


@dataclass(slots=True)
class Apps:
    """The Apps of a server. `lifetime` is that of new tokens, in seconds, and `lag` their first `unknown`.

    `uses` counts the requests with a token of an App, and `end_after` is the use before which all tokens end, once.
    """

    now: Callable[[], datetime]
    lifetime: int = 3600
    lag: int = 0
    uses: int = 0
    end_after: int | None = None
    tokens: dict[str, Token] = field(default_factory=dict)
    known: dict[str, App] = field(default_factory=dict)
    installations: list[Installation] = field(default_factory=list)

    def token(self, text: str | None) -> Token | None:
        """The token with this text, if it is valid now."""
        token = self.tokens.get(text or "")
        return token if token is not None and self.now() < token.ends else None

    def use(self, text: str | None) -> None:
        """Count a request with a token.

        Raises:
            Invalid: all tokens end now, or this part of the server does not know the token yet.
        """
        token = self.tokens.get(text or "")
        if token is not None and self.uses == self.end_after:
            self.tokens.clear()
            self.end_after = None
            raise Invalid(401, "Bad credentials")
        self.uses += token is not None
        if token is not None and token.unknown > 0:
            token.unknown -= 1
            raise Invalid(404, "Not Found")

    def answer(self, request: Request, api: str, site: str) -> Answer | None:
        """Answer a request that an App makes as itself; None for any other."""
        if (request.method, request.path) == ("GET", "/api/v3/app"):
            app, at = self._app(request), self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            return Answer.json(200, commit_checks.app(api, site, app.number, app.slug, at))
        if request.method == "GET" and (match := _INSTALLATION.fullmatch(request.path)):
            app = self._app(request)
            for each in self.installations:
                if each.app is app and match[1].lower() in each.repositories:
                    return Answer.json(200, _show_installation(each, api, site, self.now()))
            raise Invalid(404, "Not Found")
        if request.method == "POST" and (match := _TOKENS.fullmatch(request.path)):
            app = self._app(request)
            for each in self.installations:
                if each.app is app and each.number == int(match[1]):
                    return self._issue(each, Fields.read(request))
            raise Invalid(404, "Not Found")
        return None

    def _app(self, request: Request) -> App:
        """Who signed a request."""
        import jwt  # with the first request of an App

        kind, _, text = request.headers.get("authorization", "").partition(" ")
        undecoded = Invalid(401, "A JSON web token could not be decoded")
        try:
            claims = jwt.decode(text, options={"verify_signature": False})
            app = self.known.get(str(claims["iss"]))
            if kind.lower() != "bearer":
                raise undecoded
            if app is None:
                raise Invalid(404, "Integration not found")
            claims = jwt.decode(
                text, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
            )
        except (jwt.PyJWTError, KeyError):
            raise undecoded from None
        now = self.now().timestamp()
        if not now < claims["exp"] <= now + _LONGEST or claims["iat"] > now:
            raise Invalid(401, "'Expiration time' claim ('exp') is not within ten minutes from now")
        return app

    def _issue(self, installation: Installation, fields: Fields) -> Answer:
        wanted = fields.values.get("permissions") or installation.permissions
        granted = installation.permissions
        if any(level not in _levels(granted.get(name)) for name, level in wanted.items()):
            raise Invalid(422, "The permissions requested are not granted to this installation.")
        names = {f"{installation.owner}/{name.lower()}" for name in fields.texts("repositories")}
        if not names <= installation.repositories:
            what = "There is at least one repository that does not exist or is not accessible to the parent "
            raise Invalid(422, f"{what}installation.")
        repositories = frozenset(names) or installation.repositories
        text, ends = f"ghs_{secrets.token_hex(18)}", self.now() + timedelta(seconds=self.lifetime)
        permissions = {"metadata": "read", **wanted}
        self.tokens[text] = Token(installation, repositories, permissions, ends, self.lag)
        shown: Json = {
            "token": text,
            "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions,
            "repository_selection": "selected",
        }
        return Answer.json(201, shown)


class AppAccounts(Accounts):
    """The users of a server and its Apps, whose tokens have permissions instead of scopes."""

    def __init__(self, tokens: Mapping[str, str], apps: Apps) -> None:
        super().__init__(tokens)
        self._apps = apps

    def whose(self, token: str | None) -> str | None:
        of_app = self._apps.token(token)
        return super().whose(token) if of_app is None else of_app.user

    def asking(self, request: Request) -> str | None:
        user = super().asking(request)
        self._apps.use(self.token(request))
        return user

    def may(self, request: Request, hub: Hub, permission: str, *, writes: bool) -> bool:
        token = self._apps.token(self.token(request))
        return token is None or token.may(hub, permission, writes=writes)

    def sees(self, request: Request, hub: Hub) -> bool:
        """Whether a token may know that a repository exists."""
        token = self._apps.token(self.token(request))
        return token is None or token.covers(hub) or not hub.private


class AppGateway(Gateway):
    """The API of a server where Apps may be installed, with what no demo needs: checks, deployments, commits."""

    routes = (*branch_rules.ROUTES, *commit_checks.ROUTES, *api_deployments.ROUTES, *api_git.ROUTES, *Gateway.routes)
    fields: ClassVar = {"deployments": api_deployments.graphql, "ref": branch_rules.graphql}

    def __init__(self, site: str, store: Store, accounts: AppAccounts, limits: Limits, apps: Apps) -> None:
        super().__init__(site, store, accounts, limits)
        self._of_apps, self._apps = accounts, apps
        #: The deployment records of artifacts, by organisation.
        self.artifacts: dict[str, list[Json]] = {}
        #: The issues of each repository, by its name in lower case.
        self.issues: defaultdict[str, Issues] = defaultdict(Issues)

    def _answer(self, request: Request, resource: Resource) -> Answer:
        answer = self._apps.answer(request, self.api, self.site) or self._recorded(request)
        return super()._answer(request, resource) if answer is None else answer

    def _recorded(self, request: Request) -> Answer | None:
        match = _ARTIFACTS.fullmatch(request.path)
        if match is None or request.method != "POST":
            return None
        if self._of_apps.asking(request) is None:
            raise Invalid(401, "Requires authentication")
        return api_deployments.record_artifact(self.artifacts.setdefault(match[1].lower(), []), Fields.read(request))

    def _rest(self, request: Request, user: str | None) -> Answer:
        match = _REPOSITORY.fullmatch(request.path)
        hub = self.store.visible(match[1], user) if match is not None else None
        if match is not None and hub is not None:
            if not self._of_apps.sees(request, hub):
                raise Invalid(404, "Not Found")
            if not self._of_apps.may(request, hub, permission_for(match[2] or ""), writes=request.method != "GET"):
                raise Invalid(403, "Resource not accessible by integration")
            if "/issues" in request.path:
                with self.store.opened(hub, writes=False) as pulls:
                    shapes = Shapes(self.api, self.site, pulls, user or "")
                    answer = self.issues[match[1].lower()].rest(shapes, request, match[2] or "")
                if answer is not None:
                    self.limits.take("core")
                    return answer
        return super()._rest(request, user)

    def _graphql(self, request: Request, user: str | None) -> Answer:
        name, _ = self.about(request)
        answer = (
            self.issues[name].graphql(request, user or "") if name is not None and request.method == "POST" else None
        )
        return super()._graphql(request, user) if answer is None else answer


def permission_for(rest: str) -> str:
    """The permission that a path below a repository needs."""
    return next((name for path, name in _PERMISSIONS if re.match(path, rest)), "metadata")


def _levels(granted: str | None) -> tuple[str, ...]:
    """The levels that a permission includes."""
    return _LEVELS[: _LEVELS.index(granted) + 1] if granted is not None else ()


def _show_installation(installation: Installation, api: str, site: str, now: datetime) -> Json:
    at, account = now.strftime("%Y-%m-%dT%H:%M:%SZ"), identity.user(api, site, installation.owner)
    here = f"{api}/app/installations/{installation.number}"
    return {
        "id": installation.number,
        "account": account,
        "repository_selection": "selected",
        "access_tokens_url": f"{here}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{site}/organizations/{installation.owner}/settings/installations/{installation.number}",
        "app_id": installation.app.number,
        "app_slug": installation.app.slug,
        "target_id": account["id"],
        "target_type": "Organization",
        "permissions": dict(installation.permissions),
        "events": [],
        "created_at": at,
        "updated_at": at,
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }
