"""Sends requests to GitHub's API through PyGithub. The only file that imports it, loaded with the first request.

PyGithub authenticates, and spaces out writes. Its objects are not used: they fetch missing fields from addresses in the
answer, so we would control neither the number of requests nor their host. Nor are its connections: it sends by those of
`edges.http`, which have limits. This file adds others: no redirects, no wait over a minute, no endless answers.
"""

from __future__ import annotations

import logging
import math
import os
import ssl
import time
import weakref
import zlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx
from github import Auth, Github

from gitops_bot import __version__, log
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import NUMBER, Late, Refused, error_message
from gitops_bot.edges.http import NoResponse, TooLarge, parse_json
from gitops_bot.edges.http.client import authorities, connect
from gitops_bot.edges.http.transport import Network, answer_limit
from gitops_bot.edges.patience import ATTEMPTS, PASSING_STATUSES, TOTAL_SECONDS, Passing, patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.edges.clock import Clock
    from gitops_bot.proposals.pull_request import RateLimit


#: Seconds: between two parts of an answer, for a whole answer, and the longest wait that GitHub may ask for.
_TIMEOUT, SECONDS, _LONGEST_WAIT = 15, 30.0, 60
_CONNECTIONS = 10
#: Timeouts in a row after which no more requests are sent.
_MOST_TIMEOUTS = 2
#: Bytes of one answer: ten times that of thirty pull requests with the longest bodies that GitHub allows.
_LIMIT = 32 * 1024 * 1024

T = TypeVar("T")


class Wire:
    """One API as seen by one token, or anonymously. Writes are a second apart (GitHub's guideline), except on loopback.

    `left` is the REST rate limit as of the last answer that reported it.
    """

    def __init__(
        self,
        api_url: str,
        token: str | None,
        clock: Clock,
        *,
        timeout: int | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """With a `timeout` an answer may take that many seconds as a whole, and nothing is sent twice."""
        self._token, self._clock, self._may_repeat = token, clock, timeout is None
        self._timeout = timeout or _TIMEOUT
        self._late = 0
        self.left: RateLimit | None = None
        self._connection = _Connection(api_url, self._timeout, timeout or seconds)
        self.close = self._connection.close
        # On import PyGithub sets up its logger to write to standard error.
        logging.getLogger("github").handlers[:] = [logging.NullHandler()]
        self._requester = Github(
            auth=Auth.Token(token) if token is not None else None,
            base_url=api_url,
            user_agent=f"gitops-bot/{__version__}",
            api_version="2022-11-28",
            seconds_between_requests=0,
            seconds_between_writes=0 if api_url.startswith("http:") else 1,
        ).requester

    def ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None, once: bool = False
    ) -> Any:
        """Send one REST request and return the JSON of the answer; `once`: never again where it may have been done.

        Raises:
            Refused: GitHub answered with a status of 300 or more.
            NoResponse: it did not answer, or not in JSON.
        """
        write = method != "GET"
        document, headers = self._patiently(
            lambda: self._send(method, path, query=query, body=body, write=write), path, once=once
        )
        if headers.get("x-ratelimit-resource", "core") == "core":
            left = answers.read_rate_limit(
                headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", "")
            )
            self.left = left or self.left
        return document

    def rate_limit(self) -> tuple[Any, dict[str, str]]:
        """The answer to `GET /rate_limit`, and its headers with names in lower case; raises as `ask`."""
        return self._patiently(lambda: self._send("GET", "/rate_limit", write=False), "/rate_limit")

    def graphql(
        self, question: str, variables: Mapping[str, object], *, write: bool, optional: frozenset[str] = frozenset()
    ) -> answers.GraphqlAnswer:
        """Send a GraphQL query. Fields named in `optional` may be hidden from the token.

        Raises:
            Unsupported: the server has no GraphQL, or not these fields.
            Refused: GitHub refused, with the status that REST would use; 413 if the query was too large.
            NoResponse: as in `ask`.
        """
        body = {"query": question, "variables": dict(variables)}

        def send() -> answers.GraphqlAnswer:
            try:
                document, headers = self._send("POST", self._requester.graphql_url, body=body, write=write)
            except Refused as refused:
                raise answers.over_http(refused) from None
            return answers.read_graphql(document, headers, self._token or "", write=write, optional=optional)

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
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        write: bool,
    ) -> tuple[Any, dict[str, str]]:
        if self._late >= _MOST_TIMEOUTS:
            raise NoResponse(f"timed out {self._late} times in a row, so no more requests are sent", _LATER)
        accept = {"Accept": "application/vnd.github+json"}
        try:
            status, headers, text = self._requester.requestJson(
                method, path, dict(query or {}), accept, input=body, cnx=cast("Any", self._connection)
            )
        except (NoResponse, httpx.RequestError, OSError, UnicodeError, zlib.error) as error:
            failure = _unanswered(error, self._timeout)
            self._late += isinstance(failure, Late)
            failure.again = failure.again and self._late < _MOST_TIMEOUTS
            raise failure from None
        self._late = 0
        document = parse_json(text) if text else None
        if status >= 300:
            raise Refused(status, error_message(document, self._token or ""), headers, write=write)
        if document is None and text.strip() not in ("", "null"):
            advice = "check GITHUB_API_URL: for GitHub Enterprise it ends in /api/v3"
            raise NoResponse("answered with something other than JSON", advice)
        return document, headers


class _Answer:
    """An answer as PyGithub takes it."""

    def __init__(self, answer: httpx.Response, text: str) -> None:
        self.status, self._headers, self._text = answer.status_code, answer.headers, text

    def read(self) -> str:
        return self._text

    def getheaders(self) -> list[tuple[str, str]]:
        """The headers; those of the rate limit only where they are numbers, as PyGithub takes for granted."""
        return [
            (name, value)
            for name, value in self._headers.items()
            if not name.startswith("x-ratelimit-") or name.endswith("-resource") or NUMBER.fullmatch(value)
        ]


class _Connection:
    """Sends what PyGithub asks for, as registries are asked: each try of a request may take so many seconds."""

    def __init__(self, api_url: str, timeout: int, seconds: float) -> None:
        self._root = httpx.URL(api_url).copy_with(raw_path=b"/")
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        self._limit, self._network = answer_limit(seconds), Network()
        self._transport: httpx.BaseTransport | None = None

    def close(self) -> None:
        """Close the connection, which PyGithub never does by itself."""
        if self._transport is not None:
            self._transport.close()

    def request(self, verb: str, url: str, content: str | None, headers: Mapping[str, str], _stream: object) -> None:
        """What to send next."""
        self._request = httpx.Request(
            verb,
            self._root.join(url),
            headers={"Accept-Encoding": "gzip", **headers},
            content=content,
            extensions={"timeout": self._timeouts},
        )

    def getresponse(self) -> _Answer:
        """Send it, and read the answer.

        Raises:
            NoResponse: it took more time, or sent too much.
        """
        began, request = time.perf_counter(), self._request
        self._transport = self._transport or self._connect()
        deadline = self._network.deadline
        deadline.begin(self._limit)
        with closing(self._transport.handle_request(request)) as answer:
            deadline.head = None
            log.debug(
                "http.request",
                method=request.method,
                host=self._root.netloc.decode("ascii"),
                path=request.url.raw_path.partition(b"?")[0].decode("ascii"),
                status=answer.status_code,
                since=began,
            )
            # PyGithub would follow 301 and retry after 202 without end.
            if answer.status_code == 202 or 300 <= answer.status_code < 400:
                raise Refused(answer.status_code, "", {}, write=request.method != "GET")
            coding, body = answer.headers.get("content-encoding", "identity"), bytearray()
            if coding not in ("gzip", "identity"):
                raise httpx.DecodingError("an encoding that was not asked for")
            # httpx would unpack each part whole, which may be a thousand times as large.
            packed = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == "gzip" else None
            for part in answer.iter_raw():
                body += part if packed is None else packed.decompress(part, _LIMIT + 1 - len(body))
                if len(body) > _LIMIT:
                    raise TooLarge(f"sent more than {_LIMIT} bytes", "check GITHUB_API_URL, and run again")
            return _Answer(answer, body.decode(errors="replace"))

    def _connect(self) -> httpx.BaseTransport:
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        is_folder = bundle is not None and Path(bundle).is_dir()
        files = (None, bundle) if is_folder else (bundle, None)
        trust = authorities(*files) if self._root.scheme == "https" else None
        try:
            transport = connect(self._root, os.environ, trust, self._network, _CONNECTIONS)
        except (ValueError, ImportError) as error:
            raise httpx.ProxyError("its address is unusable") from error
        weakref.finalize(self, transport.close)
        return transport


_LATER = "run again later; see githubstatus.com"


def _unanswered(error: Exception, timeout: int) -> NoResponse:
    """What to say where no answer came, or half of one; `timeout` is the limit for the next bytes."""
    if isinstance(error, TooLarge):
        return error
    if isinstance(error, NoResponse):
        return Late(error.what, _LATER, again=True)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None and not isinstance(cause, ssl.SSLEOFError):
        return NoResponse(
            "has a certificate that is not trusted here",
            "set REQUESTS_CA_BUNDLE to the certificates of your GitHub Enterprise, or correct GITHUB_API_URL",
        )
    is_connected = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    if isinstance(error, httpx.TimeoutException):
        return Late(f"did not answer within {timeout} seconds", _LATER, again=True, reached=is_connected)
    return NoResponse(
        "cannot be reached, or closed the connection early",
        "check the network, the proxy and GITHUB_API_URL, and run again",
        again=True,
        reached=is_connected,
    )
