"""Pull requests on GitHub: find, open, refresh and close them, with no request more than that takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.edges.github import comments, hand_back, limits
from gitops_bot.edges.github.address import API_URL
from gitops_bot.edges.github.api import Api
from gitops_bot.edges.github.commits import Commits
from gitops_bot.edges.github.failure import Refused
from gitops_bot.edges.github.merging import Merging
from gitops_bot.edges.github.people import People
from gitops_bot.edges.github.reading import Reading
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.edges.http import Clock
    from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest, RateLimit

#: GitHub's limits, in characters.
TITLE_LIMIT, BODY_LIMIT = 256, 65_536


class GitHub:
    """The pull requests of one repository (`owner/name`); fulfils `engine.world.Forge`, which says what each does.

    Everything but `commits_between` raises a ForgeError where GitHub refused or did not answer.

    `api_url` is `https://api.github.com` or that of a GitHub Enterprise; plain http is for this machine only, as the
    token would be seen. `warn` is told, once, of what could not be done and does not matter to the proposal: a label,
    a review, a merge.

    Raises:
        UsageError: the repository, the address or the token is none; the token is never part of the text.
    """

    def __init__(
        self, repository: str, token: str, *, clock: Clock, warn: Callable[[Problem], None], api_url: str = API_URL
    ) -> None:
        self._api = Api(repository, token, clock=clock, warn=warn, api_url=api_url)
        self._reading = Reading(self._api)
        self._merging = Merging(self._api, self._reading)
        self._people = People(self._api)
        self._commits = Commits(self._api)

    def disconnect(self) -> None:
        """Close every connection."""
        self._api.disconnect()

    def find(
        self, branches: Sequence[str], base: str, *, closed: str | None = None
    ) -> dict[str, tuple[PullRequest, ...]]:
        """One request for fifty branches. `closed`: as far as they are among the hundred that were closed last.

        On a server without GraphQL one for each branch, one more for each that has an open pull request, and one for
        `closed`. A fork's branch of the same name is not ours.
        """
        return self._reading.find(branches, base, closed)

    def left(self) -> RateLimit | None:
        """No request where an answer of REST has told it in this run, else one that costs nothing of the limit."""
        if self._api.wire.left is None:
            try:
                left = limits.read(self._api.attempt("GET", "/rate_limit", bears=(404, 405, 410, 501)))
            except Refused:
                return None
        else:
            left = self._api.wire.left
        # GraphQL has a limit of its own, in points; by REST it is the list, and the reviews of what is open.
        return replace(left, look=2) if left is not None and self._reading.only_rest else left

    def commits_between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The newest ten; none after five questions in a run. One request, two for more than a hundred commits."""
        return self._commits.between(source, old, new)

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        """One request; a second one where the repository has no drafts; two or three where there is one already."""
        asked = {"title": _title(title), "body": _body(body), "head": branch, "base": base}
        try:
            return self._create({**asked, "draft": True} if draft else asked)
        except Refused as refused:
            if "already exists" not in refused.said:
                self._api.fail(refused)
            # Another run was faster, or our own request came through although its answer did not.
            found = next(iter(self._reading.listed(branch, base, state="open")), None)
            if found is None:
                self._api.fail(refused)
            return self.refresh(found.number, title=title, body=body)

    def read(self, number: int) -> PullRequest:
        """One request, before its text is written anew.

        GitHub takes no condition with a text (no `If-Match`), so whatever a person writes while the next request is on
        its way is overwritten by it; what was there when this one was answered need not be.
        """
        return self._api.read(number)

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        """One request or none, and one to read a pull request that this run has not seen."""
        pull = self._api.present(number)
        asked = {}
        if _title(title) != pull.title.strip():
            asked["title"] = _title(title)
        if not _same(_body(body), pull.body):
            asked["body"] = _body(body)
        return self._edit(pull, asked)

    def hand_back_times(self, number: int, branch: str, label: str) -> HandBackTimes:
        """Two requests."""
        return hand_back.hand_back_times(self._api, number, branch, label)

    def label(self, number: int, labels: Sequence[str]) -> None:
        """One request or none."""
        self._people.label(number, labels)

    def unlabel(self, number: int, label: str) -> bool:
        """One request."""
        return self._people.unlabel(number, label)

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        """One request, two where one of them cannot be asked."""
        self._people.ask_for_review(number, people, teams)

    def assign(self, number: int, people: Sequence[str]) -> None:
        """One request. Whom GitHub leaves out is told."""
        self._people.assign(number, people)

    def comment(self, number: int, body: str, *, edits: int | None = None) -> None:
        """One request.

        One more where that comment was deleted meanwhile, and on a server without GraphQL, where `find` tells no
        comments: what was said already is looked for first.
        """
        if edits is None and self._reading.only_rest:
            comments.say_once(self._api, number, _body(body))
        else:
            comments.say(self._api, number, _body(body), edits=edits)

    def merge_when_ready(
        self, number: int, *, head: str, method: MergeMethod | None, without_checks: bool
    ) -> PullRequest:
        """One request where auto-merge or the queue takes it, or the base branch has no rules; two to merge at once."""
        return self._merging.when_ready(number, head=head, method=method, without_checks=without_checks)

    def close(self, number: int, *, body: str, comment: str) -> PullRequest:
        """Two or three requests; a run that dies in between leaves one that the next knows as its own."""
        pull = self._api.present(number)
        if not _same(_body(body), pull.body):
            pull = self._edit(pull, {"body": _body(body)})
        comments.say(self._api, number, _body(comment))
        return self._edit(pull, {"state": "closed"})

    def _create(self, asked: Mapping[str, object]) -> PullRequest:
        """Send it.

        Raises:
            Refused: 422, and not because of drafts.
            ForgeError: any other refusal.
        """
        path = self._api.below("/pulls")
        try:
            return self._api.keep(self._api.attempt("POST", path, body=dict(asked), bears=(422,)))
        except Refused as refused:
            if "draft" not in asked or "draft pull requests are not supported" not in refused.said.lower():
                raise
        message = (
            f"{self._api.repository} does not support drafts: the pull request for {asked['head']} is opened as ready "
            "for review"
        )
        self._api.tell(Problem("failed.forge", message, "remove `draft:`, or use a GitHub plan that has drafts"))
        ready = {name: value for name, value in asked.items() if name != "draft"}
        return self._api.keep(self._api.attempt("POST", path, body=ready, bears=(422,)))

    def _edit(self, pull: PullRequest, asked: Mapping[str, str]) -> PullRequest:
        if not asked:
            return pull
        return self._api.keep(self._api.ask("PATCH", self._api.below(f"/pulls/{pull.number}"), body=dict(asked)))


def _title(text: str) -> str:
    text = text.strip()
    return text if len(text) <= TITLE_LIMIT else f"{text[: TITLE_LIMIT - 1]}…"


def _body(text: str) -> str:
    return text[:BODY_LIMIT]


def _same(ours: str, theirs: str) -> bool:
    """Whether two bodies read the same: GitHub's own editor ends lines by CRLF."""
    return ours.replace("\r\n", "\n").strip() == theirs.replace("\r\n", "\n").strip()
