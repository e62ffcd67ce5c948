"""The API of the embedded GitHub server: REST below `/api/v3`, GraphQL at `/api/graphql`, as on GitHub Enterprise."""

from __future__ import annotations

import re
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from gitops_bot.demo import api, identity
from gitops_bot.demo.bare import GitFailed
from gitops_bot.demo.call import Call
from gitops_bot.demo.graphql_page import Visible
from gitops_bot.demo.http import Answer, find
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.shapes import Shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.demo.accounts import Accounts
    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.limits import Limits, Resource
    from gitops_bot.demo.store import Store

_API = re.compile(r"/api/v3/repos/(?P<owner>[^/]{1,40})/(?P<name>[^/]{1,110}?)(?P<rest>/.*)?")
_GRAPHQL = "/api/graphql"
_DOCUMENTATION = "https://docs.github.com/rest"


class Gateway:
    """Answers API requests; `site` is the URL of the pages, without a final slash."""

    routes = api.ROUTES
    #: Fields of a repository by GraphQL, besides those of `graphql_repository`.
    fields: ClassVar[Mapping[str, Callable[..., Json]]] = {}

    def __init__(self, site: str, store: Store, accounts: Accounts, limits: Limits) -> None:
        self.site, self.api = site, f"{site}/api/v3"
        self.store, self._accounts, self.limits = store, accounts, limits

    def answer(self, request: Request) -> Answer:
        """Answer a request, with the headers that GitHub always sends."""
        resource: Resource = "graphql" if request.path == _GRAPHQL else "core"
        try:
            answer = self._answer(request, resource)
        except Invalid as invalid:
            body = {"message": invalid.message, "documentation_url": _DOCUMENTATION, "status": str(invalid.status)}
            answer = Answer.json(invalid.status, {**body, "errors": invalid.errors} if invalid.errors else body)
        except GitFailed:
            answer = Answer.json(500, {"message": "Server Error", "documentation_url": _DOCUMENTATION})
        named = {"X-GitHub-Request-Id": secrets.token_hex(8).upper()}
        left = self.limits.headers(resource, known="authorization" in request.headers)
        scopes = self._accounts.scopes(request)
        classic = {} if scopes is None else {"X-OAuth-Scopes": ", ".join(scopes), "X-Accepted-OAuth-Scopes": "repo"}
        return Answer(answer.status, answer.body, {**answer.headers, **named, **left, **classic})

    def about(self, request: Request) -> tuple[str | None, bool]:
        """The full name of the repository that a request is about, in lower case, and whether the request writes."""
        match = _API.fullmatch(request.path)
        if match is not None:
            return f"{match['owner']}/{match['name']}".lower(), request.method != "GET"
        if request.path != _GRAPHQL:
            return None, request.method != "GET"
        from gitops_bot.demo import graphql_api

        try:
            subject = graphql_api.Request.read(request.body).subject
        except Invalid:
            return None, False
        for owner, name in subject.repositories:
            return f"{owner}/{name}".lower(), subject.writes
        for key in subject.nodes:
            if number := identity.repository_of(key):
                hub = self.store.numbered(number)
                return hub.full_name.lower() if hub else None, subject.writes
        return None, subject.writes

    def _answer(self, request: Request, resource: Resource) -> Answer:
        user = self._accounts.asking(request)
        if request.method == "GET" and request.path == "/api/v3/rate_limit":
            return Answer.json(200, self.limits.overview())
        if (refused := self.limits.refusal(resource, user)) is not None:
            return refused
        if resource == "graphql":
            return self._graphql(request, user)
        self.limits.take(resource)
        return self._rest(request, user)

    def _rest(self, request: Request, user: str | None) -> Answer:
        match = _API.fullmatch(request.path)
        hub = self.store.visible(f"{match['owner']}/{match['name']}", user) if match else None
        if match is None or hub is None or not self._in_scope(request, hub):
            raise Invalid(404, "Not Found")
        writes = request.method != "GET"
        with self.store.opened(hub, writes=writes) as pulls:
            answer = find(self.routes, request.method, match["rest"] or "")
            if answer is None:
                raise Invalid(404, "Not Found")
            call = Call(request, Shapes(self.api, self.site, pulls, user or ""))
            if writes:
                call.check_writes()
            return answer(call)

    def _in_scope(self, request: Request, hub: Hub) -> bool:
        """Whether the token's scopes allow this; if not, GitHub answers 404."""
        if hub.private:
            return self._accounts.may_see_private(request)
        return request.method == "GET" or self._accounts.may_write(request)

    def _graphql(self, request: Request, user: str | None) -> Answer:
        # Importing graphql-core takes 0.1 s, so it is imported with the first request.
        from gitops_bot.demo import graphql_api

        if user is None:
            raise Invalid(401, "This endpoint requires you to be authenticated.")
        if request.method != "POST":
            raise Invalid(404, "Not Found")
        parsed = graphql_api.Request.read(request.body)
        if parsed.subject.writes and not self._accounts.may_write(request):
            message = "Your token has not been granted the required scopes to execute this query."
            return Answer.json(200, {"errors": [{"type": "INSUFFICIENT_SCOPES", "message": message}]})
        self.limits.take("graphql", parsed.cost.points)
        with ExitStack() as stack:
            writes = parsed.subject.writes
            repositories = Visible(self.site, self.store, self._accounts, request, user, stack, writes, self.fields)
            return Answer.json(200, parsed.answer(repositories))
