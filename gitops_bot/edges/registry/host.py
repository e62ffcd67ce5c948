"""One registry, and the way it authenticates requests (`WWW-Authenticate`: RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import NoResponse, Tuning, UnsafeAddress, follow_own, host_of, origin
from gitops_bot.edges.registry.failure import Refused, Untrusted, error_message
from gitops_bot.edges.registry.login import Basic, IdentityToken, basic, secrets
from gitops_bot.edges.registry.manifest import ACCEPT, MANIFEST_BYTES
from gitops_bot.edges.registry.pages import PAGE_BYTES
from gitops_bot.edges.registry.tokens import Bearer
from gitops_bot.images.reference import DOCKER_HUB, ImageName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.http import Answer, Http
    from gitops_bot.edges.registry.login import Login
    from gitops_bot.edges.registry.tokens import Tokens


#: Characters of the header that are read; a real one has about 200.
HEADER_LIMIT = 4096

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar of a token, not one
_GAP = re.compile(r"[\s,]*")
# The value should be a token or quoted, but servers leave the quotes off URLs too.
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=]+)(?=[\s,]|\Z))')
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|\Z)")
_JUNK = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,\s])+|.', re.DOTALL)


class Challenge(NamedTuple):
    """One challenge: the scheme in lower case, and its parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str]


def challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges of a header (repeated headers joined by commas) in order, without what cannot be parsed.

    A parameter belongs to the last scheme before it; of two with one name the first counts.
    """
    parsed: list[Challenge] = []
    text, at = header[:HEADER_LIMIT], 0
    while (at := _GAP.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # matches the empty string too
        if parameter := _PARAMETER.match(text, at):
            name, quoted, bare = parameter.groups()
            if parsed:
                value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
                parsed[-1].parameters.setdefault(name.lower(), value)
            at = parameter.end()
        elif scheme := _SCHEME.match(text, at):
            parsed.append(Challenge(scheme[1].lower(), {}))
            at = scheme.end()
        else:
            at = _JUNK.match(text, at).end()  # type: ignore[union-attr]  # matches any character
    return tuple(parsed)


#: Azure wants the second for a list of tags. Write access is never requested, whatever a registry proposes.
_READING = frozenset({"pull", "metadata_read", "content_read"})
#: Tries: anonymously, with a cached token, with a new one, and once more if the registry then wants another action.
_TRIES = 4
#: Seconds that other requests wait for the first one to finish.
HEAD_START = 5.0

#: By the registry's token server, or by user name and password; None until the registry asks for one of them.
_Authentication = Bearer | Literal["password"] | None


class Host:
    """Queries one registry. The challenge of its first 401 is used for all its repositories."""

    def __init__(self, http: Http, tokens: Tokens, base: httpx.URL, *, head_start: float = HEAD_START) -> None:
        self._http = http
        self._tokens = tokens
        self._base = base
        self._root = str(base).rstrip("/")
        self._authentication: _Authentication = None
        self._head_start = head_start
        self._first = threading.Semaphore(1)
        self._met = threading.Event()
        self._out_of_reach: NoResponse | None = None

    def ask(
        self, method: str, path: str, rest: str, login: Login, *, accept: str, limit: int, api: str = "v2"
    ) -> Answer:
        """The answer, of status 200, to a request for `/v2/<path>/<rest>`; `limit` bounds its body in bytes.

        The first request goes alone for a few seconds, so that the others need not repeat what it finds out: a
        challenge, or that the host cannot be reached.

        Raises:
            Refused: any other status.
            NoResponse, Untrusted: no usable answer.
        """
        is_first = not self._met.is_set() and self._first.acquire(blocking=False)
        if not is_first:
            self._met.wait(self._head_start)
            if self._out_of_reach is not None:
                raise self._out_of_reach
        try:
            return self._ask(method, path, rest, login, accept, limit, api)
        except NoResponse as failure:
            if is_first and self._concerns_all(failure):
                self._out_of_reach = failure
            raise
        finally:
            if is_first:
                self._met.set()

    @property
    def scheme(self) -> str:
        """`https`, or `http` where that is allowed."""
        return self._base.scheme

    @property
    def service(self) -> str:
        """What the registry calls itself where it says who gives tokens; empty if it did not."""
        return self._authentication.service if isinstance(self._authentication, Bearer) else ""

    def _concerns_all(self, failure: NoResponse) -> bool:
        """Whether the registry itself or its token server cannot be reached, rather than the target of a redirect."""
        needed = {self._base.netloc.decode("ascii")}
        if isinstance(self._authentication, Bearer):
            needed.add(httpx.URL(self._authentication.realm).netloc.decode("ascii"))
        return not failure.reached and failure.host in needed

    def _ask(self, method: str, path: str, rest: str, login: Login, accept: str, limit: int, api: str) -> Answer:
        url = httpx.URL(f"{self._root}/{api}/{path}/{rest}")
        rejected: str | None = None
        for _ in range(_TRIES):
            authentication = self._authentication
            authorization, fresh = self._authorization(authentication, path, login, rejected)
            headers = {"Accept": accept, "Authorization": authorization} if authorization else {"Accept": accept}
            answer = self._http.request(method, url, headers, limit=limit)
            if answer.status == 200:
                return answer
            if answer.status != 401 or origin(answer.url) != origin(self._base):
                break
            offered = self._offered(answer, authentication, path)
            if offered is None or (offered == authentication and fresh):
                break  # no way to authenticate, or it was tried: the permission is missing
            rejected = authorization.removeprefix("Bearer ") if authorization and offered == authentication else None
            self._authentication = offered
            if offered == "password" and not isinstance(login.credential, Basic | IdentityToken):
                break
        sent = {*secrets(login.credential), (authorization or "").partition(" ")[2]}
        elsewhere = origin(answer.url) != origin(self._base)
        raise Refused(answer.status, answer.host, error_message(answer.body, sent), elsewhere=elsewhere)

    def _authorization(
        self, authentication: _Authentication, path: str, login: Login, rejected: str | None
    ) -> tuple[str | None, bool]:
        """The `Authorization` header (None to send none), and whether it is the newest that there can be."""
        match authentication, login.credential:
            case Bearer(), credential:
                token, fresh = self._tokens.get(authentication, path, credential, rejected=rejected)
                return f"Bearer {token}", fresh
            case "password", Basic() | IdentityToken() as credential:
                return basic(credential), True
            case _:
                return None, True

    def _offered(self, answer: Answer, authentication: _Authentication, path: str) -> _Authentication:
        """The authentication that a 401 asks for: tokens before passwords, with all actions asked for so far."""
        offers = challenges(answer.headers.get("www-authenticate", ""))
        for offer in offers:
            if offer.scheme == "bearer" and (realm := offer.parameters.get("realm")):
                try:
                    address = follow_own(self._base, realm).copy_with(fragment=None)
                except UnsafeAddress as unsafe:
                    raise Untrusted(
                        f"names as its token server {unsafe}", "No credentials were sent there."
                    ) from unsafe
                bearer = Bearer(str(address), offer.parameters.get("service", ""))
                before = authentication.actions if isinstance(authentication, Bearer) else frozenset()
                # What a challenge asks for in this repository; scopes of others are placeholders.
                pattern = rf"(?:^|\s)repository:{re.escape(path)}:([a-z_,*]+)"
                wanted = ",".join(re.findall(pattern, offer.parameters.get("scope", ""))).split(",")
                return replace(bearer, actions=bearer.actions | before | _READING.intersection(wanted))
        return "password" if any(offer.scheme == "basic" for offer in offers) else None


@dataclass(frozen=True, slots=True)
class ImageRepository:
    """The repository of an image, as one login reads it. Its methods raise what `Host.ask` raises.

    `location` is where it is read: the image's own name, or one below the mirror of its registry.
    """

    image: ImageName
    location: ImageName
    host: Host
    login: Login

    def get(self, rest: str, accept: str, limit: int, *, method: str = "GET", api: str = "v2") -> Answer:
        """The answer to a request for a path below the repository; `limit` bounds its body in bytes."""
        return self.host.ask(method, self.location.path, rest, self.login, accept=accept, limit=limit, api=api)

    def manifest(self, method: str, reference: str) -> Answer:
        """The manifest of a tag or digest, or its headers only with the method `HEAD`."""
        return self.get(f"manifests/{reference}", ACCEPT, MANIFEST_BYTES, method=method)

    def tag_list(self, query: str) -> Answer:
        """A page of the list of tags."""
        return self.get(f"tags/list?{query}" if query else "tags/list", "application/json", PAGE_BYTES)


def location(image: ImageName, access: Mapping[str, RegistryAccess]) -> ImageName:
    """Where an image is read: below its registry's mirror, if it has one, and nowhere else.

    The bot never falls back to the registry itself: which of the two answered would decide what is proposed, and a
    mirror is often used because the registry cannot be reached.
    """
    mirror = access[image.registry].mirror if image.registry in access else None
    if mirror is None:
        return image
    host, slash, path = mirror.partition("/")
    return ImageName(host.lower(), path + slash + image.path)


def base_url(registry: str, access: RegistryAccess) -> httpx.URL:
    """The API of a registry; Docker Hub has another host, and plain http is used only where allowed.

    Raises:
        Untrusted: the name is not a valid host and port.
    """
    host = "registry-1.docker.io" if registry == DOCKER_HUB else registry
    try:
        url = httpx.URL(f"https://{host}/")
    except httpx.InvalidURL as error:
        raise Untrusted("is not a valid host and port", "Check the name of the image.") from error
    return url.copy_with(scheme="http") if access.plain_http or is_loopback(host_of(url)) else url


def tunings(access: Mapping[str, RegistryAccess]) -> dict[str, Tuning]:
    """The limits of each registry by its host, without those whose name is not a host: their images report that."""
    by_host: dict[str, Tuning] = {}
    for registry, settings in access.items():
        with suppress(Untrusted):
            host = base_url(registry, settings).netloc.decode("ascii")
            by_host[host] = Tuning(settings.concurrency or Tuning().concurrency, settings.rate)
    return by_host
