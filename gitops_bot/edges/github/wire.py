"""Sends requests to GitHub's API through PyGithub. The only file that imports it, loaded with the first request.

PyGithub authenticates and sends. Its objects are not used: they fetch missing fields from addresses in the answer, so
we would control neither the number of requests nor their host. This file adds bounds: no redirects, no wait over a
minute, no endless answers. It also spaces out writes: PyGithub takes every question in GraphQL for one.

The limit of an answer covers everything from the name lookup to the last byte, with proxies and TLS, and the bytes
before the body are limited too: urllib3's timeouts only limit the wait for the next bytes, for each address, and
`requests` has no other option, so urllib3's sockets are wrapped here.
"""

from __future__ import annotations

import io
import logging
import math
import os
import socket
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from github import Auth, Github
from github.Requester import HTTPSRequestsConnectionClass, RequestsResponse
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from gitops_bot import __version__, log
from gitops_bot.edges.environment import CHECK_PROXY, through_proxy
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import NUMBER, Late, Refused, error_message
from gitops_bot.edges.http import NoResponse, TooLarge, parse_json
from gitops_bot.edges.http.transport import Deadline, answer_limit, attempts
from gitops_bot.edges.patience import ATTEMPTS, PASSING_STATUSES, TOTAL_SECONDS, Passing, patiently

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterator, Mapping

    from urllib3 import ProxyManager

    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import Token
    from gitops_bot.proposals.pull_request import RateLimit


#: Seconds: between two parts of an answer, for a whole answer, and the longest wait that GitHub may ask for.
_TIMEOUT, SECONDS, _LONGEST_WAIT = 15, 30.0, 60
#: Seconds between two writes, by GitHub's guideline; on this machine they follow each other at once.
_BETWEEN_WRITES = 1.0
#: Timeouts in a row after which no more requests are sent.
_MOST_TIMEOUTS = 2
#: Bytes of one answer: ten times that of thirty pull requests with the longest bodies that GitHub allows.
_LIMIT = 32 * 1024 * 1024

T = TypeVar("T")


class Wire:
    """One API as seen by one token, or anonymously. `left`: the REST rate limit, as the last answer reported it."""

    def __init__(
        self, api_url: str, token: Token | None, clock: Clock, *, timeout: int | None = None, seconds: float = SECONDS
    ) -> None:
        """With a `timeout` an answer may take that many seconds as a whole, and nothing is sent twice."""
        self._auth = _Authorization(token)
        self._clock, self._may_repeat = clock, timeout is None
        self._timeout = timeout or _TIMEOUT
        self._late = 0
        self._between_writes = 0.0 if api_url.startswith("http:") else _BETWEEN_WRITES
        self._next_write = -math.inf
        self.left: RateLimit | None = None
        self._connection = _Connection(urlsplit(api_url), self._timeout, timeout or seconds)
        #: Close the connection, which PyGithub never does by itself.
        self.close = self._connection.close
        # On import PyGithub sets up its logger to write to standard error.
        logging.getLogger("github").handlers[:] = [logging.NullHandler()]
        self._requester = Github(
            auth=self._auth,
            base_url=api_url,
            user_agent=f"gitops-bot/{__version__}",
            api_version="2022-11-28",
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

    def ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None, once: bool = False
    ) -> Any:
        """Send one REST request and return the JSON of the answer; `once`: never again where it may have been done.

        Raises:
            Refused: GitHub answered with a status of 300 or more.
            NoResponse: it did not answer, or not in JSON.
        """
        document, headers = self._patiently(
            lambda: self._send(method, path, query=query, body=body, write=method != "GET"), path, once=once
        )
        if headers.get("x-ratelimit-resource", "core") == "core":
            left = (headers.get(f"x-ratelimit-{name}", "") for name in ("remaining", "reset"))
            self.left = answers.read_rate_limit(*left) or self.left
        return document

    def rate_limit(self) -> tuple[Any, dict[str, str]]:
        """The answer to `GET /rate_limit`, and its headers with names in lower case; raises as `ask`."""
        return self._patiently(lambda: self._send("GET", "/rate_limit", write=False), "/rate_limit")

    def graphql(
        self, question: str, variables: Mapping[str, object], *, write: bool, optional: frozenset[str] = frozenset()
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """Send a GraphQL query; see `answers.read_graphql`.

        Raises:
            Unsupported: the server has no GraphQL, or not these fields.
            Refused: GitHub refused, with the status that REST would use; 413 if the query was too large.
            NoResponse: as in `ask`.
        """
        body = {"query": question, "variables": dict(variables)}

        def send() -> tuple[dict[str, Any], frozenset[str]]:
            try:
                document, headers = self._send("POST", self._requester.graphql_url, body=body, write=write)
            except Refused as refused:
                raise answers.over_http(refused) from None
            return answers.read_graphql(document, headers, self._auth.sent, write=write, optional=optional)

        return self._patiently(send, "/graphql")

    def _patiently(self, send: Callable[[], T], path: str, *, once: bool = False) -> T:
        until = self._clock.monotonic() + TOTAL_SECONDS
        return patiently(
            send,
            lambda outcome: self._passing(outcome, once=once),
            sleep=self._clock.sleep,
            remaining=lambda: until - self._clock.monotonic(),
            attempts=ATTEMPTS if self._may_repeat else 1,
            host=self._requester.hostname,
            path=path,
        )

    def _passing(self, outcome: object, *, once: bool) -> Passing | None:
        """A rate limit that ends within a minute; or a fault, unless it is sent `once` and may have been done."""
        seconds: float | None
        match outcome:
            case Refused(limited=True):
                why, seconds = "rate limit", outcome.pause(self._clock.now())
                if seconds is None:  # a secondary one lasts a minute, a primary one an hour
                    seconds = _LONGEST_WAIT if outcome.status in (403, 422) else math.inf
            case Refused(status=status) if status in PASSING_STATUSES and not once:
                why, seconds = f"status {status}", outcome.pause(self._clock.now())
            case NoResponse(again=True, reached=reached) if not (once and reached):
                why, seconds = outcome.what, None
            case _:
                return None
        return Passing(why, seconds) if seconds is None or seconds <= _LONGEST_WAIT else None

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None, write: bool
    ) -> tuple[Any, dict[str, str]]:
        if self._late >= _MOST_TIMEOUTS:
            raise NoResponse(f"timed out {self._late} times in a row, so no more requests are sent", _LATER)
        accept = {"Accept": "application/vnd.github+json"}
        try:
            self._auth.repository = "/".join(path.split("/")[2:4]) if path.startswith("/repos/") else None
            for may_renew in (True, False):
                if write:
                    if (wait := self._next_write - self._clock.monotonic()) > 0:
                        self._clock.sleep(wait)
                    self._next_write = self._clock.monotonic() + self._between_writes
                status, headers, text = self._requester.requestJson(
                    method, path, dict(query or {}), accept, input=body, cnx=self._connection
                )
                if status != 401 or not may_renew or not self._auth.renew():
                    break
        except _ERRORS as error:
            through = through_proxy(self._connection.address, os.environ) if self._connection.session.trust_env else ""
            failure = _unanswered(error, self._timeout, through)
            self._late += isinstance(failure, Late)
            failure.again = failure.again and self._late < _MOST_TIMEOUTS
            raise failure from None
        self._late = 0
        document = parse_json(text) if text else None
        if status >= 300:
            raise Refused(status, error_message(document, self._auth.sent), headers, write=write)
        if document is None and text.strip() not in ("", "null"):
            advice = "check GITHUB_API_URL: for GitHub Enterprise it ends in /api/v3"
            raise NoResponse("answered with something other than JSON", advice)
        return document, headers


class _Authorization(Auth.Auth):
    """The token, if any, as it is at each request, for the `repository` that this is about; `sent` is the last one."""

    token_type = "Bearer"  # noqa: S105 - the scheme of the header
    token = sent = ""
    repository: str | None = None

    def __init__(self, current: Token | None) -> None:
        self._current = current

    def authentication(self, headers: dict[str, str]) -> None:
        if self._current is not None:
            self.sent = self._current(repository=self.repository)
            headers["Authorization"] = f"{self.token_type} {self.sent}"

    def renew(self) -> bool:
        """Whether there is another token than the last one, which was rejected."""
        return self._current is not None and self._current(self.sent, self.repository) != self.sent


def sign_in(app_id: str, key: str) -> str:
    """What a GitHub App proves itself with: a JSON Web Token that it signs with its key, valid for five minutes."""
    return Auth.AppAuth(app_id, key).token


class _Answer(RequestsResponse):
    """An answer whose text was read up to a limit; PyGithub takes it from here."""

    text = ""

    def read(self) -> str:
        return self.text

    def getheaders(self) -> ItemsView[str, str]:
        """The headers; those of the rate limit only where they are numbers, as PyGithub takes for granted."""
        headers = {name.lower(): value for name, value in super().getheaders()}
        return {
            name: value
            for name, value in headers.items()
            if not name.startswith("x-ratelimit-") or name.endswith("-resource") or NUMBER.fullmatch(value)
        }.items()


class _Connection(HTTPSRequestsConnectionClass):
    """Sends what PyGithub asks for, by an adapter of ours: each try of a request may take so many seconds."""

    def __init__(self, api: SplitResult, timeout: int, seconds: float) -> None:
        super().__init__(api.hostname or "", timeout=timeout)
        self.seconds = seconds
        self.address = f"{api.scheme}://{api.netloc}"
        # Plain HTTP is for this machine only, so never through a proxy, which would see the token.
        self.session.trust_env = api.scheme == "https"
        self.session.mount(self.address, _Adapter())

    def getresponse(self) -> _Answer:
        """Send a request, and read its answer. Raises NoResponse if it took more time, or sent too much."""
        began = time.perf_counter()
        _deadline.begin(answer_limit(self.seconds))
        with self.session.request(
            self.verb,
            self.address + self.url,
            headers=self.headers,
            data=self.input,
            timeout=self.timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            _deadline.head = None
            log.debug(
                "http.request",
                method=self.verb,
                host=self.address.partition("//")[2],
                path=self.url.partition("?")[0],
                status=answer.status_code,
                since=began,
            )
            # PyGithub would follow 301 and retry after 202 without end. 103 is no answer yet.
            if answer.status_code < 200 or answer.status_code == 202 or 300 <= answer.status_code < 400:
                raise Refused(answer.status_code, "", {}, write=self.verb != "GET")
            body = bytearray()
            for part in answer.iter_content(65_536):
                body += part
                if len(body) > _LIMIT:
                    raise TooLarge(f"sent more than {_LIMIT} bytes", "check GITHUB_API_URL, and run again")
            has_length = {"content-length", "transfer-encoding"} & {name.lower() for name in answer.headers}
            if answer.status_code in (200, 201) and not body and not has_length:
                raise requests.exceptions.ConnectionError  # Python takes a head that is cut off for a whole one
            whole = _Answer(answer)
            whole.text = body.decode(errors="replace")
            return whole


#: Of the current try of this thread. Its `head` is None from where the body begins, whose bytes its reader counts.
_deadline = Deadline()


class _Adapter(HTTPAdapter):
    """The adapter of `requests`, whose connections keep to the time for an answer."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Socket:
    """A socket whose waits end with the time for the answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._sock.settimeout(seconds)

    def gettimeout(self) -> float:
        """The time for the whole TLS handshake; an exception here would leak its socket."""
        return _deadline.seconds if self._timeout is None else min(_deadline.seconds, self._timeout)

    def sendall(self, data: Any) -> None:
        with self.waiting() as sock:
            sock.sendall(data)

    @contextmanager
    def waiting(self) -> Iterator[socket.socket]:
        """The socket, for one wait within the time."""
        with _deadline.wait(self._timeout) as seconds:
            self._sock.settimeout(seconds)
            yield self._sock

    def recv_into(self, buffer: Any) -> int:
        with self.waiting() as sock:
            count = sock.recv_into(buffer)
        _deadline.take(count)
        return count

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """The file that `http.client` reads; the socket stays open until this is closed, as with the original."""
        self._sock._io_refs += 1  # type: ignore[attr-defined] # noqa: SLF001 - what `socket.makefile` does
        return io.BufferedReader(socket.SocketIO(cast("socket.socket", self), "r"))


class _Bounded(HTTPConnection):
    def _new_conn(self) -> Any:
        """Connect to one of the addresses, which share the time."""
        name, timeout, failure = self._dns_host, self.timeout, None
        try:
            with _deadline.wait(timeout) as seconds:
                for address, share in attempts(name, self.port, seconds):
                    self._dns_host, self.timeout = address, share
                    try:
                        return _Socket(super()._new_conn())
                    except (NewConnectionError, ConnectTimeoutError) as error:
                        failure = failure or error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error
        finally:
            self._dns_host, self.timeout = name, timeout
        raise failure or NewConnectionError(self, "the name has no address")


class _BoundedTls(_Bounded, HTTPSConnection):
    def connect(self) -> None:
        with _deadline.wait(self.timeout):
            super().connect()
        self.sock: Any = _Socket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _PoolTls(_Pool, HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


_POOLS: Any = {"http": _Pool, "https": _PoolTls}

_LATER = "run again later; see githubstatus.com"
#: All exceptions of `requests` and below for no answer, or half of one.
_ERRORS = (NoResponse, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


def _unanswered(error: Exception, timeout: int, through: str = "") -> NoResponse:
    """What to say about one of `_ERRORS`; `timeout` is the limit for the next bytes, `through` the proxy in between."""
    if isinstance(error, TooLarge):
        return error
    if isinstance(error, NoResponse):
        return Late(error.what, _LATER, again=True)
    # requests wraps what urllib3 raises, which wraps what its sockets raise.
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    cause = reason.args[0] if isinstance(reason, urllib3.exceptions.SSLError) else None
    if isinstance(error, requests.exceptions.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        return NoResponse(
            "has a certificate that is not trusted here",
            "set REQUESTS_CA_BUNDLE to the certificates of your GitHub Enterprise, or correct GITHUB_API_URL",
        )
    is_connected = not isinstance(reason, NewConnectionError | ConnectTimeoutError)
    if isinstance(error, requests.exceptions.Timeout) or isinstance(reason, urllib3.exceptions.ReadTimeoutError):
        return Late(f"did not answer within {timeout} seconds", _LATER, again=True, reached=is_connected)
    return NoResponse(
        f"cannot be reached{through and f' {through}'}, or closed the connection early",
        CHECK_PROXY if through else "check the network, the proxy and GITHUB_API_URL, and run again",
        again=True,
        reached=is_connected,
    )
