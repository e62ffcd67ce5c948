"""One registry, and how the bot is let in there."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import Misled, Unanswered, follow_own, host_of, origin
from gitops_bot.edges.registry.challenge import challenges
from gitops_bot.edges.registry.failure import Refused, Untrusted, said
from gitops_bot.edges.registry.login import Basic, IdentityToken, basic, secrets
from gitops_bot.edges.registry.tokens import Bearer
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.http import Answer, Http
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.edges.registry.tokens import Tokens

#: Azure wants the second for a list of tags; nothing that writes is ever asked for, whatever a registry proposes.
_READING = frozenset({"pull", "metadata_read", "content_read"})
#: Without a way in, with a kept token, with a new one, and once more where the registry then names another action.
_TRIES = 4
#: Seconds that the first request goes alone at most: a slow one must not hold up the others.
ALONE = 5.0


@dataclass(frozen=True, slots=True)
class _ByPassword:
    """A registry's way in by user name and password."""


_Way = Bearer | _ByPassword


class Host:
    """Asks one registry. What its first 401 taught is used for every repository after it."""

    def __init__(self, http: Http, tokens: Tokens, base: httpx.URL, *, alone: float = ALONE) -> None:
        self._http = http
        self._tokens = tokens
        self._base = base
        self._root = str(base).rstrip("/")
        self._way: _Way | None = None
        self._alone = alone
        self._first = threading.Semaphore(1)
        self._met = threading.Event()
        self._out_of_reach: Unanswered | None = None

    def ask(self, method: str, path: str, rest: str, login: Login, *, accept: str, limit: int) -> Answer:
        """The answer, of status 200, to a request below `/v2/<path>/`; `limit` bounds its body in bytes.

        The first request goes alone for a few seconds: what it learns (a challenge, a host that cannot be reached)
        spares the others from learning it again.

        Raises:
            Refused: any other status.
            Unanswered, Untrusted: see there.
        """
        if not self._met.is_set() and self._first.acquire(blocking=False):
            try:
                return self._ask(method, path, rest, login, accept, limit)
            except Unanswered as failure:
                self._out_of_reach = failure if self._concerns_all(failure) else None
                raise
            finally:
                self._met.set()
        self._met.wait(self._alone)
        if self._out_of_reach is not None:
            raise self._out_of_reach
        return self._ask(method, path, rest, login, accept, limit)

    def _concerns_all(self, failure: Unanswered) -> bool:
        """Whether no repository can be read: the registry or its token server, and no redirect, is out of reach."""
        needed = {self._base.netloc.decode("ascii")}
        if isinstance(self._way, Bearer):
            needed.add(httpx.URL(self._way.realm).netloc.decode("ascii"))
        return not failure.reached and failure.host in needed

    def _ask(self, method: str, path: str, rest: str, login: Login, accept: str, limit: int) -> Answer:
        url = httpx.URL(f"{self._root}/v2/{path}/{rest}")
        rejected: str | None = None
        for _ in range(_TRIES):
            way = self._way
            shown, fresh = self._show(way, path, login, rejected)
            headers = {"Accept": accept, "Authorization": shown} if shown else {"Accept": accept}
            answer = self._http.request(method, url, headers, limit=limit)
            if answer.status == 200:
                return answer
            if answer.status != 401 or origin(answer.url) != origin(self._base):
                break
            offered = self._offered(answer, way, path)
            if offered is None or (offered == way and fresh):
                break  # no way in, or it was tried: then it is the permission that is missing
            rejected = shown.removeprefix("Bearer ") if shown and offered == way else None
            self._way = offered
            if isinstance(offered, _ByPassword) and not isinstance(login.credential, Basic | IdentityToken):
                break
        sent = {*secrets(login.credential), (shown or "").partition(" ")[2]}
        elsewhere = origin(answer.url) != origin(self._base)
        raise Refused(answer.status, answer.host, said(answer.body, sent), elsewhere=elsewhere)

    def _show(self, way: _Way | None, path: str, login: Login, rejected: str | None) -> tuple[str | None, bool]:
        """The value of `Authorization` (None to go without), and whether there is no newer one to be had."""
        match way, login.credential:
            case Bearer(), credential:
                token, fresh = self._tokens.get(way, path, credential, rejected=rejected)
                return f"Bearer {token}", fresh
            case _ByPassword(), Basic() | IdentityToken() as credential:
                return basic(credential), True
            case _:
                return None, True

    def _offered(self, answer: Answer, way: _Way | None, path: str) -> _Way | None:
        """The way in that a 401 names: tokens before passwords, with every action that was ever asked for."""
        offers = challenges(answer.headers.get("www-authenticate", ""))
        for offer in offers:
            if offer.scheme == "bearer" and (realm := offer.parameters.get("realm")):
                try:
                    address = follow_own(self._base, realm).copy_with(fragment=None)
                except Misled as misled:
                    raise Untrusted(
                        f"names as its token server {misled}", "No credentials were sent there."
                    ) from misled
                bearer = Bearer(str(address), offer.parameters.get("service", ""))
                before = way.actions if isinstance(way, Bearer) else frozenset()
                asked = _actions(offer.parameters.get("scope", ""), path)
                return replace(bearer, actions=bearer.actions | before | asked)
        return _ByPassword() if any(offer.scheme == "basic" for offer in offers) else None


def base_url(registry: str, access: RegistryAccess) -> httpx.URL:
    """Where the API of a registry is: Docker Hub has it under another name, and plain http is for the trusted.

    Raises:
        Untrusted: the name is no host and port.
    """
    host = "registry-1.docker.io" if registry == DOCKER_HUB else registry
    try:
        url = httpx.URL(f"https://{host}/")
    except httpx.InvalidURL as error:
        raise Untrusted("is not a valid host and port", "Check the name of the image.") from error
    return url.copy_with(scheme="http") if access.plain_http or is_loopback(host_of(url)) else url


def _actions(scope: str, path: str) -> frozenset[str]:
    """The reading actions that a challenge asks for in this repository; scopes of others are placeholders."""
    found = re.findall(rf"(?:^|\s)repository:{re.escape(path)}:([a-z_,*]+)", scope)
    return frozenset(",".join(found).split(",")) & _READING
