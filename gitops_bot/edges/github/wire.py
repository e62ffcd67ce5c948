"""Sends requests to GitHub's API through PyGithub. The only file that imports it, loaded with the first request.

PyGithub authenticates, and spaces out writes. Its objects are not used: they fetch missing fields from addresses in the
answer, so we would control neither the number of requests nor their host. This file adds bounds: no redirects, no wait
over a minute, no endless answers.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from github import Auth, Github
from github.Requester import HTTPSRequestsConnectionClass, RequestsResponse
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from gitops_bot import __version__, log
from gitops_bot.edges.github import answers, bounded, graphql
from gitops_bot.edges.github.failure import Late, Refused, TooLarge, error_message
from gitops_bot.edges.http import NoResponse, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from gitops_bot.edges.http import Clock
    from gitops_bot.proposals.pull_request import RateLimit

#: Seconds: between two parts of an answer, for a whole answer, and the longest wait that GitHub may ask for.
_TIMEOUT, SECONDS, _LONGEST_WAIT = 15, 30.0, 60
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
        retries = _Retry(
            clock,
            total=3,
            backoff_factor=1,
            backoff_max=8,
            raise_on_status=False,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=None,  # all
        )
        adapter = bounded.Adapter(timeout or seconds, retries if self._may_repeat else None)
        self._connection = _Connection(urlsplit(api_url), self._timeout, adapter)
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

    def close(self) -> None:
        """Close the connection, which PyGithub never does by itself."""
        self._connection.close()

    def ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> Any:
        """Send one REST request and return the JSON of the answer.

        Raises:
            Refused: GitHub answered with a status of 300 or more.
            NoResponse: it did not answer, or not in JSON.
        """
        write = method != "GET"
        document, headers = self._patiently(lambda: self._send(method, path, query=query, body=body, write=write))
        if headers.get("x-ratelimit-resource", "core") == "core":
            left = answers.read_rate_limit(
                headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", "")
            )
            self.left = left or self.left
        return document

    def rate_limit(self) -> tuple[Any, dict[str, str]]:
        """The answer to `GET /rate_limit`, and its headers with names in lower case; raises as `ask`."""
        return self._send("GET", "/rate_limit", write=False)

    def graphql(
        self, question: str, variables: Mapping[str, object], *, write: bool, optional: frozenset[str] = frozenset()
    ) -> graphql.Result:
        """Send a GraphQL query. Fields named in `optional` may be hidden from the token.

        Raises:
            Unsupported: the server has no GraphQL, or not these fields.
            Refused: GitHub refused, with the status that REST would use; 413 if the query was too large.
            NoResponse: as in `ask`.
        """
        body = {"query": question, "variables": dict(variables)}

        def send() -> graphql.Result:
            try:
                document, headers = self._send("POST", self._requester.graphql_url, body=body, write=write)
            except Refused as refused:
                raise graphql.over_http(refused) from None
            return graphql.read(document, headers, self._token or "", write=write, optional=optional)

        return self._patiently(send)

    def _patiently(self, send: Callable[[], T]) -> T:
        """Send, and again after a rate limit that ends within a minute: a secondary one is reported by 403 or 422."""
        try:
            return send()
        except Refused as refused:
            pause = refused.pause(self._clock.now())
            if pause is None and refused.status in (403, 422):
                pause = _LONGEST_WAIT
            if not self._may_repeat or not refused.limited or pause is None or pause > _LONGEST_WAIT:
                raise
        log.debug("http.waiting", host=self._requester.hostname, seconds=pause, why="rate limit")
        self._clock.sleep(pause)
        return send()

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None, write: bool
    ) -> tuple[Any, dict[str, str]]:
        if self._late >= _MOST_TIMEOUTS:
            raise NoResponse(f"timed out {self._late} times in a row, so no more requests are sent", bounded.LATER)
        accept = {"Accept": "application/vnd.github+json"}
        try:
            status, headers, text = self._requester.requestJson(
                method, path, dict(query or {}), accept, input=body, cnx=self._connection
            )
        except bounded.ERRORS as error:
            failure = bounded.unanswered(error, self._timeout)
            self._late += isinstance(failure, Late)
            raise failure from None
        self._late = 0
        document = parse_json(text) if text else None
        if status >= 300:
            raise Refused(status, error_message(document, self._token or ""), headers, write=write)
        if document is None and text.strip() not in ("", "null"):
            advice = "check GITHUB_API_URL: for GitHub Enterprise it ends in /api/v3"
            raise NoResponse("answered with something other than JSON", advice)
        return document, headers


class _Answer(RequestsResponse):
    """An answer read up to a limit; PyGithub then reads it from here, as text."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__(answer)
        body = bytearray()
        for part in answer.iter_content(65_536):
            body += part
            if len(body) > _LIMIT:
                raise TooLarge(f"sent more than {_LIMIT} bytes", "check GITHUB_API_URL, and run again")
        self._text = body.decode(errors="replace")

    def read(self) -> str:
        return self._text


class _Connection(HTTPSRequestsConnectionClass):
    """Sends what PyGithub asks for, by an adapter of ours."""

    def __init__(self, api: SplitResult, timeout: int, adapter: bounded.Adapter) -> None:
        super().__init__(api.hostname or "", timeout=timeout)
        self._root = f"{api.scheme}://{api.netloc}"
        # Plain HTTP is for this machine only, so never through a proxy, which would see the token.
        self.session.trust_env = api.scheme == "https"
        self.session.mount(self._root, adapter)

    def getresponse(self) -> _Answer:
        began = time.perf_counter()
        with self.session.request(
            self.verb,
            self._root + self.url,
            headers=self.headers,
            data=self.input,
            timeout=self.timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            bounded.deadline.head = None
            log.debug(
                "http.request",
                method=self.verb,
                host=self._root.partition("//")[2],
                path=self.url.partition("?")[0],
                status=answer.status_code,
                since=began,
            )
            # PyGithub would follow 301 and retry after 202 without end. 103 is no answer yet.
            if answer.status_code < 200 or answer.status_code == 202 or 300 <= answer.status_code < 400:
                raise Refused(answer.status_code, "", {}, write=self.verb != "GET")
            return _Answer(answer)


class _Retry(Retry):
    """Retries after server errors and broken connections, by our clock. Rate limits are left to `Wire`."""

    RETRY_AFTER_STATUS_CODES = frozenset({503})

    def __init__(self, clock: Clock, **settings: Any) -> None:
        self._clock = clock
        super().__init__(**settings)

    def new(self, **changes: Any) -> Self:
        return super().new(clock=self._clock, **changes)

    def increment(self, method: Any = None, url: Any = None, response: Any = None, *rest: Any, **more: Any) -> Self:
        if response is not None and (self.get_retry_after(response) or 0) > _LONGEST_WAIT:
            raise MaxRetryError(more["_pool"], url)  # what was answered counts: see `raise_on_status`
        return super().increment(method, url, response, *rest, **more)

    def sleep(self, response: Any = None) -> None:
        seconds = (self.get_retry_after(response) if response is not None else None) or self.get_backoff_time()
        if seconds > 0:
            last = self.history[-1] if self.history else None
            why = "no answer" if last is None or last.status is None else f"status {last.status}"
            log.debug("http.waiting", seconds=round(seconds, 3), why=why)
            self._clock.sleep(seconds)
