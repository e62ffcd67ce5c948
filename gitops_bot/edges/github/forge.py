"""Pull requests on GitHub: found, opened, refreshed, merged and closed, with as few requests as possible; and an issue.

They merge by themselves by auto-merge, by the merge queue, or at once if nothing blocks them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.edges.github import answers, commits, statuses
from gitops_bot.edges.github.address import API_URL
from gitops_bot.edges.github.api import Api
from gitops_bot.edges.github.checks import Checks
from gitops_bot.edges.github.deployments import Deployments
from gitops_bot.edges.github.failure import Refused, Unsupported, review_advice
from gitops_bot.edges.github.merging import Merging
from gitops_bot.edges.github.reading import PullRequestReader
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.proposals.pull_request import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import Token
    from gitops_bot.proposals.pull_request import PullRequest, RateLimit


#: GitHub's limits, in characters.
TITLE_LIMIT, BODY_LIMIT = 256, 65_536
#: Statuses by which GitHub refuses a label, review or assignee: no permission, not found, disabled, invalid.
_EXPECTED = (403, 404, 410, 422)
#: The same of an issue, which people may move to another repository.
_OF_ISSUE = (*_EXPECTED, 301)
_PERMISSION = "give the token `pull-requests: write`"
#: A repository may have thousands of issues: the oldest with the label are looked at and, as people may take it away,
#: the newest.
_LABEL = "gitops-bot"
ISSUES = """
query Issues($owner: String!, $name: String!, $label: String!) {
  repository(owner: $owner, name: $name) {
    labelled: issues(labels: [$label], first: 10, orderBy: {field: CREATED_AT, direction: ASC}) { nodes { ...Own } }
    newest: issues(first: 10, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { ...Own } }
  }
}
fragment Own on Issue {
  number body closedAt viewerDidAuthor comments(last: 10) { nodes { body viewerDidAuthor } }
}"""
#: Pages of comments that are searched for the same one.
_PAGES = 3


class GitHub:
    """The pull requests of one repository (`owner/name`). Implements `engine.world.Forge`, which says what each does.

    All but `commits_ahead` raise a ForgeError if GitHub refuses or does not answer, `commits_between` only then.

    `api_url` is `https://api.github.com` or that of a GitHub Enterprise; plain http is for this machine only, because
    the token would be visible. `warn` receives, once each, what failed but does not matter to the proposal: a label, a
    review, a merge.

    Raises:
        UsageError: the repository, the address or the token is invalid; the token is never part of the text.
    """

    def __init__(
        self,
        repository: str,
        token: str | Token,
        *,
        clock: Clock,
        warn: Callable[[Problem], None],
        api_url: str = API_URL,
    ) -> None:
        self._api = Api(repository, token, clock=clock, warn=warn, api_url=api_url)
        self._reading = PullRequestReader(self._api)
        # Before a text is replaced it is read once more. GitHub has no conditional update (`If-Match`), so an edit made
        # between this request and the next is lost.
        self.read = self._api.read
        self.disconnect = self._api.disconnect
        self.find = self._reading.find
        self.hand_back_times = self._reading.hand_back_times
        compared = commits.Commits(self._api)
        self.commits_between, self.commits_ahead = compared.between, compared.ahead
        self.merges = partial(commits.merges, self._api)
        self.commit = partial(commits.sign, self._api)
        self.checks = Checks(self._api).read
        deployments = Deployments(self._api)
        self.deployments, self.deploy = deployments.newest, deployments.write
        self.heads = partial(statuses.heads, self._api)
        self.write_gates = partial(statuses.write, self._api, self._reading)
        merging = Merging(self._api, self._reading)
        self.merge_when_ready, self.merge_by_hand, self.convert = merging.when_ready, merging.by_hand, merging.convert

    def rate_limit(self) -> RateLimit | None:
        """The rate limit as the last REST answer of this run reported it, else by one request, which is free."""
        if (left := self._api.wire.left) is not None:
            return left
        with suppress(Refused):
            return answers.rate_limit(self._api.ask("GET", "/rate_limit", root="", expected=(404, 405, 410, 501)))
        return None

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        """One request; a second one if the repository has no drafts; two or three if there is one already."""
        fields = {"title": _title(title), "body": body[:BODY_LIMIT], "head": branch, "base": base}
        try:
            asked = {**fields, "draft": True} if draft else fields
            return self._api.keep(self._api.ask("POST", "/pulls", body=asked, expected=(422,)))
        except Refused as refused:
            if draft and "draft pull requests are not supported" in refused.message.lower():
                message = f"{self._api.repository} does not support drafts: the pull request for {branch} is opened as "
                advice = "remove `draft:`, or use a GitHub plan that has drafts"
                self._api.warn(Problem("failed.forge", f"{message}ready for review", advice))
                return self.open(branch=branch, base=base, title=title, body=body, draft=False)
            if "already exists" not in refused.message:
                self._api.fail(refused)
            # Another run was faster, or our own request came through although its answer did not.
            if (existing := next(iter(self._reading.list_by_rest(branch, base, state="open")), None)) is None:
                self._api.fail(refused)
            return self.refresh(existing.number, title=title, body=body)

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        """One request or none, and one to read a pull request that this run has not seen."""
        pull, title = self._api.pull_request(number), _title(title)
        return self._edit(pull, {} if title == pull.title.strip() else {"title": title}, body)

    def label(self, number: int, labels: Sequence[str]) -> bool:
        """One request, or none if no label is missing."""
        pull = self._api.pull_request(number)
        present = {label.lower() for label in pull.labels}
        if not (missing := [label for label in dict.fromkeys(labels) if label.lower() not in present]):
            return True
        try:
            self._add(f"/issues/{number}/labels", {"labels": missing})
        except Refused as refused:
            advice = f"{_PERMISSION}, or remove `labels:`"
            return self._continues_without(number, f"the labels {', '.join(missing)}", refused, advice)
        self._api.remember(replace(pull, labels=(*pull.labels, *missing)))
        return True

    def unlabel(self, number: int, label: str) -> None:
        """One request."""
        try:
            self._api.ask("DELETE", f"/issues/{number}/labels/{quote(label, safe='')}", expected=(404,))
        except Refused as refused:
            if "label does not exist" not in refused.message.lower():
                self._api.fail(refused)
        if pull := self._api.seen.get(number):
            labels = tuple(name for name in pull.labels if name.lower() != label.lower())
            self._api.remember(replace(pull, labels=labels))

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> bool:
        """One request; a second for the people alone if it was refused together with teams."""
        reviewers = {"reviewers": list(dict.fromkeys(people)), "team_reviewers": list(dict.fromkeys(teams))}
        people, teams = reviewers["reviewers"], reviewers["team_reviewers"]
        refused = self._review_refused(number, {kind: names for kind, names in reviewers.items() if names})
        if refused is not None and people and teams:
            # One wrong name refuses the whole request, and most often it is a team.
            alone = self._review_refused(number, {"reviewers": people})
            people, refused = ([], refused) if alone is None else (people, alone)
        if refused is None:
            return True
        names = ", ".join([*people, *(f"team:{team}" for team in teams)])
        advice = review_advice(refused.message, teams=bool(teams)) or f"{_PERMISSION}, or correct `reviewers:`"
        is_final = self._continues_without(number, f"a review by {names}", refused, advice)
        return is_final or people != reviewers["reviewers"]  # who was asked is not asked again

    def assign(self, number: int, people: Sequence[str]) -> bool:
        """One request. Warns of people whom GitHub leaves out."""
        if not (wanted := list(dict.fromkeys(people))):
            return True
        try:
            answer = self._add(f"/issues/{number}/assignees", {"assignees": wanted})
        except Refused as refused:
            advice = f"assign people with write access; {_PERMISSION}, or correct `assignees:`"
            return self._continues_without(number, f"the assignees {', '.join(wanted)}", refused, advice)
        # GitHub silently leaves out people whom it cannot assign.
        with self._api.reading():
            assigned = {str(person["login"]).lower() for person in answers.of_type(list, answer["assignees"])}
        if left_out := [person for person in wanted if person.lower() not in assigned]:
            names = ", ".join(left_out)
            message = f"GitHub did not assign {names} to pull request #{number}: they have no access to it"
            self._api.warn(Problem("failed.forge", message, "assign people with write access, or correct `assignees:`"))
        return True

    def comment(self, number: int, body: str, *, edits: int | None = None) -> int | None:
        """One request to edit one, two or three for a new one, or for one that was deleted meanwhile.

        On a server without GraphQL, where `find` returns no comments, first looks for the same text.
        """
        text = body[:BODY_LIMIT]
        if edits is not None:
            with suppress(Refused):
                self._api.ask("PATCH", f"/issues/comments/{edits}", body={"body": text}, expected=(404, 410))
                return None
        elif self._reading.only_rest and any(_same(text, said) for _, _, said in self._comments(number)):
            return None  # REST does not say which comments are the token's own, so anybody's counts
        return self._post_comment(number, text)

    def take_back(self, comment: int) -> None:
        """One request."""
        with suppress(Refused):
            self._api.ask("DELETE", f"/issues/comments/{comment}", expected=_EXPECTED)

    def comments(self, number: int) -> list[str]:
        """One request for each hundred."""
        return [text for _, _, text in self._comments(number)]

    def close(self, number: int, *, body: str) -> PullRequest:
        """One request, or none if it is closed already and says the same."""
        pull = self._api.pull_request(number)
        return self._edit(pull, {} if pull.state == "closed" else {"state": "closed"}, body)

    def find_issue(self, mark: str) -> Issue | None:
        """One request. The mark of somebody else is none; so is one in the middle of a text, which may be a copy."""
        return max(self._issues(mark), key=lambda issue: issue.number, default=None)

    def write_issue(self, issue: Issue | None, title: str, body: str, comment: str | None) -> None:
        """None if nothing differs, else one; with a comment three or four. Three to open one; one for each double."""
        try:
            if issue is None:
                with self._api.reading():
                    made = self._api.ask("POST", "/issues", body={"title": title, "body": body}, expected=_EXPECTED)
                    number = answers.of_type(int, made["number"])
                with suppress(Refused):
                    self._api.ask("POST", f"/issues/{number}/labels", body={"labels": [_LABEL]}, expected=_EXPECTED)
                # Another run opened one, too, or this was sent twice: who comes last sees all, and closes the older.
                found = {issue.number for issue in self._issues(body.partition("\n")[0]) if issue.closed is None}
                for double in sorted({number, *found})[:-1]:
                    closed = {"state": "closed", "state_reason": "not_planned"}
                    self._api.ask("PATCH", f"/issues/{double}", body=closed, expected=_EXPECTED)
                return
            if comment is not None:
                if issue.closed is not None:
                    self._api.ask("PATCH", f"/issues/{issue.number}", body={"state": "open"}, expected=_OF_ISSUE)
                self._post_comment(issue.number, comment, _OF_ISSUE)
            if not _same(body, issue.body):
                self._api.ask("PATCH", f"/issues/{issue.number}", body={"body": body}, expected=_OF_ISSUE)
        except Refused as refused:
            raise _no_issue(refused) from None

    def _issues(self, mark: str) -> list[Issue]:
        """The bot's own issues that begin with this line."""
        try:
            variables = {**self._api.names, "label": _LABEL}
            data: Any = self._api.graphql(ISSUES, variables, expected=_EXPECTED)
        except (Refused, Unsupported) as refused:
            raise _no_issue(refused) from None
        issues: list[Issue] = []
        with self._api.reading():
            for node in (node for name in ("labelled", "newest") for node in answers.nodes(data["repository"][name])):
                number, body = answers.of_type(int, node["number"]), answers.of_type(str, node["body"])
                if node["viewerDidAuthor"] is True and body.partition("\n")[0].rstrip() == mark:
                    said = [one for one in answers.nodes(node["comments"]) if one["viewerDidAuthor"] is True]
                    comments = tuple(answers.of_type(str, comment["body"]) for comment in said)
                    closed = answers.time(node["closedAt"]) if node["closedAt"] else None
                    issues.append(Issue(number, body, closed, comments))
        return issues

    def _edit(self, pull: PullRequest, changed: dict[str, str], body: str) -> PullRequest:
        if not _same(body[:BODY_LIMIT], pull.body):
            changed["body"] = body[:BODY_LIMIT]
        return self._api.keep(self._api.ask("PATCH", f"/pulls/{pull.number}", body=changed)) if changed else pull

    def _post_comment(self, number: int, text: str, expected: Collection[int] = ()) -> int | None:
        """Say it; of what the bot says again, only the first stays: another run may say it, too.

        So may we: what was sent without an answer is sent again. Returns the id if it stays.
        """
        posted = self._api.ask("POST", f"/issues/{number}/comments", body={"body": text}, expected=expected)
        with self._api.reading():
            author, mine = posted["user"]["login"], answers.of_type(int, posted["id"])
        same = sorted(one for one, by, said in self._comments(number) if by == author and _same(text, said))
        for again in same[1:]:
            self.take_back(again)
        return mine if mine not in same[1:] else None

    def _comments(self, number: int) -> Iterator[tuple[int, str, str]]:
        """Number, author and text of the first three hundred."""
        for comments in self._api.pages(f"/issues/{number}/comments", {}, _PAGES):
            with self._api.reading():
                for comment in comments:
                    author = (comment["user"] or {}).get("login")  # whose account is gone is nobody
                    yield answers.of_type(int, comment["id"]), str(author), str(comment["body"])

    def _add(self, path: str, body: object) -> Any:
        """Add something to a pull request. An answer without a text, as of a proxy, does not say that it was done."""
        answer = self._api.ask("POST", path, body=body, expected=_EXPECTED)
        with self._api.reading():
            if answer is None:
                raise TypeError
        return answer

    def _review_refused(self, number: int, reviewers: Mapping[str, Sequence[str]]) -> Refused | None:
        """Request reviews, if there are reviewers; returns the refusal."""
        try:
            if reviewers:
                self._add(f"/pulls/{number}/requested_reviewers", dict(reviewers))
        except Refused as refused:
            return refused
        return None

    def _continues_without(self, number: int, what: str, refused: Refused, advice: str) -> bool:
        """Warn; returns whether that is final: a permission may be given later."""
        why = self._api.explained(refused).problem
        self._api.warn(Problem(why.code, f"pull request #{number} continues without {what}: {why.message}", advice))
        return refused.status != 403


def _no_issue(refused: Refused | Unsupported) -> ForgeError:
    quoted = refused.said
    advice = "give the token `issues: write`, switch on issues in the repository's settings, or remove `report_issue`"
    if isinstance(refused, Refused) and refused.status == 301:
        quoted = "GitHub says that it has moved: the issue was transferred, or the repository renamed"
        advice = "nothing for an issue: the next run opens another; else use the repository's current name"
    return ForgeError(Problem("failed.auth", f"the issue cannot be read or written ({quoted})", advice))


def _title(text: str) -> str:
    text = text.strip()
    return text if len(text) <= TITLE_LIMIT else f"{text[: TITLE_LIMIT - 1]}…"


def _same(ours: str, theirs: str) -> bool:
    """Whether two texts read the same: GitHub's own editor ends lines with CRLF."""
    return ours.replace("\r\n", "\n").strip() == theirs.replace("\r\n", "\n").strip()
