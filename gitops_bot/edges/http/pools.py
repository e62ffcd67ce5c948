"""A pool of connections for each origin, with the proxy, trusted authorities and pace that apply to it."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import httpcore
import httpx

from gitops_bot.edges.address import is_loopback
from gitops_bot.edges.http.address import host_of, origin
from gitops_bot.edges.http.failure import NoResponse, busy, late, nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime


# Time limits: for one request by the machine's own clock, and for all requests of one question together.


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit in seconds, and the error to raise when it has passed."""

    seconds: float
    late: NoResponse


class Allowance:
    """The time for everything that is asked for one question, such as the pages of a list, by one thread or several.

    Only time counts in which a request is under way, or waits because the host asked for that. Waiting for the user's
    own `rate` and `concurrency` is free. Several requests at once count once.
    """

    def __init__(self, clock: Clock, limit: Callable[[], Limit]) -> None:
        """`limit` is called when the first request begins."""
        self._clock, self._ask = clock, limit
        self._lock = threading.Lock()
        self._limit: Limit | None = None
        self._active = 0
        self._since = 0.0
        self._spent = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time spent in this block."""
        with self._lock:
            self._limit = self._limit or self._ask()
            if self._active == 0:
                self._since = self._clock.now().timestamp()
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                if self._active == 1:
                    self._spent = self.spent
                self._active -= 1

    @property
    def spent(self) -> float:
        """The seconds used so far."""
        since = self._clock.now().timestamp() - self._since if self._active else 0.0
        return self._spent + max(since, 0.0)

    @property
    def left(self) -> Limit:
        """The rest of the limit; zero or less when it is used up."""
        limit = self._limit or self._ask()
        return Limit(limit.seconds - self.spent, limit.late)


#: Bytes before the body of an answer: heads, also of informational answers and a proxy, and the end of the last read.
HEAD = 256 * 1024


class Deadline(threading.local):
    """The time left to the thread's current request, and the bytes it may read before the body.

    Start it with `begin` for each request, and check it before each wait for the network. `timeouts` are the exceptions
    by which a wait reports that its time is over.
    """

    def __init__(self, *timeouts: type[Exception]) -> None:
        self._timeouts = timeouts
        self._limit = Limit(0.0, late(0.0))
        self.begin()

    def begin(self, limit: Limit | None = None) -> None:
        """Start a request, which may take this long up to the last byte of its body; without a limit as the last."""
        self._limit = limit or self._limit
        self._until = time.monotonic() + self._limit.seconds
        self._head: int | None = HEAD

    def has_head(self) -> None:
        """Stop counting bytes: the rest of the answer is its body, which the caller limits."""
        self._head = None

    def take(self, count: int) -> None:
        """Count bytes that arrived. Raises NoResponse if there are too many before the body."""
        if self._head is not None:
            self._head -= count
            if self._head < 0:
                what = f"closed the connection: more than {HEAD} bytes before the answer"
                raise NoResponse(what, "Run again later.", again=True)

    @property
    def seconds(self) -> float:
        """The seconds left, never zero: for code that takes a timeout and must not get an exception here."""
        return max(self._until - time.monotonic(), 0.001)

    @contextmanager
    def wait(self, timeout: float | None) -> Iterator[float]:
        """The seconds that a wait may take: its own timeout, or what is left if that is less.

        Raises:
            NoResponse: nothing was left, or the wait took all of it.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._limit.late
        try:
            yield left if timeout is None else min(left, timeout)
        except self._timeouts as error:
            if timeout is None or left <= timeout:
                raise self._limit.late from error
            raise


# How fast one host is queried: concurrent requests, requests per second, and pauses that it asked for.


#: Concurrent requests to one host unless configured otherwise.
CONCURRENCY = 16
#: Seconds between two requests after the first 429, and at most.
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.2, 3.0


class Clock(Protocol):
    """Time, as passed to the edges."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


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
                    now = self._clock.now().timestamp()
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
            self._opens = max(self._opens, self._clock.now().timestamp() + seconds)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Limits for one host: concurrent requests, and requests per second if configured."""

    concurrency: int = CONCURRENCY
    rate: float | None = None


@dataclass(slots=True)
class Pools:
    """The pools of connections of a run, one for each origin; see `Http`. Safe to use from many threads."""

    clock: Clock
    environ: Mapping[str, str] = field(repr=False)
    tunings: Mapping[str, Tuning]
    transport: httpx.BaseTransport | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pools: dict[tuple[str, str, int | None], tuple[Pace, httpx.BaseTransport]] = field(default_factory=dict)
    _trust: ssl.SSLContext | None = None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for _, transport in pools.values():
            transport.close()

    def for_url(self, url: httpx.URL) -> tuple[Pace, httpx.BaseTransport]:
        """The pace of requests to the origin of a URL, and its connections, made on first use.

        Raises:
            NoResponse: the address or the proxy is unusable.
        """
        key = origin(url)
        with self._lock:
            if key not in self._pools:
                tuning = self.tunings.get(url.netloc.decode("ascii"), Tuning())
                pace = Pace(self.clock, tuning.concurrency, tuning.rate)
                self._pools[key] = pace, self.transport or self._connect(url, tuning)
            return self._pools[key]

    def _connect(self, url: httpx.URL, tuning: Tuning) -> httpx.BaseTransport:
        if url.port is not None and url.port > 65535:  # which getaddrinfo would take modulo 65536
            raise nowhere()
        limits = httpx.Limits(
            max_connections=tuning.concurrency, max_keepalive_connections=tuning.concurrency, keepalive_expiry=60.0
        )
        # Reading the authorities takes 10 ms of CPU: plain http gets a context that trusts nobody.
        trust = self._authorities() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return Transport(trust, limits, proxy_for(url, self.environ))
        except (ValueError, ImportError) as error:
            raise NoResponse(
                f"cannot be queried: the proxy in {url.scheme.upper()}_PROXY or ALL_PROXY is not usable",
                "Give it as http://HOST:PORT, or name the registry in NO_PROXY.",
            ) from error

    def _authorities(self) -> ssl.SSLContext:
        """The trusted authorities: those of SSL_CERT_FILE or SSL_CERT_DIR, else Mozilla's."""
        if self._trust is None:
            file, folder = self.environ.get("SSL_CERT_FILE") or None, self.environ.get("SSL_CERT_DIR") or None
            try:
                if file or folder:
                    self._trust = ssl.create_default_context(cafile=file, capath=folder)
                else:
                    self._trust = httpx.create_ssl_context(trust_env=False)
            except OSError as error:
                what = f"cannot be queried: SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error.strerror}"
                raise NoResponse(what, "It must name certificates in PEM format.", reached=False) from error
        return self._trust


def proxy_for(url: httpx.URL, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """The proxy from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case; never for this machine.

    CIDR blocks in NO_PROXY are not supported, as in most tools.

    Raises:
        ValueError: the proxy's address is unusable; the text does not contain it (nor its password).
    """
    named = {name.lower(): value for name, value in sorted(environ.items()) if name.lower().endswith("_proxy")}
    address = named.get(f"{url.scheme}_proxy") or named.get("all_proxy")
    if not address or is_loopback(host_of(url)) or _spared(url, named.get("no_proxy", "")):
        return None
    try:
        return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        raise ValueError("not the address of a proxy") from None


def _spared(url: httpx.URL, no_proxy: str) -> bool:
    host, authority = host_of(url), url.netloc.decode("ascii")
    for name in no_proxy.lower().split(","):
        bare = name.strip().removeprefix("*").removeprefix(".")
        if name.strip() == "*" or (bare and (bare in (host, authority) or host.endswith(f".{bare}"))):
            return True
    return False


# Transports that limit a request as a whole. httpx's timeouts only limit the wait for the next bytes.
#
# A server that sends a byte every few seconds, of a header, a chunk length or endless `103 Early Hints`, would block
# its thread for ever. So would a slow resolver, or a name with fifty addresses where nobody answers.


#: Addresses of a name that are tried.
MOST_ADDRESSES = 8


def attempts(host: str, port: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Each address of a host, in the resolver's order, with its share of what is left of the `seconds`.

    Raises:
        OSError: the name has no address; a `TimeoutError` if the resolver did not answer in time.
    """
    until = time.monotonic() + seconds
    addresses = _addresses(host, port, seconds)[:MOST_ADDRESSES]
    for number, address in enumerate(addresses):
        yield address, max((until - time.monotonic()) / (len(addresses) - number), 0.01)


def _addresses(host: str, port: int, seconds: float) -> tuple[str, ...]:
    """The distinct addresses, looked up in a thread of its own because the resolver cannot be interrupted."""
    with suppress(ValueError):
        return (str(ipaddress.ip_address(host)),)
    answers: queue.SimpleQueue[tuple[str, ...] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(info[4][0]) for info in infos)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    try:
        threading.Thread(target=ask, name="resolve", daemon=True).start()
    except RuntimeError:  # the machine cannot start more threads
        ask()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class Transport(httpx.HTTPTransport):
    """httpx's transport, in which a request takes no longer than the `Limit` in its extension `bound`.

    That is from the name lookup to the last byte of the body, which must be read in the same thread.
    """

    def __init__(self, trust: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None) -> None:
        super().__init__(verify=trust, limits=limits, proxy=proxy)
        self._left = Deadline(httpcore.TimeoutException)
        # httpx has no argument for this. If a later version keeps it elsewhere, reading it here fails.
        self._pool._network_backend = _Backend(self._pool._network_backend, self._left)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; returns when the head of the answer has arrived."""
        self._left.begin(request.extensions["bound"])
        response = super().handle_request(request)
        self._left.has_head()
        return response


@dataclass(slots=True, eq=False)
class _Stream(httpcore.NetworkStream):
    _stream: httpcore.NetworkStream
    _left: Deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._left.wait(timeout) as seconds:
            data = self._stream.read(max_bytes, seconds)
        self._left.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._left.wait(timeout) as seconds:
            self._stream.write(buffer, seconds)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with self._left.wait(timeout) as seconds:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._left)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@dataclass(slots=True, eq=False)
class _Backend(httpcore.NetworkBackend):
    _backend: httpcore.NetworkBackend
    _left: Deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        with self._left.wait(timeout) as seconds:
            failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
            try:
                for address, share in attempts(host, port, seconds):
                    try:
                        stream = self._backend.connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        failure = failure or error
                    else:
                        return _Stream(stream, self._left)
            except TimeoutError as error:
                raise httpcore.ConnectTimeout(str(error)) from error
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
            raise failure or httpcore.ConnectError("the name has no address")
