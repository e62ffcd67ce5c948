"""One registry, the way it authenticates requests, and the time that its images have.

Challenges: `WWW-Authenticate` (RFC 9110, 11.6.1). Tokens: "Token Authentication" of the distribution project, and its
OAuth 2 variant for identity tokens.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlencode

import httpx

from gitops_bot import redact
from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import Allowance, Limit, NoResponse, UnsafeAddress, follow_own, host_of, origin, parse_json
from gitops_bot.edges.registry.credentials import Basic, IdentityToken, RegistryToken, basic, secrets
from gitops_bot.edges.registry.documents import Documents
from gitops_bot.edges.registry.failure import Refused, Untrusted, error_message
from gitops_bot.edges.registry.manifest import ACCEPT, CONFIG_BYTES, MANIFEST_BYTES, document, resolve_by_content
from gitops_bot.images.reference import DOCKER_HUB, ImageName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.http import Answer, Http
    from gitops_bot.edges.registry.credentials import Credential, Login
    from gitops_bot.edges.registry.manifest import Document


#: Characters of the header that are read; a real one has about 200.
HEADER_LIMIT = 4096

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar of a token, not one
#: A parameter (its value should be a token or quoted, but servers leave the quotes off URLs too), a scheme, or junk.
_PART = re.compile(
    rf'(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"=]+)(?=[\s,]|\Z))'
    rf'|(?P<scheme>{_TOKEN})(?=[\s,]|\Z)|(?:"(?:[^"\\]|\\.)*"|[^,\s])+',
    re.DOTALL,
)


class Challenge(NamedTuple):
    """One challenge: the scheme in lower case, and its parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str]


def challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges of a header (repeated ones joined by commas) in order, without what cannot be parsed. A parameter
    belongs to the last scheme before it; of two with one name the first counts.
    """
    parsed: list[Challenge] = []
    for part in _PART.finditer(header[:HEADER_LIMIT]):
        name, quoted, bare, scheme = part.groups()
        if scheme:
            parsed.append(Challenge(scheme.lower(), {}))
        elif name and parsed:
            value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            parsed[-1].parameters.setdefault(name.lower(), value)
    return tuple(parsed)


#: Bytes of a token server's answer.
_BODY = 64 * 1024
#: Seconds: the shortest (and default) and longest lifetime of a token, and how early it is renewed.
_SHORTEST, _LONGEST, _EARLY = 60.0, 3600.0, 10.0


@dataclass(frozen=True, slots=True)
class Bearer:
    """A registry's token server, the service it asks for, and the actions to request."""

    realm: httpx.URL
    service: str
    actions: frozenset[str] = frozenset({"pull"})


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    expires: float = 0.0


@dataclass(slots=True)
class Tokens:
    """Gets tokens and keeps them until shortly before they expire. Safe to use from many threads."""

    http: Http
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _slots: dict[tuple[Bearer, str, Credential | None], _Slot] = field(default_factory=dict)

    def get(
        self, bearer: Bearer, path: str, credential: Credential | None, *, rejected: str | None
    ) -> tuple[str, bool]:
        """A token for the repository `path`, never the one that was just `rejected`; and whether it is new."""
        if isinstance(credential, RegistryToken):
            return credential.token, True
        with self._lock:
            slot = self._slots.setdefault((bearer, path, credential), _Slot())
        with slot.lock:
            now = self.clock.monotonic()
            if slot.token != rejected and now < slot.expires:
                return slot.token, False
            slot.token, seconds = self._fetch(bearer, path, credential)
            redact.learn(slot.token, passing=True)
            slot.expires = now + seconds - _EARLY
            return slot.token, True

    def _fetch(self, bearer: Bearer, path: str, credential: Credential | None) -> tuple[str, float]:
        """A new token, and its lifetime in seconds."""
        # The actions in a stable order.
        actions = ",".join(sorted(bearer.actions, key=lambda action: (action != "pull", action)))
        about = {"service": bearer.service} if bearer.service else {}
        about["scope"] = f"repository:{path}:{actions}"
        answer: Answer | None = None
        if isinstance(credential, IdentityToken):
            form = {
                "grant_type": "refresh_token",
                "client_id": "gitops-bot",
                **about,
                "refresh_token": credential.token,
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            answer = self.http.request("POST", bearer.realm, kind, content=urlencode(form).encode("ascii"), limit=_BODY)
        if answer is None or answer.status in (404, 405):  # an older server, without OAuth 2
            headers = {"Accept": "application/json"}
            if isinstance(credential, Basic | IdentityToken):
                headers["Authorization"] = basic(credential)
            answer = self.http.request("GET", bearer.realm.copy_merge_params(about), headers, limit=_BODY)
        if answer.status != 200:
            message = error_message(answer.body, secrets(credential))
            raise Refused(answer.status, answer.host, message, token_server=True)
        parsed = parse_json(answer.body)
        document: Mapping[str, Any] = parsed if isinstance(parsed, dict) else {}
        token, lifetime = document.get("token") or document.get("access_token"), document.get("expires_in")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise Untrusted(f"names a token server, {answer.host}, whose answer holds no token")
        # NaN compares false; a huge integer would not fit a float.
        if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and lifetime > _SHORTEST:
            return token, min(lifetime, _LONGEST)
        return token, _SHORTEST


# Time limits for the images of one registry: each has its own, and a short one once the registry stops answering.


#: Seconds for an image while the registry is slow.
SLOW_REGISTRY_SECONDS = 5.0
_ADVICE = "Run again later, or ask the registry's operator why it is slow; other images were not affected."


@dataclass(slots=True)
class ImageLimits:
    """The time limit of each image of one registry. A hundred images must not take a hundred times as long.

    Once an image ran out of time and nothing was answered during the last quarter of it, the others get only seconds,
    until one is answered: then it is not the registry that is slow. `seconds` are for everything that a run asks about
    one image.
    """

    clock: Clock
    seconds: float
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _spent: dict[ImageName, float] = field(default_factory=dict)
    _last_answer: float = float("-inf")
    _slow: bool = False

    @contextmanager
    def question(self, image: ImageName) -> Iterator[Allowance]:
        """The time for one question, which counts against its image. `NoResponse` in the block means no answer."""
        allowance = Allowance(self.clock, lambda: self._limit(image))
        answered = True
        try:
            yield allowance
        except NoResponse:
            answered = False
            raise
        finally:
            with self._lock:
                now = self.clock.monotonic()
                if answered:
                    self._last_answer, self._slow = now, False
                elif allowance.remaining <= 0 and now - self._last_answer > self.seconds / 4:
                    self._slow = True
                self._spent[image] = self._spent.get(image, 0.0) + allowance.spent

    def _limit(self, image: ImageName) -> Limit:
        limit = min(SLOW_REGISTRY_SECONDS, self.seconds) if self._slow else self.seconds
        left = min(limit, self.seconds - self._spent.get(image, 0.0))
        return Limit(left, f"took more than {limit:g} s for this image", _ADVICE)


#: Azure wants the second for a list of tags. Write access is never requested, whatever a registry proposes.
_READING = frozenset({"pull", "metadata_read", "content_read"})
#: Tries: anonymously, with a cached token, with a new one, and once more if the registry then wants another action.
_TRIES = 4
#: Seconds that other requests wait for the first one to finish.
HEAD_START = 5.0

#: By the registry's token server, or by user name and password; None until the registry asks for one of them.
_Authentication = Bearer | Literal["password"] | None


@dataclass(slots=True)
class Host:
    """One registry. The challenge of its first 401 is used for all its repositories."""

    http: Http
    tokens: Tokens
    #: The address that all paths are below: it ends with a slash.
    base: httpx.URL
    limits: ImageLimits
    seconds: float = HEAD_START
    authentication: _Authentication = None
    #: For the large lists of tags that are read at a time.
    places: threading.Semaphore = field(default_factory=threading.Semaphore)
    _first: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))
    _met: threading.Event = field(default_factory=threading.Event)
    _out_of_reach: NoResponse | None = None

    @contextmanager
    def head_start(self) -> Iterator[None]:
        """The first request goes alone for a few seconds, so that the others need not repeat what it finds out: a
        challenge, or that the host cannot be reached.
        """
        is_first = not self._met.is_set() and self._first.acquire(blocking=False)
        if not is_first:
            self._met.wait(self.seconds)
            if self._out_of_reach is not None:
                raise self._out_of_reach
        try:
            yield
        except NoResponse as failure:
            # The registry itself or its token server, rather than the target of a redirect.
            needed = {self.base.netloc.decode("ascii")}
            if isinstance(self.authentication, Bearer):
                needed.add(self.authentication.realm.netloc.decode("ascii"))
            if is_first and not failure.reached and failure.host in needed:
                self._out_of_reach = failure
            raise
        finally:
            if is_first:
                self._met.set()

    @property
    def service(self) -> str:
        """What the registry calls itself where it says who gives tokens; empty if it did not."""
        return self.authentication.service if isinstance(self.authentication, Bearer) else ""

    def offer(self, answer: Answer, authentication: _Authentication, path: str) -> _Authentication:
        """The authentication that a 401 asks for: tokens before passwords, with all actions asked for so far."""
        offers = challenges(answer.headers.get("www-authenticate", ""))
        for offer in offers:
            if offer.scheme == "bearer" and (realm := offer.parameters.get("realm")):
                try:
                    address = follow_own(self.base, realm).copy_with(fragment=None)
                except UnsafeAddress as unsafe:
                    raise Untrusted(
                        f"names as its token server {unsafe}", "No credentials were sent there."
                    ) from unsafe
                bearer = Bearer(address, offer.parameters.get("service", ""))
                before = authentication.actions if isinstance(authentication, Bearer) else frozenset()
                # What a challenge asks for in this repository; scopes of others are placeholders.
                pattern = rf"(?:^|\s)repository:{re.escape(path)}:([a-z_,*]+)"
                wanted = ",".join(re.findall(pattern, offer.parameters.get("scope", ""))).split(",")
                return replace(bearer, actions=bearer.actions | before | _READING.intersection(wanted))
        return "password" if any(offer.scheme == "basic" for offer in offers) else None


@dataclass(frozen=True, slots=True)
class ImageRepository:
    """The repository of an image, as one login reads it, at `location`: its own name, or one below a mirror."""

    image: ImageName
    location: ImageName
    host: Host
    login: Login
    documents: Documents = field(default_factory=Documents)
    #: Digests of the documents that this repository sent itself.
    sent: set[str] = field(default_factory=set)

    def get(
        self, rest: str, accept: str, limit: int, *, method: str = "GET", api: str = "v2", etag: str = ""
    ) -> Answer:
        """The answer, of status 200, to a request for `/v2/<path>/<rest>`, at most `limit` bytes. With the `etag` of an
        earlier answer it may be of status 304, if that answer still holds.
        """
        host, path, credential = self.host, self.location.path, self.login.credential
        try:
            url = httpx.URL(f"{host.base}{api}/{path}/{rest}")
        except httpx.InvalidURL as error:  # the parts are valid, but together longer than httpx allows
            advice = "Report this to the registry's operator."
            raise Untrusted("leads to an address that is not supported", advice) from error
        rejected: str | None = None
        with host.head_start():
            for _ in range(_TRIES):
                authentication = host.authentication
                # `fresh`: whether this is the newest authorization that there can be.
                authorization, fresh = "", True
                match authentication, credential:
                    case Bearer(), _:
                        token, fresh = host.tokens.get(authentication, path, credential, rejected=rejected)
                        authorization = f"Bearer {token}"
                    case "password", Basic() | IdentityToken():
                        authorization = basic(credential)
                headers = {"Accept": accept}
                headers |= {"Authorization": authorization} if authorization else {}
                headers |= {"If-None-Match": etag} if etag else {}
                answer = host.http.request(method, url, headers, limit=limit)
                if answer.status == 200 or (etag and answer.status == 304):
                    return answer
                if answer.status != 401 or origin(answer.url) != origin(host.base):
                    break
                offered = host.offer(answer, authentication, path)
                if offered is None or (offered == authentication and fresh):
                    break  # no way to authenticate, or it was tried: the permission is missing
                rejected = authorization.removeprefix("Bearer ") if offered == authentication else None
                host.authentication = offered
                if offered == "password" and not isinstance(credential, Basic | IdentityToken):
                    break
            message = error_message(answer.body, {*secrets(credential), authorization.partition(" ")[2]})
            raise Refused(answer.status, answer.host, message, elsewhere=origin(answer.url) != origin(host.base))

    def manifest(self, method: str, reference: str) -> Answer:
        """The manifest of a tag or digest, or its headers only with the method `HEAD`."""
        return self.get(f"manifests/{reference}", ACCEPT, MANIFEST_BYTES, method=method)

    def read(self, tag: str) -> str:
        """The digest of a tag, by the bytes of its manifest, which are remembered."""
        answer = self.manifest("GET", tag)
        digest = resolve_by_content(answer, tag)
        if self.remember(digest, answer, "a manifest"):
            self.documents.name(f"{self.location}:{tag}", digest)
        return digest

    def document(self, digest: str, *, config: bool = False) -> Document:
        """The manifest or index of that digest, or the configuration; the registry is asked unless it was read."""
        if (known := self.documents.get(digest)) is not None:
            content: Document = parse_json(known)
            return content
        if config:
            return self.remember(digest, self.get(f"blobs/{digest}", "*/*", CONFIG_BYTES), "a configuration")
        return self.remember(digest, self.get(f"manifests/{digest}", ACCEPT, MANIFEST_BYTES), "a manifest")

    def remember(self, digest: str, answer: Answer, wanted: str) -> Document:
        """The document in an answer, which is remembered once its digest is verified: for every repository."""
        content = document(answer, digest, wanted)
        self.sent.add(digest)
        if content:
            self.documents.keep(digest, answer.body)
        return content


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
    """The API of a registry; Docker Hub has another host, and plain http is used only where allowed."""
    host = "registry-1.docker.io" if registry == DOCKER_HUB else registry
    try:
        url = httpx.URL(f"https://{host}/")
    except httpx.InvalidURL as error:
        raise Untrusted("is not a valid host and port", "Check the name of the image.") from error
    is_plain = is_loopback(host_of(url)) if access.plain_http is None else access.plain_http
    return url.copy_with(scheme="http") if is_plain else url
