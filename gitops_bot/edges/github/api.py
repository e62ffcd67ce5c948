"""One repository as one token sees it: sends requests, remembers pull requests, and explains failures."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gitops_bot import redact
from gitops_bot.edges.address import is_loopback, repository_name
from gitops_bot.edges.facts import fixed
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.address import API, check_api, unusable
from gitops_bot.edges.github.failure import Refused, UnansweredError, explain
from gitops_bot.edges.http import NoResponse
from gitops_bot.errors import ForgeError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import Token
    from gitops_bot.edges.github.wire import Wire
    from gitops_bot.proposals.pull_request import PullRequest


#: Items on a page: the most that GitHub gives.
PER_PAGE: Final = 100
#: What may be sent as a token.
TOKEN: Final = re.compile(r"[\x21-\x7e]{1,1000}\Z")


class Api:
    """Every request raises a ForgeError if GitHub refuses it or does not answer.

    `repository` is None where only the server is asked, `token` None to ask without one. With a `timeout` (whole
    seconds) nothing is sent twice. `seen` has the pull requests of this run by number, as far as they are known.

    Raises:
        UsageError: one of these is invalid; without the text of the token, or of the URL, which may contain a login.
    """

    def __init__(
        self,
        repository: str | None,
        token: str | Token | None,
        *,
        clock: Clock,
        api_url: str,
        warn: Callable[[Problem], None] | None = None,
        timeout: int | None = None,
    ) -> None:
        if repository is not None and repository_name(repository) != repository:
            message = f"{repository[:200]!r} is not a repository on GitHub"
            raise unusable(message, "write OWNER/NAME, as in acme/deploy")
        if isinstance(token, str):
            if not TOKEN.match(token):
                advice = "set GITHUB_TOKEN or GH_TOKEN again, without quotes, spaces or line breaks"
                raise unusable("the GitHub token is empty or has invalid characters", advice)
            redact.learn(token)
            token = fixed(token)
        url = check_api(api_url)
        if url.scheme == "http" and not is_loopback(url.hostname or ""):
            message = f"the API at {url.hostname!s:.200} is not encrypted: anyone in between could read the token"
            raise unusable(message, f"write https:// in {API}")
        #: The host of the API, with its port.
        self.host = url.netloc
        self.repository = repository or ""
        #: The variables by which GraphQL knows the repository.
        self.names = dict(zip(("owner", "name"), self.repository.split("/"), strict=False))
        self.token, self.url, self.clock = token, api_url, clock
        self._warn, self._timeout = warn, timeout
        self._warned: set[Problem] = set()
        self.seen: dict[int, PullRequest] = {}

    @cached_property
    def wire(self) -> Wire:
        """The connection; imported here because PyGithub costs 174 ms, and a run may need no forge."""
        from gitops_bot.edges.github.wire import Wire

        return Wire(self.url, self.token, self.clock, timeout=self._timeout)

    def disconnect(self) -> None:
        """Close the connection, if there was any request."""
        if "wire" in vars(self):
            self.wire.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        expected: Collection[int] = (),
        root: str | None = None,
        once: bool = False,
    ) -> Any:
        """Send one REST request and return the JSON of the answer. `path` is below the repository, or below `root`.

        `once` is for what GitHub would do twice: it is not sent again where it may have been done.

        Raises:
            Refused: with a status in `expected` that is not a rate limit.
            UnansweredError: it was sent `once`, and GitHub did not say what came of it.
        """
        prefix = f"/repos/{self.repository}" if root is None else root
        with self.expecting(expected, once=once):
            return self.wire.ask(method, prefix + path, query=query, body=body, once=once)

    def ask_list(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """Get a list by one REST request."""
        answer = self.ask("GET", path, query=query)
        with self.reading():
            return answers.of_type(list, answer)

    def pages(
        self, path: str, query: Mapping[str, str], most: int, *, key: str = "", root: str | None = None, **more: Any
    ) -> Iterator[list[Any]]:
        """Get a list page by page, at most so many; with a `key` it is that field of each answer."""
        for page in range(1, most + 1):
            numbered = {**query, "per_page": str(PER_PAGE), "page": str(page)}
            answer = self.ask("GET", path, query=numbered, root=root, **more)
            with self.reading():
                documents = answers.of_type(list, answer[key] if key else answer)
            yield documents
            if len(documents) < PER_PAGE:
                return

    def graphql(
        self, question: str, variables: Mapping[str, object], *, write: bool = False, expected: Collection[int] = ()
    ) -> dict[str, Any]:
        """Send one GraphQL query or mutation and return its data.

        Raises:
            Refused: with a status in `expected` that is not a rate limit.
            Unsupported: the server has no GraphQL, or not these fields.
        """
        with self.expecting(expected):
            return self.wire.graphql(question, variables, write=write)[0]

    @contextmanager
    def expecting(self, statuses: Collection[int], *, once: bool = False) -> Iterator[None]:
        """Raise what GitHub refuses, or leaves unanswered, in this block; a Refused only with one of these statuses."""
        try:
            yield
        except (Refused, NoResponse) as failure:
            if isinstance(failure, Refused) and failure.status in statuses and not failure.limited:
                raise
            if once and (isinstance(failure, NoResponse) or failure.status >= 500):
                raise UnansweredError(self.explained(failure).problem) from None
            self.fail(failure)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Report an answer that is not as GitHub documents it: what its wrong types raise in this block."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError):
            advice = "check GITHUB_API_URL: for GitHub Enterprise it ends in /api/v3; then run again"
            self.fail(NoResponse("did not answer the way GitHub does", advice))

    def pull_request(self, number: int) -> PullRequest:
        """A pull request as this run knows it; read only if it was not seen yet."""
        return self.seen.get(number) or self.read(number)

    def read(self, number: int) -> PullRequest:
        """A pull request as it is now: one request."""
        return self.keep(self.ask("GET", f"/pulls/{number}"))

    def keep(self, document: Any) -> PullRequest:
        """Read a pull request from REST and remember it, with the known fields that only GraphQL has."""
        with self.reading():
            pull = answers.read(document)
        if known := self.seen.get(pull.number):
            pull = replace(
                pull,
                approved=known.approved,
                queued=known.queued,
                merge_was_requested=known.merge_was_requested,
                checks_failed=known.checks_failed,
                gates=known.gates if known.head == pull.head else None,
                comments=known.comments,
            )
        return self.remember(pull)

    def remember(self, pull: PullRequest) -> PullRequest:
        """Keep this as the known state of the pull request."""
        self.seen[pull.number] = pull
        return pull

    def warn(self, problem: Problem) -> None:
        """Warn, once per run, of something that failed but does not matter to the proposal."""
        if problem not in self._warned and self._warn is not None:
            self._warned.add(problem)
            self._warn(problem)

    def fail(self, failure: Refused | NoResponse) -> NoReturn:
        """Raise the failure as an error that the user can act upon."""
        raise self.explained(failure) from None

    def explained(self, failure: Refused | NoResponse) -> ForgeError:
        """The failure as an error that the user can act upon."""
        if isinstance(failure, NoResponse):
            return ForgeError(Problem("failed.forge", f"{self.host} {failure.what}", failure.advice))
        return explain(failure, repository=self.repository or self.host, host=self.host, now=self.clock.now())
