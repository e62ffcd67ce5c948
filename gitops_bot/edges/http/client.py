"""An HTTP client with limits on size and time, whose credentials stay with the host they are for.

It uses httpx's transports directly, one pool of connections per origin. `httpx.Client` adds cookies, redirects and
authentication that we do not want, and takes half as much CPU again per request.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
import tenacity

from gitops_bot import __version__, log
from gitops_bot.edges.http.address import UnsafeAddress, follow, origin
from gitops_bot.edges.http.failure import NoResponse, broken, late, nowhere, retry_after
from gitops_bot.edges.http.pools import Allowance, Limit, Pools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.edges.http.pools import Clock, Tuning


#: Receives the host (with a port other than the scheme's own) and the status; None without an answer.
Observe = Callable[[str, int | None], None]

#: Tries of a request, seconds for each, and seconds in all, waits included.
ATTEMPTS, TRY_SECONDS, TOTAL_SECONDS = 5, 60.0, 100.0
REDIRECTS = 5
#: Bytes that are read of a failed request's answer, for its message.
ERROR_BODY = 64 * 1024

_TIMEOUTS = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 60.0}
_AGENT = f"gitops-bot/{__version__}"
_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=15)
_BETWEEN = "Check that this is a registry, and any proxy in between."
_JITTER = tenacity.wait_random(0, 1)
#: Statuses of failures that may be gone the next time. 501 (not implemented) will not.
_RETRIED = frozenset({408, 429, 500, *range(502, 600)})
#: The allowance that the requests of this thread share, and those of threads with a copy of its context.
_shared_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


class Http:
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
        self._clock = clock
        self._seconds = seconds
        self._attempts = attempts
        self._observe: Observe = observe or (lambda _host, _status: None)
        self._pools = Pools(clock, environ, tunings, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._pools.close()

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

        `Authorization` is dropped for good at the first redirect to another origin.

        Raises:
            NoResponse: there was no usable answer; one with a failing status is returned.
        """
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
        for _ in range(REDIRECTS + 1):
            try:
                answer = self._send_with_retries(method, url, sent, content, limit)
            except NoResponse as failure:
                failure.host = url.netloc.decode("ascii")
                log.debug("http.failed", method=method, host=failure.host, path=_path(url), why=failure.what)
                raise
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or location is None or method == "POST":
                return answer
            try:
                target = follow(url, location)
            except UnsafeAddress as unsafe:
                raise _redirected_wrong(url, f"redirects to {unsafe}", answer.status) from unsafe
            if origin(target) != origin(url):
                sent.pop("Authorization", None)
            url = target
        raise _redirected_wrong(url, f"redirects more than {REDIRECTS} times", answer.status)

    def _send_with_retries(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None, limit: int
    ) -> Answer:
        """Send to one URL, and again after 408, 429, 5xx and broken connections; returns the last failure."""
        allowance = _shared_allowance.get() or Allowance(self._clock, lambda: Limit(TOTAL_SECONDS, late(TOTAL_SECONDS)))

        def wait(state: tenacity.RetryCallState) -> float:
            answer = state.outcome.result() if state.outcome and not state.outcome.failed else None
            requested = answer and self._retry_after(answer)
            return _BACKOFF(state) if requested is None else requested + _JITTER(state)

        def stop(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= self._attempts or state.upcoming_sleep > allowance.left.seconds

        def before_sleep(state: tenacity.RetryCallState) -> None:
            failure = state.outcome and state.outcome.exception()
            why = failure or (state.outcome and f"status {state.outcome.result().status}")
            host, seconds = url.netloc.decode("ascii"), round(state.upcoming_sleep, 3)
            log.debug("http.waiting", host=host, path=_path(url), seconds=seconds, why=str(why))

        def sleep(seconds: float) -> None:
            with allowance.counting():
                self._clock.sleep(seconds)

        retrying = tenacity.Retrying(
            sleep=sleep,
            before_sleep=before_sleep,
            wait=wait,
            stop=stop,
            retry=tenacity.retry_if_result(lambda answer: answer.status in _RETRIED)
            | tenacity.retry_if_exception(lambda error: isinstance(error, NoResponse) and error.again),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        return retrying(self._send, method, url, headers, content, limit, allowance)

    def _send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | None,
        limit: int,
        allowance: Allowance,
    ) -> Answer:
        pace, transport = self._pools.for_url(url)
        asked_at = time.perf_counter()
        try:
            with pace.turn(_not_over(allowance.left).seconds) as seen, allowance.counting():
                began = time.perf_counter()
                left = _not_over(allowance.left)
                bound = left if left.seconds < self._seconds else Limit(self._seconds, late(self._seconds))
                extensions = {"timeout": _TIMEOUTS, "bound": bound}
                request = httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
                status = None
                try:
                    with closing(transport.handle_request(request)) as response:
                        status = response.status_code
                        answer = Answer(method, url, status, response.headers, _body(response, method, limit))
                finally:
                    self._observe(url.netloc.decode("ascii"), status)
        except httpx.TransportError as error:
            raise broken(error) from error
        except UnicodeError as error:  # from httpx of `xn--` and junk, from getaddrinfo of `a..b`
            raise nowhere() from error
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
            requested = self._retry_after(answer)
            pace.slow_down(seen, 1.0 if requested is None else requested)
        return answer

    def _retry_after(self, answer: Answer) -> float | None:
        return retry_after(answer.headers.get("retry-after"), self._clock.now().timestamp())


def _body(response: httpx.Response, method: str, limit: int) -> bytes:
    """The body as it came over the wire; more than `limit` bytes of a success are an error, a failure is cut."""
    failed, has_body = response.status_code >= 300, method != "HEAD"
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity" and not failed and has_body:
        raise NoResponse(f"answered with the encoding {encoding[:50]!r} although none was requested", _BETWEEN)
    too_much = NoResponse(f"answered with more than the {limit} bytes allowed for such an answer", _BETWEEN)
    announced = response.headers.get("content-length", "")
    if has_body and not failed and announced.isdecimal() and int(announced[:20]) > limit:
        raise too_much
    size_limit = ERROR_BODY if failed else limit
    body = bytearray()
    for chunk in response.stream:  # type: ignore[union-attr]  # a sync transport gives a sync stream
        body += chunk
        if len(body) > size_limit:
            if failed:
                break
            raise too_much
    return bytes(body[:size_limit])


def _not_over(left: Limit) -> Limit:
    if left.seconds <= 0:
        raise left.late
    return left


def _redirected_wrong(url: httpx.URL, what: str, status: int) -> NoResponse:
    failure = NoResponse(what, "Nothing was sent there; check the address of the registry.", status=status)
    failure.host = url.netloc.decode("ascii")
    return failure


def _path(url: httpx.URL) -> str:
    """The path without the query, which may contain secrets."""
    return url.raw_path.partition(b"?")[0].decode("ascii", "replace")


# An HTTP answer, and what its body holds.


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `url` is the final one after redirects. Only the `body` of a failure may be cut."""

    method: str
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

    def json(self) -> Any:
        """The JSON value in the body; None if it cannot be read."""
        return parse_json(self.body)


def parse_json(text: bytes | str) -> Any:
    """The JSON value of a text from outside; None if it cannot be read, or is nested too deeply.

    No exception escapes, because it would hold the whole text, secrets included.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
