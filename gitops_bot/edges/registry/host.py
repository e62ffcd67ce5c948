"""One registry, and the way it authenticates requests (`WWW-Authenticate`: RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote

import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http import NoResponse, Tuning, UnsafeAddress, follow_own, host_of, origin
from gitops_bot.edges.registry.failure import Refused, Untrusted, error_message, unexpected
from gitops_bot.edges.registry.login import Basic, IdentityToken, basic, secrets
from gitops_bot.edges.registry.manifest import ACCEPT, MANIFEST_BYTES
from gitops_bot.edges.registry.tokens import Bearer
from gitops_bot.images.reference import DOCKER_HUB, ImageName, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


# The list of tags, page by page, with the quirks of registries named where they matter.
#
# An incomplete list is an error: a missing tag looks like a deleted one, or hides the newest.


#: Tags per page: Amazon and distribution 3.1.0 refuse more.
PAGE_SIZE = 1000
_SIZED = f"n={PAGE_SIZE}"
MOST_PAGES = 1000
#: Bytes of one page, bytes of a whole list, and its tags (Python's strings take many times the memory).
PAGE_BYTES, LIST_BYTES, MOST_TAGS = 16 * 1024 * 1024, 16 * 1024 * 1024, 300_000
#: Commas on one page, counted before parsing. Google's registry describes every image: a comma every 30 bytes.
_MOST_COMMAS = 1_000_000
#: Pages in a row without a new tag.
_IDLE = 3
_NOTHING_LOST = "Nothing was decided on an incomplete list of tags. Report this to the registry's operator."


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its tags, the query of the next page if a Link names one, and its size in bytes."""

    tags: tuple[str, ...]
    next: str | None = None
    size: int = 0


def every_tag(fetch: Callable[[str], Page]) -> tuple[str, ...]:
    """Every tag of a repository once, in the registry's order; `fetch` gets the page for a query.

    Strings that are not valid tags cannot be pulled and are left out.

    Raises:
        Refused: the registry refused a page.
        Untrusted: the list is endless, unordered or too large.
    """
    for _ in range(2):
        try:
            return tuple(_walk(fetch))
        except _PositionLost:
            continue
    raise Untrusted("lost its place in the list of tags: tags were deleted while it was being read", "Run again.")


class _PositionLost(Exception):  # noqa: N818 - begin again, once
    """The last tag of a page was deleted before the next page was read: start again, once."""


def _walk(fetch: Callable[[str], Page]) -> dict[str, None]:
    """All pages, from the first to the last."""
    query, page = _first(fetch)
    tags, size, queries, linked, idle = dict.fromkeys(filter(is_tag, page.tags)), page.size, {query}, False, 0
    for _ in range(MOST_PAGES):
        if size > LIST_BYTES:
            raise _too_large(f"{LIST_BYTES} bytes")
        if len(tags) > MOST_TAGS:
            raise _too_large(f"{MOST_TAGS} tags")
        linked = linked or page.next is not None
        query = page.next if linked else _unlinked(page, query)
        if query is None:
            return tags
        if query in queries:
            raise Untrusted("paginates its list of tags in a circle", _NOTHING_LOST)
        queries.add(query)
        last, page, known = page.tags[-1:], _further(fetch, query), len(tags)
        valid = tuple(filter(is_tag, page.tags))
        tags.update(dict.fromkeys(valid))
        size += page.size
        if not linked and last[0] in page.tags:
            return tags  # distribution 2 ignores `n` and `last`, and repeated everything
        if not linked and len(tags) - known < len(valid):
            raise _PositionLost  # ggcr's registry starts again if `last` is gone
        idle = idle + 1 if len(tags) == known else 0
        if idle > _IDLE:
            raise Untrusted("keeps paginating its list of tags without new tags", _NOTHING_LOST)
    raise _too_large(f"{MOST_PAGES} pages")


def _too_large(measure: str) -> Untrusted:
    return Untrusted(f"has a list of tags with more than {measure}", "Delete tags that are no longer needed.")


def _first(fetch: Callable[[str], Page]) -> tuple[str | None, Page]:
    try:
        return _SIZED, fetch(_SIZED)
    except Refused as refused:
        if not refused.is_one_of(400, 405):  # registries refuse `n` like this
            raise
        return None, fetch("")


def _further(fetch: Callable[[str], Page], query: str) -> Page:
    try:
        return fetch(query)
    except Refused as refused:
        if refused.is_one_of(404):  # zot, if `last` is gone
            raise _PositionLost from refused
        raise


def _unlinked(page: Page, query: str | None) -> str | None:
    """The next query if there is no Link.

    ggcr's registry honours `n` but never sends a Link: a page that is just full may not be the last.
    """
    if query is None or len(page.tags) != PAGE_SIZE:
        return None
    return f"{_SIZED}&last={quote(page.tags[-1], safe='')}"


def read_page(answer: Answer) -> Page:
    """The page in an answer.

    Only the query of a Link is used: Artifactory omits part of the path, and another path would be another repository.
    The content type does not matter: ggcr's registry says text/plain.

    Raises:
        Untrusted: it is no list of tags, or the next page is on another host.
    """
    if answer.body.count(b",") > _MOST_COMMAS:
        raise _too_large(f"{_MOST_COMMAS} values on one page")
    match answer.json():
        case {"tags": None}:
            tags: list[str] = []
        case {"tags": list(tags)} if all(isinstance(tag, str) for tag in tags):
            pass
        case _:
            raise unexpected(answer, "a list of tags")
    address = _next(answer.headers.get("link", ""))
    query: str | None = None
    if address is not None:
        try:
            target = follow_own(answer.url, address)
        except UnsafeAddress as unsafe:
            raise Untrusted(f"continues its list of tags at {unsafe}", _NOTHING_LOST) from unsafe
        if origin(target) != origin(answer.url):
            raise Untrusted(f"continues its list of tags at another host, {host_of(target)[:200]!r}", _NOTHING_LOST)
        query = target.query.decode("ascii")
    return Page(tuple(tags), query, len(answer.body))


def _next(link: str) -> str | None:
    for address, parameters in re.findall(r"<([^<>]{0,8192})>([^<]*)", link):
        relation = re.search(r""";\s*rel\s*=\s*"?([^";,]*)""", parameters, re.IGNORECASE)
        if relation is None or "next" in relation[1].lower().split():
            return str(address)
    return None
