"""Pull requests on GitHub: found, opened, refreshed and closed, with as few requests as possible."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.edges.github import answers, messages
from gitops_bot.edges.github.address import API_URL
from gitops_bot.edges.github.api import Api
from gitops_bot.edges.github.commits import Commits
from gitops_bot.edges.github.deployments import Deployments
from gitops_bot.edges.github.failure import Refused
from gitops_bot.edges.github.merged import merges
from gitops_bot.edges.github.merging import Merging
from gitops_bot.edges.github.reading import Reading
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.edges.http import Clock
    from gitops_bot.proposals.pull_request import PullRequest, RateLimit

#: GitHub's limits, in characters.
TITLE_LIMIT, BODY_LIMIT = 256, 65_536
#: Statuses by which GitHub refuses a label, review or assignee: no permission, not found, disabled, invalid.
_EXPECTED = (403, 404, 410, 422)
_PERMISSION = "give the token `pull-requests: write`"
#: Comments per page, and pages that are searched for the same comment.
_PER_PAGE, _PAGES = 100, 3


class GitHub:
    """The pull requests of one repository (`owner/name`). Implements `engine.world.Forge`, which says what each does.

    Everything but `commits_between` and `commits_ahead` raises a ForgeError if GitHub refuses or does not answer.

    `api_url` is `https://api.github.com` or that of a GitHub Enterprise; plain http is for this machine only, because
    the token would be visible. `warn` receives, once each, what failed but does not matter to the proposal: a label, a
    review, a merge.

    Raises:
        UsageError: the repository, the address or the token is invalid; the token is never part of the text.
    """

    def __init__(
        self, repository: str, token: str, *, clock: Clock, warn: Callable[[Problem], None], api_url: str = API_URL
    ) -> None:
        self._api = Api(repository, token, clock=clock, warn=warn, api_url=api_url)
        self._reading = Reading(self._api)
        self.disconnect = self._api.disconnect
        self.find = self._reading.find
        self.hand_back_times = self._reading.hand_back_times
        commits = Commits(self._api)
        self.commits_between, self.commits_ahead = commits.between, commits.ahead
        self.merges = partial(merges, self._api)
        deployments = Deployments(self._api)
        self.deployments, self.deploy = deployments.newest, deployments.write
        self.merge_when_ready = Merging(self._api, self._reading).when_ready

    def left(self) -> RateLimit | None:
        """The rate limit as the last REST answer of this run reported it, else by one request, which is free."""
        left = self._api.wire.left
        if left is None:
            try:
                left = answers.rate_limit(self._api.ask("GET", "/rate_limit", root="", expected=(404, 405, 410, 501)))
            except Refused:
                return None
        # GraphQL has its own limit, in points. By REST a look takes the list, and the reviews of what is open.
        return replace(left, look=2) if left is not None and self._reading.only_rest else left

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        """One request; a second one if the repository has no drafts; two or three if there is one already."""
        fields = {"title": _title(title), "body": _body(body), "head": branch, "base": base}
        try:
            return self._create({**fields, "draft": True} if draft else fields)
        except Refused as refused:
            if "already exists" not in refused.message:
                self._api.fail(refused)
            # Another run was faster, or our own request came through although its answer did not.
            existing = next(iter(self._reading.list_by_rest(branch, base, state="open")), None)
            if existing is None:
                self._api.fail(refused)
            return self.refresh(existing.number, title=title, body=body)

    def read(self, number: int) -> PullRequest:
        """One request, before the text is replaced.

        GitHub has no conditional update (`If-Match`), so an edit made between this request and the next is lost.
        """
        return self._api.read(number)

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        """One request or none, and one to read a pull request that this run has not seen."""
        pull = self._api.pull_request(number)
        changed = {}
        if _title(title) != pull.title.strip():
            changed["title"] = _title(title)
        if not _same(_body(body), pull.body):
            changed["body"] = _body(body)
        return self._edit(pull, changed)

    def label(self, number: int, labels: Sequence[str]) -> None:
        """One request, or none if no label is missing."""
        pull = self._api.pull_request(number)
        present = {label.lower() for label in pull.labels}
        missing = [label for label in dict.fromkeys(labels) if label.lower() not in present]
        if not missing:
            return
        try:
            self._api.ask("POST", f"/issues/{number}/labels", body={"labels": missing}, expected=_EXPECTED)
        except Refused as refused:
            advice = f"{_PERMISSION}, or remove `labels:`"
            self._continues_without(number, f"the labels {', '.join(missing)}", refused, advice)
        else:
            self._api.remember(replace(pull, labels=(*pull.labels, *missing)))

    def unlabel(self, number: int, label: str) -> bool:
        """One request."""
        present = True
        try:
            self._api.ask("DELETE", f"/issues/{number}/labels/{quote(label, safe='')}", expected=(404,))
        except Refused as refused:
            if "label does not exist" not in refused.message.lower():
                self._api.fail(refused)
            present = False
        if pull := self._api.seen.get(number):
            labels = tuple(name for name in pull.labels if name.lower() != label.lower())
            self._api.remember(replace(pull, labels=labels))
        return present

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        """One request; a second for the people alone if it was refused together with teams."""
        reviewers = {"reviewers": list(dict.fromkeys(people)), "team_reviewers": list(dict.fromkeys(teams))}
        people, teams = reviewers["reviewers"], reviewers["team_reviewers"]
        refused = self._review_refused(number, {kind: names for kind, names in reviewers.items() if names})
        if refused is not None and people and teams:
            # One wrong name refuses the whole request, and most often it is a team.
            alone = self._review_refused(number, {"reviewers": people})
            people, refused = ([], refused) if alone is None else (people, alone)
        if refused is not None:
            names = ", ".join([*people, *(f"team:{team}" for team in teams)])
            advice = messages.review_advice(refused.message, teams=bool(teams))
            advice = advice or f"{_PERMISSION}, or correct `reviewers:`"
            self._continues_without(number, f"a review by {names}", refused, advice)

    def assign(self, number: int, people: Sequence[str]) -> None:
        """One request. Warns of people whom GitHub leaves out."""
        if not people:
            return
        wanted = list(dict.fromkeys(people))
        try:
            answer = self._api.ask(
                "POST", f"/issues/{number}/assignees", body={"assignees": wanted}, expected=_EXPECTED
            )
        except Refused as refused:
            advice = f"assign people with write access; {_PERMISSION}, or correct `assignees:`"
            self._continues_without(number, f"the assignees {', '.join(wanted)}", refused, advice)
            return
        # GitHub silently leaves out people whom it cannot assign.
        assignees = answer.get("assignees") if isinstance(answer, dict) else None
        if not isinstance(assignees, list):
            return
        assigned = {str(person.get("login")).lower() for person in assignees if isinstance(person, dict)}
        if left_out := [person for person in wanted if person.lower() not in assigned]:
            names = ", ".join(left_out)
            message = f"GitHub did not assign {names} to pull request #{number}: they have no access to it"
            self._api.warn(Problem("failed.forge", message, "assign people with write access, or correct `assignees:`"))

    def comment(self, number: int, body: str, *, edits: int | None = None) -> None:
        """One request; one more if the comment to edit was deleted meanwhile.

        On a server without GraphQL, where `find` returns no comments, first looks for the same text.
        """
        text = _body(body)
        if edits is not None:
            try:
                self._api.ask("PATCH", f"/issues/comments/{edits}", body={"body": text}, expected=(404, 410))
            except Refused:
                pass
            else:
                return
        elif self._reading.only_rest and self._has_comment(number, text):
            return
        self._post_comment(number, text)

    def close(self, number: int, *, body: str, comment: str) -> PullRequest:
        """Two or three requests. If a run dies in between, the next still knows the pull request as its own."""
        pull = self._api.pull_request(number)
        if not _same(_body(body), pull.body):
            pull = self._edit(pull, {"body": _body(body)})
        self._post_comment(number, _body(comment))
        return self._edit(pull, {"state": "closed"})

    def _create(self, fields: Mapping[str, object]) -> PullRequest:
        """Open a pull request; as ready for review if the repository has no drafts.

        Raises:
            Refused: 422 for another reason.
        """
        try:
            return self._api.keep(self._api.ask("POST", "/pulls", body=dict(fields), expected=(422,)))
        except Refused as refused:
            if "draft" not in fields or "draft pull requests are not supported" not in refused.message.lower():
                raise
        message = f"{self._api.repository} does not support drafts: the pull request for {fields['head']} is opened as "
        advice = "remove `draft:`, or use a GitHub plan that has drafts"
        self._api.warn(Problem("failed.forge", f"{message}ready for review", advice))
        return self._create({name: value for name, value in fields.items() if name != "draft"})

    def _edit(self, pull: PullRequest, changed: Mapping[str, str]) -> PullRequest:
        if not changed:
            return pull
        return self._api.keep(self._api.ask("PATCH", f"/pulls/{pull.number}", body=dict(changed)))

    def _post_comment(self, number: int, text: str) -> None:
        self._api.ask("POST", f"/issues/{number}/comments", body={"body": text})

    def _has_comment(self, number: int, text: str) -> bool:
        """Whether somebody has made this comment: REST does not say which comments are the token's own."""
        for page in range(1, _PAGES + 1):
            query = {"per_page": str(_PER_PAGE), "page": str(page)}
            comments = self._api.ask_list(f"/issues/{number}/comments", query)
            if any(isinstance(comment, dict) and _same(text, str(comment.get("body"))) for comment in comments):
                return True
            if len(comments) < _PER_PAGE:
                break
        return False

    def _review_refused(self, number: int, reviewers: Mapping[str, Sequence[str]]) -> Refused | None:
        """Request reviews, if there are reviewers; returns the refusal."""
        try:
            if reviewers:
                self._api.ask("POST", f"/pulls/{number}/requested_reviewers", body=dict(reviewers), expected=_EXPECTED)
        except Refused as refused:
            return refused
        return None

    def _continues_without(self, number: int, what: str, refused: Refused, advice: str) -> None:
        why = self._api.explained(refused).problem
        self._api.warn(Problem(why.code, f"pull request #{number} continues without {what}: {why.message}", advice))


def _title(text: str) -> str:
    text = text.strip()
    return text if len(text) <= TITLE_LIMIT else f"{text[: TITLE_LIMIT - 1]}…"


def _body(text: str) -> str:
    return text[:BODY_LIMIT]


def _same(ours: str, theirs: str) -> bool:
    """Whether two texts read the same: GitHub's own editor ends lines with CRLF."""
    return ours.replace("\r\n", "\n").strip() == theirs.replace("\r\n", "\n").strip()
