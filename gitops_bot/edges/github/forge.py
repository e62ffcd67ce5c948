"""Pull requests on GitHub: find, open, refresh and close them, with no request more than that takes."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Refused, Unanswered
from gitops_bot.edges.github.words import explain
from gitops_bot.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.edges.github.wire import Wire
    from gitops_bot.edges.http import Clock
    from gitops_bot.errors import ForgeError
    from gitops_bot.proposals.pull_request import PullRequest

API_URL = "https://api.github.com"

#: GitHub's limits, in characters.
TITLE_LIMIT, BODY_LIMIT = 256, 65_536
#: Pull requests of one branch that are looked at: a decline is remembered for so many.
_LOOKED_AT = 30

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9_.-]{1,100}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,1000}\Z")


class GitHub:
    """The pull requests of one repository (`owner/name`); fulfils `journeys.world.Forge`.

    `api_url` is `https://api.github.com` or that of a GitHub Enterprise; plain http is for this machine only, as the
    token would be seen. `warn` is told of what could not be done and does not matter to the proposal: a label.

    Raises:
        UsageError: the repository, the address or the token is none; the token is never part of the text.
    """

    def __init__(
        self, repository: str, token: str, *, clock: Clock, warn: Callable[[Problem], None], api_url: str = API_URL
    ) -> None:
        if not _REPOSITORY.match(repository) or repository.endswith(("/.", "/..")):
            raise _unusable(
                f"{repository[:200]!r} is not a repository on GitHub", "write OWNER/NAME, as in acme/deploy"
            )
        if not _TOKEN.match(token):
            raise _unusable(
                "the token for GitHub is empty or has characters that no token has",
                "set GITHUB_TOKEN or GH_TOKEN anew, without quotes, spaces and line ends",
            )
        self._repository, self._token = repository, token
        self._api_url = _checked(api_url)
        self._clock, self._warn = clock, warn
        self._seen: dict[int, PullRequest] = {}

    def find(self, branches: Sequence[str], base: str) -> dict[str, tuple[PullRequest, ...]]:
        """Pull requests from each of these branches into `base`: open ones first, then the newest closed ones.

        One read for each branch. A fork's branch of the same name is not ours.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        return {branch: self._find(branch, base) for branch in branches}

    def open(self, *, branch: str, base: str, title: str, body: str, labels: Sequence[str]) -> PullRequest:
        """Open a pull request, or find and refresh the one that is open for the branch already.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        asked = {"title": _title(title), "body": _body(body), "head": branch, "base": base}
        try:
            pull = self._kept(self._wire.ask("POST", self._path("/pulls"), body=asked))
        except Refused as refused:
            if refused.status != 422 or "already exists" not in refused.said:
                self._fail(refused)
            # Another run was faster, or our own request came through although its answer did not.
            found = next((each for each in self._find(branch, base, state="open")), None)
            if found is None:
                self._fail(refused)
            return self.refresh(found.number, title=title, body=body, labels=labels)
        except Unanswered as failure:
            self._fail(failure)
        return self._label(pull, labels)

    def refresh(self, number: int, *, title: str, body: str, labels: Sequence[str]) -> PullRequest:
        """Give an open pull request a new title and body, and add missing labels; writes only what differs.

        Reads nothing where `find` or `open` has seen the pull request in this run.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        pull = self._present(number)
        asked = {}
        if _title(title) != pull.title.strip():
            asked["title"] = _title(title)
        if not _same(_body(body), pull.body):
            asked["body"] = _body(body)
        return self._label(self._edit(pull, asked), labels)

    def close(self, number: int, *, body: str, comment: str) -> PullRequest:
        """Put the closing mark into the body, say why in a comment, then close.

        In this order: a run that dies in between leaves a pull request that the next run still knows as its own.

        Raises:
            ForgeError: GitHub refused or did not answer.
        """
        pull = self._present(number)
        if not _same(_body(body), pull.body):
            pull = self._edit(pull, {"body": _body(body)})
        self._ask("POST", f"/issues/{number}/comments", body={"body": _body(comment)})
        return self._edit(pull, {"state": "closed"})

    def _find(self, branch: str, base: str, state: str = "all") -> tuple[PullRequest, ...]:
        # GitHub ignores a `head` without an owner silently, and then lists every pull request there is.
        head = f"{self._repository.partition('/')[0]}:{branch}"
        query = {"state": state, "head": head, "base": base, "sort": "created", "direction": "desc"}
        listed = self._ask("GET", "/pulls", query={**query, "per_page": str(_LOOKED_AT)})
        if not isinstance(listed, list):
            self._fail(answers.unreadable())
        ours = [each for each in listed if answers.is_from(each, self._repository)]
        pulls = [pull for pull in map(self._kept, ours) if (pull.branch, pull.base) == (branch, base)]
        opened = [pull for pull in pulls if pull.state == "open"]
        closed = sorted((pull for pull in pulls if pull.state != "open"), key=lambda pull: -pull.number)
        return (*opened, *closed)

    def _present(self, number: int) -> PullRequest:
        return self._seen.get(number) or self._kept(self._ask("GET", f"/pulls/{number}"))

    def _edit(self, pull: PullRequest, asked: Mapping[str, str]) -> PullRequest:
        if not asked:
            return pull
        return self._kept(self._ask("PATCH", f"/pulls/{pull.number}", body=dict(asked)))

    def _label(self, pull: PullRequest, labels: Sequence[str]) -> PullRequest:
        """Add the missing labels; where the token may not do that, the proposal goes on without them."""
        present = {label.lower() for label in pull.labels}
        missing = [label for label in dict.fromkeys(labels) if label.lower() not in present]
        if not missing:
            return pull
        path = self._path(f"/issues/{pull.number}/labels")
        try:
            self._wire.ask("POST", path, body={"labels": missing})
        except Refused as refused:
            if refused.limited or refused.status not in (403, 404, 410, 422):
                self._fail(refused)
            why = self._explained(refused).problem
            message = f"pull request #{pull.number} goes on without the labels {', '.join(missing)}: {why.message}"
            self._warn(Problem(why.code, message, "give the token `pull-requests: write`, or take `labels:` away"))
            return pull
        except Unanswered as failure:
            self._fail(failure)
        self._seen[pull.number] = replace(pull, labels=(*pull.labels, *missing))
        return self._seen[pull.number]

    def _kept(self, document: Any) -> PullRequest:
        """Read a pull request and remember it."""
        try:
            pull = answers.read(document)
        except ValueError:
            self._fail(answers.unreadable())
        self._seen[pull.number] = pull
        return pull

    def _ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> Any:
        try:
            return self._wire.ask(method, self._path(path), query=query, body=body)
        except (Refused, Unanswered) as failure:
            self._fail(failure)

    def _path(self, path: str) -> str:
        return f"/repos/{self._repository}{path}"

    def _fail(self, failure: Refused | Unanswered) -> NoReturn:
        raise self._explained(failure) from None

    def _explained(self, failure: Refused | Unanswered) -> ForgeError:
        host = urlsplit(self._api_url).netloc
        return explain(failure, repository=self._repository, host=host, now=self._clock.now())

    @cached_property
    def _wire(self) -> Wire:
        # Here and not above: PyGithub costs 174 ms, and a run may need no forge.
        from gitops_bot.edges.github.wire import Wire

        return Wire(self._api_url, self._token, self._clock)


def _title(text: str) -> str:
    text = text.strip()
    return text if len(text) <= TITLE_LIMIT else f"{text[: TITLE_LIMIT - 1]}…"


def _body(text: str) -> str:
    return text[:BODY_LIMIT]


def _same(ours: str, theirs: str) -> bool:
    """Whether two bodies read the same: GitHub's own editor ends lines by CRLF."""
    return ours.replace("\r\n", "\n").strip() == theirs.replace("\r\n", "\n").strip()


def _checked(api_url: str) -> str:
    """The address without a slash at the end, if a token may be sent there."""
    from gitops_bot.edges.http import is_loopback

    try:
        url = urlsplit(api_url)
        host, _ = url.hostname or "", url.port
    except ValueError:
        host = ""
    if not host or url.scheme not in ("http", "https") or "@" in url.netloc or url.query or url.fragment:
        raise _unusable(
            "GITHUB_API_URL is not the address of an API",
            f"write {API_URL}, or https://HOST/api/v3 for GitHub Enterprise",
        )
    if url.scheme == "http" and not is_loopback(host):
        raise _unusable(
            f"the API at {host[:200]} is asked without encryption, and everyone on the way would see the token",
            "write https:// in GITHUB_API_URL",
        )
    return api_url.rstrip("/")


def _unusable(message: str, way_out: str) -> UsageError:
    return UsageError(Problem("failed.forge", message, way_out))
