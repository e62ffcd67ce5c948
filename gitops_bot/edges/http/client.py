"""An HTTP client with limits on size and time, whose credentials stay with the host they are for.

It uses httpx's transports directly, one pool of connections per origin: `httpx.Client` adds cookies, redirects and
authentication that we do not want, and takes half as much CPU again per request.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from gitops_bot import __version__, log
from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.environment import proxy, through_proxy
from gitops_bot.edges.http.address import UnsafeAddress, follow, host_of, origin
from gitops_bot.edges.http.transport import (
    Allowance,
    Deadline,
    Network,
    NoResponse,
    TooLarge,
    answer_limit,
    broken,
    busy,
    nowhere,
)
from gitops_bot.edges.patience import ATTEMPTS, PASSING_STATUSES, TOTAL_SECONDS, Passing, patiently, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.edges.clock import Clock


#: Receives the host (with a port other than the scheme's own) and the status; None without an answer.
Observe = Callable[[str, int | None], None]

#: Seconds for each try of a request.
TRY_SECONDS = 60.0
REDIRECTS = 5
#: Concurrent requests to one host unless configured otherwise.
CONCURRENCY = 16
#: Bytes that are read of a failed request's answer, for its message.
ERROR_BODY = 64 * 1024
#: Origins whose connections are kept open beyond a request. Those of a run's registries are fewer; a registry may
#: redirect each request to another one.
MOST_ORIGINS = 64
#: The most that `parse_json` counts: some 100 MiB of memory. A list of 50,000 images with their descriptions has fewer.
_MOST_MARKS = 1_200_000

#: What servers with TLS answer to plain HTTP. Go's are without a header.
_TLS = re.compile(rb"HTTP request (?:was sent )?to (?:an )?HTTPS", re.IGNORECASE)
_TIMEOUTS = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 60.0}
_CHECK_PROXY = "Check that this is a registry, and any proxy in between."
#: The allowance that the requests of this thread share, and those of threads with a copy of its context.
_shared_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Limits for one host: concurrent requests, and requests per second if configured."""

    concurrency: int = CONCURRENCY
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `url` is the final one after redirects. Only the `body` of a failure may be cut."""

    url: httpx.URL
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        """The host that answered, with a port other than the scheme's own."""
        return self.url.netloc.decode("ascii")

    @property
    def media_type(self) -> str:
        """The media type in the header, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_json(text: bytes | str) -> Any:
    """The JSON value of a text from outside; None if it cannot be read, is nested too deeply or has too many values.

    No exception escapes, because it would hold the whole text, secrets included.
    """
    # Counted before anything is built: an object with one key has 5 bytes as text, and 200 in memory.
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if data.count(b",") + data.count(b":") + data.count(b"[") + 3 * data.count(b"{") > _MOST_MARKS:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


class Http(AbstractContextManager["Http"]):
    """Sends requests to every host of a run. Safe to use from many threads."""

    def __init__(
        self,
        clock: Clock,
        environ: Mapping[str, str],
        tunings: Mapping[str, Tuning],
        *,
        seconds: float = TRY_SECONDS,
        attempts: int = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        observe: Observe | None = None,
    ) -> None:
        """`tunings` is by `host` or `host:port`; `environ` has proxies and authorities as curl reads them.

        `seconds` limits one try of a request, from the name lookup to the last byte (a given `transport` has its own
        limits); `attempts` is the number of tries. `observe` is called for every request.
        """
        self._clock, self._environ, self._tunings, self._transport = clock, environ, tunings, transport
        self._try_limit = answer_limit(seconds)
        self._attempts = attempts
        self._observe = observe
        self._network = Network(Deadline())
        self._lock = threading.Lock()
        #: By origin, the one that was used last at the end.
        self._pools: dict[tuple[str, str, int | None], Pool] = {}
        self._trust: ssl.SSLContext | None = None

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.transport.close()

    @contextmanager
    def within(self, allowance: Allowance) -> Iterator[None]:
        """All requests of this context in the block share this allowance."""
        token = _shared_allowance.set(allowance)
        try:
            yield
        finally:
            _shared_allowance.reset(token)

    def request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], *, limit: int, content: bytes | None = None
    ) -> Answer:
        """Send a request, with retries and redirects; `limit` is the largest body of a success, in bytes.

        It is sent again after 408, 429, 5xx and broken connections; the last failure counts. `Authorization` is dropped
        for good at the first redirect to another origin.

        Raises:
            NoResponse: there was no usable answer; one with a failing status is returned.
        """
        sent = {"User-Agent": f"gitops-bot/{__version__}", "Accept-Encoding": "identity", **headers}
        for _ in range(REDIRECTS + 1):
            allowance = _shared_allowance.get() or Allowance(self._clock, lambda: answer_limit(TOTAL_SECONDS))
            place = {"host": url.netloc.decode("ascii"), "path": _path(url)}
            try:
                with self.within(allowance):
                    answer = patiently(
                        partial(self._send, method, url, sent, content, limit, allowance),
                        self._passing,
                        sleep=partial(self._sleep, allowance),
                        remaining=lambda: allowance.remaining,  # noqa: B023 - called before the next turn
                        attempts=self._attempts,
                        **place,
                    )
            except NoResponse as failure:
                failure.host = place["host"]
                log.debug("http.failed", method=method, host=failure.host, path=place["path"], why=failure.what)
                raise
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or location is None or method == "POST":
                return answer
            try:
                target = follow(url, location)
            except UnsafeAddress as unsafe:
                raise _bad_redirect(url, f"redirects to {unsafe}", answer.status) from unsafe
            if origin(target) != origin(url):
                sent.pop("Authorization", None)
            url = target
        raise _bad_redirect(url, f"redirects more than {REDIRECTS} times", answer.status)

    def _passing(self, outcome: Answer | BaseException) -> Passing | None:
        match outcome:
            case Answer(status=status) if status in PASSING_STATUSES:
                return Passing(f"status {status}", self._retry_after(outcome))
            case NoResponse(again=True):
                return Passing(str(outcome))
            case _:
                return None

    def _sleep(self, allowance: Allowance, seconds: float) -> None:
        with allowance.counting():
            self._clock.sleep(seconds)

    def _send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | None,
        limit: int,
        allowance: Allowance,
    ) -> Answer:
        host = url.netloc.decode("ascii")
        asked_at = time.perf_counter()
        try:
            with self._pool(url) as pool, pool.pace.turn(allowance.left.seconds) as seen, allowance.counting():
                began = time.perf_counter()
                left = allowance.left
                bound = left if left.seconds < self._try_limit.seconds else self._try_limit
                extensions = {"timeout": _TIMEOUTS, "bound": bound}
                request = httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
                status = None
                self._network.deadline.begin(bound)
                try:
                    with closing(pool.transport.handle_request(request)) as response:
                        self._network.deadline.head = None
                        status = response.status_code
                        answer = Answer(url, status, response.headers, _body(response, method, limit))
                finally:
                    if self._observe is not None:
                        self._observe(host, status)
        except httpx.TransportError as error:
            through = "" if is_loopback(host_of(url)) else through_proxy(str(url), self._environ)
            raise broken(error, through) from error
        except UnicodeError as error:  # from httpx of `xn--` and junk, from getaddrinfo of `a..b`
            raise nowhere() from error
        log.debug(
            "http.request",
            method=method,
            host=host,
            path=_path(url),
            status=answer.status,
            ms=round((time.perf_counter() - began) * 1000),
            waited_ms=round((began - asked_at) * 1000),
        )
        if url.scheme == "http" and status == 400 and (not answer.headers or _TLS.search(answer.body)):
            advice = f"Write `registries: {{{host}: {{plain_http: false}}}}` in gitops-bot.yaml."
            raise NoResponse("speaks TLS, and was asked over plain HTTP", advice, status=status)
        if answer.status == 429:
            requested = self._retry_after(answer)
            pool.pace.slow_down(seen, 1.0 if requested is None else requested)
        return answer

    def _retry_after(self, answer: Answer) -> float | None:
        return retry_after(answer.headers.get("retry-after"), self._clock.now().timestamp())

    @contextmanager
    def _pool(self, url: httpx.URL) -> Iterator[Pool]:
        """The pool of the origin of a URL, made on first use. Of too many, those that are not in use are closed.

        Raises:
            NoResponse: the address or the proxy is unusable.
        """
        key = origin(url)
        with self._lock:
            if (pool := self._pools.pop(key, None)) is None:
                tuning = self._tunings.get(url.netloc.decode("ascii"), Tuning())
                pace = Pace(self._clock, tuning.concurrency, tuning.rate)
                pool = Pool(pace, self._transport or self._connect(url, tuning))
            pool.users += 1
            self._pools[key] = pool
            unused = [other for other, each in self._pools.items() if not each.users]
            old = [self._pools.pop(other) for other in unused[: max(0, len(self._pools) - MOST_ORIGINS)]]
        for each in old:
            each.transport.close()
        try:
            yield pool
        finally:
            with self._lock:
                pool.users -= 1

    def _connect(self, url: httpx.URL, tuning: Tuning) -> httpx.BaseTransport:
        if url.port is not None and url.port > 65535:  # which getaddrinfo would take modulo 65536
            raise nowhere()
        limits = httpx.Limits(
            max_connections=tuning.concurrency, max_keepalive_connections=tuning.concurrency, keepalive_expiry=60.0
        )
        # Reading the authorities takes 10 ms of CPU: plain http gets a context that trusts nobody.
        trust = self._authorities() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            transport = httpx.HTTPTransport(verify=trust, limits=limits, proxy=proxy_for(url, self._environ))
        except (ValueError, ImportError) as error:
            raise NoResponse(
                f"cannot be queried: the proxy in {url.scheme.upper()}_PROXY or ALL_PROXY is not usable",
                "Give it as http://HOST:PORT, or name the registry in NO_PROXY.",
            ) from error
        # httpx has no argument for this; test_private_parts.py says when a later version keeps it elsewhere.
        transport._pool._network_backend = self._network  # noqa: SLF001
        return transport

    def _authorities(self) -> ssl.SSLContext:
        """The trusted authorities: those of SSL_CERT_FILE or SSL_CERT_DIR, else Mozilla's."""
        if self._trust is None:
            file, folder = self._environ.get("SSL_CERT_FILE") or None, self._environ.get("SSL_CERT_DIR") or None
            try:
                if file or folder:
                    self._trust = ssl.create_default_context(cafile=file, capath=folder)
                else:
                    self._trust = httpx.create_ssl_context(trust_env=False)
            except OSError as error:
                what = f"cannot be queried: SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error.strerror}"
                raise NoResponse(what, "It must name certificates in PEM format.", reached=False) from error
        return self._trust


def _body(response: httpx.Response, method: str, limit: int) -> bytes:
    """The body as it came over the wire; more than `limit` bytes of a success are an error, a failure is cut."""
    failed, has_body = response.status_code >= 300, method != "HEAD"
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity" and not failed and has_body:
        raise NoResponse(f"answered with the encoding {encoding[:50]!r} although none was requested", _CHECK_PROXY)
    announced, size_limit = response.headers.get("content-length", ""), ERROR_BODY if failed else limit
    too_large = has_body and not failed and announced.isdecimal() and int(announced[:20]) > limit
    body = bytearray()
    for chunk in () if too_large else response.stream:  # type: ignore[union-attr]  # a sync transport's stream
        body += chunk
        if len(body) > size_limit:
            too_large = not failed
            break
    if too_large:
        raise TooLarge(f"answered with more than the {limit} bytes allowed for such an answer", _CHECK_PROXY)
    del body[size_limit:]
    return bytes(body)


def _bad_redirect(url: httpx.URL, what: str, status: int) -> NoResponse:
    failure = NoResponse(what, "Nothing was sent there; check the address of the registry.", status=status)
    failure.host = url.netloc.decode("ascii")
    return failure


def _path(url: httpx.URL) -> str:
    """The path without the query, which may contain secrets."""
    return url.raw_path.partition(b"?")[0].decode("ascii", "replace")


def proxy_for(url: httpx.URL, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """The proxy in the environment; never for this machine.

    Raises:
        ValueError: the proxy's address is unusable; the text does not contain it (nor its password).
    """
    if is_loopback(host_of(url)) or (found := proxy(str(url), environ)) is None:
        return None
    _, address = found
    try:
        return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        raise ValueError("not the address of a proxy") from None


#: Seconds between two requests after the first 429, and at most.
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.2, 3.0


class Pace:
    """Lets the threads that query one host take turns.

    Without a `rate` (requests per second) requests are not spaced out until the host answers 429. Then all wait as long
    as it asked for, and afterwards keep an interval that doubles with each further 429.
    """

    def __init__(self, clock: Clock, concurrency: int = CONCURRENCY, rate: float | None = None) -> None:
        self._clock = clock
        self._semaphore = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._opens = 0.0
        self._slowed = 0

    @contextmanager
    def turn(self, longest_pause: float) -> Iterator[int]:
        """Wait for the turn of one request, which lasts as long as the block.

        Yields the number of slow-downs so far, for `slow_down`.

        Raises:
            NoResponse: the host asked for a pause longer than `longest_pause` seconds.
        """
        with self._semaphore:
            slowed = -1
            while slowed != self._slowed:  # again if there was a 429 meanwhile
                with self._lock:
                    now = self._clock.monotonic()
                    if self._opens - now > longest_pause:
                        raise busy(self._opens - now)
                    slot, slowed = max(now, self._next, self._opens), self._slowed
                    self._next = slot + self._interval
                if slot > now:
                    self._clock.sleep(slot - now)
            yield slowed

    def slow_down(self, seen: int, seconds: float) -> None:
        """Pause all requests for `seconds` after a 429; `seen` is what `turn` gave to the request.

        Many 429 come back at once from requests sent at the same pace: only the first doubles the interval.
        """
        with self._lock:
            if seen == self._slowed:
                self._slowed += 1
                self._interval = max(self._interval, min(max(2 * self._interval, _FIRST_INTERVAL), _LONGEST_INTERVAL))
            self._opens = max(self._opens, self._clock.monotonic() + seconds)


@dataclass(slots=True, eq=False)
class Pool:
    """The pace of requests to an origin, its connections, and how many requests use them now."""

    pace: Pace
    transport: httpx.BaseTransport
    users: int = 0
