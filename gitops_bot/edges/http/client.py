"""HTTP as the bot speaks it: bounded answers, bounded patience, credentials that stay with the host they are for.

Requests go straight to httpx's transports, one pool of kept connections per origin. `httpx.Client` adds cookies and
its own redirects and authentication, none of which is wanted here, and takes half as much CPU again per request.
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import httpx
import tenacity

from gitops_bot import __version__, log
from gitops_bot.edges.http.address import Misled, follow, origin
from gitops_bot.edges.http.counted import Counted
from gitops_bot.edges.http.failure import Unanswered, broken, busy
from gitops_bot.edges.http.pace import CONCURRENCY, Clock, Closed, Pace
from gitops_bot.edges.http.proxy import proxy_for
from gitops_bot.edges.http.retry import may_heal, may_pass, outcome, retry_after, tell
from gitops_bot.edges.http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.http.counted import Observe

#: A request is tried so often, and for so many seconds in all, the waits included.
ATTEMPTS, PATIENCE = 5, 120.0
REDIRECTS = 5
#: Bytes of the answer to a failed request that are read for the sake of its message.
ERROR_BODY = 64 * 1024

_TIMEOUTS = {"timeout": {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 60.0}}
_AGENT = f"gitops-bot/{__version__}"
_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=15)
_BETWEEN = "Check that this is a registry, and what stands between it and this machine."
_NOWHERE = "cannot be found: it is no valid host and port"
_JITTER = tenacity.wait_random(0, 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `url` is the one that answered, behind all redirects. `body` is cut for failures only."""

    method: str
    url: httpx.URL
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        """Who answered, with the port if it is not the scheme's own."""
        return self.url.netloc.decode("ascii")


@dataclass(frozen=True, slots=True)
class Tuning:
    """How one host is asked: requests under way at once, and requests per second where that is limited."""

    concurrency: int = CONCURRENCY
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """What is kept for one origin."""

    pace: Pace
    transport: httpx.BaseTransport


class Http:
    """Every host that a run talks to. Safe to use from many threads."""

    def __init__(
        self,
        clock: Clock,
        environ: Mapping[str, str],
        tunings: Mapping[str, Tuning],
        *,
        seconds: float = PATIENCE,
        attempts: int = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        observe: Observe | None = None,
    ) -> None:
        """`tunings` is by `host` or `host:port`; `environ` names proxies and authorities as curl reads them.

        `seconds` is what one try of a request may take as a whole; a `transport` of one's own has its own bounds. Each
        request is tried `attempts` times at most. `observe` is told of every request.
        """
        self._clock = clock
        self._environ = environ
        self._tunings = tunings
        self._seconds = seconds
        self._attempts = attempts
        self._transport = transport
        self._observe = observe
        self._lock = threading.Lock()
        self._lines: dict[tuple[str, str, int | None], _Line] = {}
        self._trust: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection."""
        with self._lock:
            lines, self._lines = self._lines, {}
        for line in lines.values():
            line.transport.close()

    def request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], *, limit: int, content: bytes | None = None
    ) -> Answer:
        """Ask, again where that may help, and follow redirects; `limit` bounds the body of a success, in bytes.

        `Authorization` is for the origin of `url` and dropped for good at the first redirect to another.

        Raises:
            Unanswered: there was no answer, or none that may be used; an answer with a failing status is returned.
        """
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        for _ in range(REDIRECTS + 1):
            try:
                answer = self._persist(method, url, sent, content, limit)
            except Unanswered as failure:
                failure.host = url.netloc.decode("ascii")
                log.debug("http.failed", method=method, host=failure.host, path=_path(url), why=failure.what)
                raise
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or location is None or method == "POST":
                return answer
            try:
                target = follow(url, location)
            except Misled as misled:
                raise _astray(url, f"redirects to {misled}", answer.status) from misled
            if origin(target) != origin(url):
                sent.pop("Authorization", None)
            url = target
        raise _astray(url, f"redirects more than {REDIRECTS} times", answer.status)

    def _persist(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None, limit: int
    ) -> Answer:
        """One hop, tried again after 408, 429, 5xx and broken connections; the last failure is the answer."""
        began = self._now()

        def wait(state: tenacity.RetryCallState) -> float:
            asked = None if state.outcome is None or state.outcome.failed else self._asked(state.outcome.result())
            return _BACKOFF(state) if asked is None else asked + _JITTER(state)

        def stop(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= self._attempts or self._now() - began + state.upcoming_sleep > PATIENCE

        retrying = tenacity.Retrying(
            sleep=self._clock.sleep,
            before_sleep=lambda state: tell(state, url.netloc.decode("ascii"), _path(url)),
            wait=wait,
            stop=stop,
            retry=tenacity.retry_if_result(lambda answer: may_pass(answer.status))
            | tenacity.retry_if_exception(may_heal),
            retry_error_callback=outcome,
        )
        return retrying(self._send, method, url, headers, content, limit)

    def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None, limit: int
    ) -> Answer:
        line = self._line(url)
        asked_at = time.perf_counter()
        try:
            with line.pace.turn(PATIENCE) as seen:
                began = time.perf_counter()
                request = httpx.Request(method, url, headers=headers, content=content, extensions=_TIMEOUTS)
                response = line.transport.handle_request(request)
                try:
                    answer = Answer(
                        method, url, response.status_code, response.headers, self._body(response, method, limit)
                    )
                finally:
                    response.close()
        except Closed as closed:
            raise busy(closed.seconds) from closed
        except httpx.TransportError as error:
            raise broken(error) from error
        except UnicodeError as error:  # from httpx of `xn--` and junk, from getaddrinfo of `a..b`
            raise Unanswered(_NOWHERE, reached=False) from error
        log.debug(
            "http.request",
            method=method,
            host=answer.host,
            path=_path(url),
            status=answer.status,
            ms=log.milliseconds(began),
            waited_ms=round((began - asked_at) * 1000),
        )
        if answer.status == 429:
            asked = self._asked(answer)
            line.pace.slow_down(seen, 1.0 if asked is None else asked)
        return answer

    def _body(self, response: httpx.Response, method: str, limit: int) -> bytes:
        """The body as it came over the wire, within `limit` bytes."""
        failed = response.status_code >= 300
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity" and not failed and method != "HEAD":
            raise Unanswered(f"answered with the encoding {encoding[:50]!r} although none was asked for", _BETWEEN)
        too_much = Unanswered(f"answered with more than the {limit} bytes that such an answer may have", _BETWEEN)
        announced = response.headers.get("content-length", "")
        if method != "HEAD" and not failed and announced.isdecimal() and int(announced[:20]) > limit:
            raise too_much
        most = ERROR_BODY if failed else limit
        body = bytearray()
        for chunk in response.stream:  # type: ignore[union-attr]  # a sync transport gives a sync stream
            body += chunk
            if len(body) > most:
                if failed:
                    break
                raise too_much
        return bytes(body[:most])

    def _line(self, url: httpx.URL) -> _Line:
        where = origin(url)
        with self._lock:
            line = self._lines.get(where)
            if line is None:
                tuning = self._tunings.get(url.netloc.decode("ascii"), Tuning())
                pace = Pace(self._clock, tuning.concurrency, tuning.rate)
                transport = self._transport or self._connect(url, tuning)
                if self._observe is not None:
                    transport = Counted(transport, url.netloc.decode("ascii"), self._observe)
                line = self._lines[where] = _Line(pace, transport)
            return line

    def _connect(self, url: httpx.URL, tuning: Tuning) -> httpx.BaseTransport:
        if url.port is not None and url.port > 65535:  # which getaddrinfo would take modulo 65536
            raise Unanswered(_NOWHERE, reached=False)
        limits = httpx.Limits(
            max_connections=tuning.concurrency, max_keepalive_connections=tuning.concurrency, keepalive_expiry=60.0
        )
        # Reading the authorities takes 10 ms of CPU: a plain connection gets a context that trusts nobody.
        trust = self._authorities() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return Transport(trust, limits, proxy_for(url, self._environ), self._seconds)
        except (ValueError, ImportError) as error:
            raise Unanswered(
                f"cannot be asked: the proxy in {url.scheme.upper()}_PROXY or ALL_PROXY is not one that can be used",
                "Give it as http://HOST:PORT, or name the registry in NO_PROXY.",
            ) from error

    def _authorities(self) -> ssl.SSLContext:
        """Who is trusted to vouch for a host: those of SSL_CERT_FILE or SSL_CERT_DIR, else Mozilla's."""
        if self._trust is None:
            file, folder = self._environ.get("SSL_CERT_FILE") or None, self._environ.get("SSL_CERT_DIR") or None
            try:
                if file or folder:
                    self._trust = ssl.create_default_context(cafile=file, capath=folder)
                else:
                    self._trust = httpx.create_ssl_context(trust_env=False)
            except OSError as error:
                what = f"cannot be asked: SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error.strerror}"
                raise Unanswered(what, "It is to name certificates in PEM format.", reached=False) from error
        return self._trust

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _asked(self, answer: Answer) -> float | None:
        return retry_after(answer.headers.get("retry-after"), self._now())


def _astray(url: httpx.URL, what: str, status: int) -> Unanswered:
    failure = Unanswered(what, "Nothing was sent there; check the address of the registry.", status=status)
    failure.host = url.netloc.decode("ascii")
    return failure


def _path(url: httpx.URL) -> str:
    """Without the query, which may carry what is secret."""
    return url.raw_path.partition(b"?")[0].decode("ascii", "replace")
