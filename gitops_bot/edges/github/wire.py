"""Sends requests to GitHub's API through PyGithub. The only file that imports it, loaded with the first request.

PyGithub authenticates, spaces out writes, and knows GitHub's rate limits. Its objects are not used: they fetch missing
fields from addresses in the answer, so we would control neither the number of requests nor their host. This file adds
bounds: no redirects, no wait over a minute, no endless answers.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Self, cast

from github import Auth, Github, GithubException, GithubRetry
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester, RequestsResponse

from gitops_bot import __version__, log
from gitops_bot.edges.github import answers, bounded, graphql
from gitops_bot.edges.github.failure import Late, Refused, TooLarge, Unanswered, error_message
from gitops_bot.edges.http import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from urllib3.connectionpool import ConnectionPool

    from gitops_bot.edges.http import Clock
    from gitops_bot.proposals.pull_request import RateLimit

#: Seconds: between two parts of an answer, for a whole answer, and the longest wait that GitHub may ask for.
_TIMEOUT, SECONDS, _LONGEST_WAIT = 15, 30.0, 60
#: Timeouts in a row after which no more requests are sent.
_MOST_TIMEOUTS = 2
#: Bytes of one answer: ten times that of thirty pull requests with the longest bodies that GitHub allows.
_LIMIT = 32 * 1024 * 1024
_TRIES_AFTER_THE_FIRST = 3
_RETRIED = ("GET", "POST", "PUT", "PATCH", "DELETE")


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
        self._token, self._clock, self._retries = token, clock, timeout is None
        self._timeout, self._seconds = timeout or _TIMEOUT, timeout or seconds
        self._late = 0
        self.left: RateLimit | None = None
        Requester.injectConnectionClasses(_Loopback, _Connection)
        # On import PyGithub sets up its logger to write to standard error.
        logging.getLogger("github").handlers[:] = [logging.NullHandler()]
        self._requester = Github(
            auth=Auth.Token(token) if token is not None else None,
            base_url=api_url,
            timeout=self._timeout,
            user_agent=f"gitops-bot/{__version__}",
            per_page=100,
            retry=_Retry(clock=clock) if self._retries else None,
            api_version="2022-11-28",
            seconds_between_requests=0,
            seconds_between_writes=0 if api_url.startswith("http:") else 1,
        ).requester

    def close(self) -> None:
        """Close the connection, which PyGithub never does by itself."""
        self._requester.close()

    def ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> Any:
        """Send one REST request and return the JSON of the answer.

        Raises:
            Refused: GitHub answered with a status of 300 or more.
            Unanswered: it did not answer, or not in JSON.
        """
        write = method != "GET"
        try:
            document, headers = self._send(method, path, query=query, body=body, write=write)
        except Refused as refused:  # `_Retry` waits after 403 and 429
            if refused.status != 422 or not self._waited(refused):
                raise
            document, headers = self._send(method, path, query=query, body=body, write=write)
        self.left = answers.rate_limit_in(headers) or self.left
        return document

    def rate_limit(self) -> tuple[Any, dict[str, str]]:
        """The answer to `GET /rate_limit`, and its headers with names in lower case; raises as `ask`."""
        return self._send("GET", "/rate_limit", write=False)

    def graphql(
        self, question: str, variables: Mapping[str, object], *, write: bool, optional: frozenset[str] = frozenset()
    ) -> graphql.Result:
        """Send a GraphQL query. Fields named in `optional` may be hidden from the token.

        Waits once for a secondary rate limit too, which GraphQL reports with status 200.

        Raises:
            Unsupported: the server has no GraphQL, or not these fields.
            Refused: GitHub refused, with the status that REST would use; 413 if the query was too large.
            Unanswered: as in `ask`.
        """
        body = {"query": question, "variables": dict(variables)}
        waited = False
        while True:
            try:
                document, headers = self._send("POST", self._requester.graphql_url, body=body, write=write)
            except Refused as refused:
                raise graphql.over_http(refused) from None
            try:
                return graphql.read(document, headers, self._token or "", write=write, optional=optional)
            except Refused as refused:
                if waited or not self._waited(refused):
                    raise
                waited = True

    def _waited(self, refused: Refused) -> bool:
        """Wait for a rate limit that ends soon. After a 422 without `Retry-After`, GitHub asks for a minute."""
        after = refused.headers.get("retry-after", str(_LONGEST_WAIT) if refused.status == 422 else "")
        if not (self._retries and refused.limited and answers.is_number(after)) or int(after) > _LONGEST_WAIT:
            return False
        log.debug("http.waiting", host=self._requester.hostname, seconds=int(after), why="rate limit")
        self._clock.sleep(int(after))
        return True

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None, write: bool
    ) -> tuple[Any, dict[str, str]]:
        if self._late >= _MOST_TIMEOUTS:
            raise bounded.late_again(self._late)
        try:
            accept = {"Accept": "application/vnd.github+json"}
            with bounded.answers_within(self._seconds):
                status, headers, text = self._requester.requestJson(method, path, dict(query or {}), accept, input=body)
        except GithubException as error:
            raise self._refused(error.status, error.data, error.headers or {}, write=write) from None
        except _Endless:
            raise TooLarge(f"sent more than {_LIMIT} bytes", "check GITHUB_API_URL, and run again") from None
        except bounded.ERRORS as error:
            failure = bounded.unanswered(error, self._timeout)
            self._late += isinstance(failure, Late)
            raise failure from None
        self._late = 0
        try:
            document = json.loads(text) if text else None
        except (ValueError, RecursionError):
            if status < 300:
                raise Unanswered(
                    "answered with something other than JSON",
                    "check GITHUB_API_URL: for GitHub Enterprise it ends in /api/v3",
                ) from None
            document = None
        if status >= 300:
            raise self._refused(status, document, headers, write=write)
        return document, _lower(headers)

    def _refused(self, status: int, document: object, headers: Mapping[str, Any], *, write: bool) -> Refused:
        return Refused(status, error_message(document, self._token or ""), _lower(headers), write=write)


class _Endless(Exception):  # noqa: N818 - caught in this file
    """An answer is larger than any of GitHub's."""


class _Answer(RequestsResponse):
    """An answer read up to a limit; PyGithub then reads it from here, as text."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__(answer)
        body = bytearray()
        for part in answer.iter_content(65_536):
            body += part
            if len(body) > _LIMIT:
                raise _Endless
        self._text = body.decode(errors="replace")

    def read(self) -> str:
        return self._text


class _Connection(HTTPSRequestsConnectionClass):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session.mount("https://", bounded.Adapter(max_retries=self.retry))

    def getresponse(self) -> _Answer:
        return _fetch(self)


class _Loopback(HTTPRequestsConnectionClass):
    """Plain HTTP is for this machine only, so never through a proxy, which would see the token."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session.mount("http://", bounded.Adapter(max_retries=self.retry))

    def getresponse(self) -> _Answer:
        self.session.trust_env = False
        return _fetch(self)


def _fetch(connection: _Connection | _Loopback) -> _Answer:
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    port = "" if (connection.protocol, connection.port) == ("https", 443) else f":{connection.port}"
    began = time.perf_counter()
    with connection.session.request(
        connection.verb,
        f"{connection.protocol}://{host}{port}{connection.url}",
        headers=connection.headers,
        data=connection.input,
        timeout=connection.timeout,
        verify=connection.verify,
        allow_redirects=False,
        stream=True,
    ) as answer:
        bounded.has_head()
        log.debug(
            "http.request",
            method=connection.verb,
            host=f"{host}{port}",
            path=connection.url.partition("?")[0],
            status=answer.status_code,
            ms=log.milliseconds(began),
        )
        # PyGithub would follow 301 and retry after 202 without end. 103 is no answer yet.
        if answer.status_code < 200 or answer.status_code == 202 or 300 <= answer.status_code < 400:
            raise Refused(answer.status_code, "", {}, write=connection.verb != "GET")
        return _Answer(answer)


class _Retry(GithubRetry):
    """Retries after server errors, and waits once for a rate limit that ends within a minute."""

    def __init__(self, *, clock: Clock, **settings: Any) -> None:
        self._clock = clock
        defaults = {
            "total": _TRIES_AFTER_THE_FIRST,
            "backoff_factor": 1,
            "backoff_max": 8,
            "raise_on_status": False,
            "status_forcelist": [500, 502, 503, 504],
            "allowed_methods": _RETRIED,
            "secondary_rate_wait": _LONGEST_WAIT,
            "max_rate_limit_wait": _LONGEST_WAIT,
        }
        super().__init__(**{**defaults, **settings})

    def new(self, **changes: Any) -> Self:
        return super().new(clock=self._clock, **changes)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: Any = None,
    ) -> Self:
        if response is not None:
            limited = response.status in (403, 429)
            waited = limited and any(attempt.status in (403, 429) for attempt in self.history)
            if waited or (self.get_retry_after(response) or 0) > _LONGEST_WAIT:
                content = self.get_content(response, url or "")
                raise GithubException(response.status, parse_json(content), dict(response.headers))
        return cast("Self", super().increment(method, url, response, error, _pool, _stacktrace))

    def sleep(self, response: Any = None) -> None:
        seconds = (self.get_retry_after(response) if response is not None else None) or self.get_backoff_time()
        if seconds > 0:
            last = self.history[-1] if self.history else None
            why = "no answer" if last is None or last.status is None else f"status {last.status}"
            log.debug("http.waiting", seconds=round(seconds, 3), why=why)
            self._clock.sleep(seconds)


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in headers.items()}
