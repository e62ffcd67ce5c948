"""One repository as one token sees it: what every part of this edge asks by, remembers in, and explains with."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from gitops_bot import redact
from gitops_bot.edges.github import address, answers
from gitops_bot.edges.github.failure import Refused, Unanswered
from gitops_bot.edges.github.messages import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from gitops_bot.edges.github.wire import Wire
    from gitops_bot.edges.http import Clock
    from gitops_bot.errors import ForgeError, Problem
    from gitops_bot.proposals.pull_request import PullRequest


class Api:
    """Asks, and turns what GitHub does other than answer into a ForgeError.

    `seen` are the pull requests of this run, by number, as far as is known.
    """

    def __init__(
        self, repository: str, token: str, *, clock: Clock, warn: Callable[[Problem], None], api_url: str
    ) -> None:
        self.repository = address.checked_repository(repository)
        redact.learn(token)
        self._token = address.checked_token(token)
        self.url = address.encrypted_api(api_url)
        self.clock = clock
        self._warn = warn
        self._told: set[Problem] = set()
        self.seen: dict[int, PullRequest] = {}

    @property
    def owner(self) -> str:
        """Whose the repository is."""
        return self.repository.partition("/")[0]

    def disconnect(self) -> None:
        """Close the connection, if there was any request."""
        if "wire" in vars(self):
            self.wire.close()

    def ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> Any:
        """Send one request and give back the JSON of the answer.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        return self.attempt(method, path, query=query, body=body)

    def attempt(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        bears: Collection[int] = (),
    ) -> Any:
        """Send one request, of which a refusal with a status of `bears` has a second way.

        Raises:
            Refused: with such a status, and no rate limit.
            ForgeError: any other refusal, or no answer.
        """
        try:
            return self.wire.ask(method, path, query=query, body=body)
        except Refused as refused:
            if refused.limited or refused.status not in bears:
                self.fail(refused)
            raise
        except Unanswered as failure:
            self.fail(failure)

    def below(self, path: str) -> str:
        """A path below the repository."""
        return f"/repos/{self.repository}{path}"

    def present(self, number: int) -> PullRequest:
        """The pull request as this run knows it; it is read where it was not seen yet.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        return self.seen.get(number) or self.read(number)

    def read(self, number: int) -> PullRequest:
        """The pull request as it is at this moment, by one request.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        return self.keep(self.ask("GET", self.below(f"/pulls/{number}")))

    def keep(self, document: Any) -> PullRequest:
        """Read a pull request from REST and remember it, with what only other answers tell of it.

        Raises:
            ForgeError: it is none.
        """
        try:
            pull = answers.read(document)
        except ValueError:
            self.fail(answers.unreadable())
        if known := self.seen.get(pull.number):
            pull = replace(
                pull,
                approved=known.approved,
                queued=known.queued,
                checks_failed=known.checks_failed,
                comments=known.comments,
            )
        return self.remember(pull)

    def remember(self, pull: PullRequest) -> PullRequest:
        """Take this for what is known of the pull request from now on."""
        self.seen[pull.number] = pull
        return pull

    def tell(self, problem: Problem) -> None:
        """Warn of what could not be done and does not matter to the proposal, once in a run."""
        if problem not in self._told:
            self._told.add(problem)
            self._warn(problem)

    def fail(self, failure: Refused | Unanswered) -> NoReturn:
        """End what was asked for with words that the user can act upon."""
        raise self.explained(failure) from None

    def explained(self, failure: Refused | Unanswered) -> ForgeError:
        """The words."""
        host = urlsplit(self.url).netloc
        return explain(failure, repository=self.repository, host=host, now=self.clock.now())

    @cached_property
    def wire(self) -> Wire:
        """The way out."""
        # Here and not above: PyGithub costs 174 ms, and a run may need no forge.
        from gitops_bot.edges.github.wire import Wire

        return Wire(self.url, self._token, self.clock)
