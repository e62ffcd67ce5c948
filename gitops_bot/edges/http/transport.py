"""Connections whose requests are limited as a whole, and why no usable answer came, in words for the user."""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import EAI_NONAME, gaierror
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from gitops_bot.edges.environment import CHECK_PROXY
from gitops_bot.redact import STRUCK, strike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gitops_bot.edges.clock import Clock

#: Characters of a server's own message that are shown.
SHOWN = 200


class NoResponse(Exception):  # noqa: N818 - the registry edge turns it into an error with the registry's name
    """No usable answer came. `what` continues a sentence after the host's name: "ghcr.io did not answer in time".

    `again`: the same request may succeed at once; `reached`: there was a connection; `status`: the HTTP status if any.
    The caller fills in `host`.
    """

    def __init__(
        self, what: str, advice: str = "", *, again: bool = False, reached: bool = True, status: int | None = None
    ) -> None:
        super().__init__(what)
        self.what, self.advice, self.host = what, advice, ""
        self.again, self.reached, self.status = again, reached, status


class TooLarge(NoResponse):
    """The answer is larger than it may be."""


def busy(seconds: float) -> NoResponse:
    """The host answered "too many requests" and wants a longer pause than this run can wait."""
    return NoResponse(
        f"is limiting requests, and asks for none for {seconds:.0f} s",
        "Run again later; `registries:` in gitops-bot.yaml can set a lower `rate` and `concurrency` for it.",
        status=429,
    )


def nowhere() -> NoResponse:
    """Nothing can be at this address."""
    return NoResponse("is not a valid host and port", reached=False)


def broken(error: httpx.TransportError, through: str = "") -> NoResponse:
    """The connection failed or broke; `through` names the proxy that is in between."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                what = f"has a certificate that cannot be trusted: {cause.verify_message}"
                return NoResponse(what, "Set SSL_CERT_FILE to a file with the CA certificates to trust.", reached=False)
            case ssl.SSLError():
                what = f"does not speak TLS as expected: {_plain(cause)}"
                advice = "A registry without TLS needs `plain_http: true` under `registries:` in gitops-bot.yaml."
                return NoResponse(what, advice, reached=False)
            case gaierror() if not through:
                what = f"cannot be found: {cause.strerror}"
                passing = cause.errno != EAI_NONAME
                return NoResponse(what, "Check its name, and the DNS of this machine.", again=passing, reached=False)
            case _:
                cause = cause.__cause__ or cause.__context__
    check = "Check that it is running, and that this machine can reach it."
    match error:
        case httpx.ProxyError() | httpx.ConnectError() | httpx.ConnectTimeout() if through:
            what, passing = f"cannot be reached {through}: {_plain(error)}", not isinstance(error, httpx.ProxyError)
            return NoResponse(what, CHECK_PROXY, again=passing, reached=False)
        case httpx.LocalProtocolError():
            # The text quotes the header at fault, which may be the one with the secret.
            return NoResponse("cannot be queried: a credential or address has characters that HTTP does not allow")
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return NoResponse(f"does not accept connections: {_plain(error)}", check, again=True, reached=False)
        case httpx.TimeoutException():
            return NoResponse("did not answer in time", check, again=True)
        case _:
            return NoResponse(f"closed the connection: {_plain(error)}", "Run again later.", again=True)


def _plain(error: BaseException) -> str:
    """One short printable line: parsers quote what the other side sent."""
    return re.sub(r"[^ -~]+", " ", str(error))[:200].strip() or type(error).__name__


def clean(text: str, secrets: Iterable[str] = (), limit: int = SHOWN) -> str:
    """Foreign text on one line, cut short, without secrets and without control or invisible characters."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    printable = (character if character.isprintable() else " " for character in strike(text)[: 10 * limit])
    line = " ".join("".join(printable).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit in seconds, and what to say when it has passed."""

    seconds: float
    what: str
    advice: str = ""

    @property
    def late(self) -> NoResponse:
        """The error for a limit that has passed."""
        return NoResponse(self.what, self.advice)


def answer_limit(seconds: float) -> Limit:
    """The limit for a request as a whole; bytes may arrive until then."""
    return Limit(seconds, f"took more than {seconds:g} s to send one answer", "Run again later.")


@dataclass(slots=True)
class Allowance:
    """The time for everything that is asked for one question, such as the pages of a list, by one thread or several.

    Only time counts in which a request is under way, or waits because the host asked for that. Waiting for the user's
    own `rate` and `concurrency` is free. Several requests at once count once. `limit` is called when the first request
    begins.
    """

    clock: Clock
    limit: Callable[[], Limit]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: Limit | None = None
    _active: int = 0
    _since: float = 0.0
    _spent: float = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time spent in this block."""
        with self._lock:
            self._begun = self._begun or self.limit()
            if self._active == 0:
                self._since = self.clock.monotonic()
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
        since = self.clock.monotonic() - self._since if self._active else 0.0
        return self._spent + max(since, 0.0)

    @property
    def remaining(self) -> float:
        """The seconds left; zero or less when all are used up."""
        return (self._begun or self.limit()).seconds - self.spent

    @property
    def left(self) -> Limit:
        """The rest of the limit. Raises NoResponse when it is used up."""
        limit = self._begun or self.limit()
        if (seconds := limit.seconds - self.spent) <= 0:
            raise limit.late
        return Limit(seconds, limit.what, limit.advice)


#: Bytes before the body of an answer: heads, also of informational answers and a proxy, and the end of the last read.
HEAD = 256 * 1024


class Deadline(threading.local):
    """The time left to the thread's current request, and the bytes it may read before the body.

    Start it with `begin` for each request, and check it before each wait for the network.
    """

    #: Bytes that may still come before the body; None once it has begun: the caller limits its length.
    head: int | None = HEAD
    _limit = Limit(0.0, "")
    _until = 0.0

    def begin(self, limit: Limit) -> None:
        """Start a request, which may take this long up to the last byte of its body."""
        self._limit = limit
        self._until = time.monotonic() + limit.seconds
        self.head = HEAD

    def take(self, count: int) -> None:
        """Count bytes that arrived. Raises NoResponse if there are too many before the body."""
        if self.head is not None:
            self.head -= count
            if self.head < 0:
                what = f"closed the connection: more than {HEAD} bytes before the answer"
                raise NoResponse(what, "Run again later.", again=True)

    @property
    def seconds(self) -> float:
        """The seconds left, never zero: for code that takes a timeout and must not get an exception here."""
        return max(self._until - time.monotonic(), 0.001)

    @contextmanager
    def wait(self, timeout: float | None) -> Iterator[float]:
        """The seconds that a wait may take: its own timeout, or what is left; raises NoResponse if nothing is."""
        if (left := self._until - time.monotonic()) <= 0:
            raise self._limit.late
        try:
            yield left if timeout is None else min(left, timeout)
        except (TimeoutError, httpcore.TimeoutException) as error:
            if timeout is None or left <= timeout:
                raise self._limit.late from error
            raise


# Connections that limit a request as a whole. Timeouts only limit the wait for the next bytes: a server that sends a
# byte every few seconds, of a header, a chunk length or endless `103 Early Hints`, would block its thread for ever. So
# would a slow resolver, or a name with fifty addresses where nobody answers.

#: Addresses of a name that are tried.
MOST_ADDRESSES = 8


def attempts(host: str, port: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Each address of a host, in the resolver's order, with its share of what is left of the `seconds`.

    Raises:
        OSError: the name has no address; a `TimeoutError` if the resolver did not answer in time.
    """
    until = time.monotonic() + seconds
    with suppress(ValueError):
        yield str(ipaddress.ip_address(host)), seconds
        return
    answers: queue.SimpleQueue[tuple[str, ...] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(info[4][0]) for info in infos)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    # In a thread of its own, because the resolver cannot be interrupted.
    try:
        threading.Thread(target=look_up, name="resolve", daemon=True).start()
    except RuntimeError:  # the machine cannot start more threads
        look_up()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    addresses = answer[:MOST_ADDRESSES]
    for number, address in enumerate(addresses):
        yield address, max((until - time.monotonic()) / (len(addresses) - number), 0.01)


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
class Network(httpcore.NetworkBackend):
    """httpcore's connections; none of their waits goes on after the deadline of its thread."""

    deadline: Deadline
    _sockets: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of the addresses of a host, which share the time."""
        with self.deadline.wait(timeout) as seconds:
            failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
            try:
                for address, share in attempts(host, port, seconds):
                    try:
                        stream = self._sockets.connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        failure = failure or error
                    else:
                        return _Stream(stream, self.deadline)
            except TimeoutError as error:
                raise httpcore.ConnectTimeout(str(error)) from error
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
            raise failure or httpcore.ConnectError("the name has no address")
