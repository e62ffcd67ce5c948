"""Finds the pull requests of many branches: with one GraphQL query, or one by one on a server that has only REST.

Branch names are passed as variables, so they cannot become part of a query. Fields and limits are those of GitHub's
public schema (docs.github.com/graphql); `followRenames` keeps its default, and `nameWithOwner` shows a repository that
has moved.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.config.propose import STATUS
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.answers import base_by_rest, base_of
from gitops_bot.edges.github.failure import Refused, Unsupported
from gitops_bot.edges.http import NoResponse, TooLarge
from gitops_bot.proposals.pull_request import HandBackTimes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitops_bot.edges.github.answers import Base
    from gitops_bot.edges.github.api import Api
    from gitops_bot.proposals.pull_request import PullRequest

    Pulls = tuple[PullRequest, ...]


#: Pull requests read for one branch: declines are remembered among those that have ended.
OPEN, ENDED = 5, 30
#: The last that were closed unmerged, from any branch: a decline outlives its branch and its group.
CLOSED = 100

_ENDED = """
fragment Ended on PullRequest {
  id number url state title body headRefName baseRefName headRefOid isCrossRepository createdAt
}"""

#: The bot's own status on a commit, and how many checks of it failed.
REPORTED = f"""
fragment Reported on Commit {{
  status {{ context(name: "{STATUS}") {{ state description }} }}
  statusCheckRollup {{
    state
    contexts(first: 1) {{ checkRunCountsByState {{ count state }} statusContextCountsByState {{ count state }} }}
  }}
}}"""
# writersOnly: anybody may approve on a public repository, which must not freeze a proposal.
_OPEN = """
fragment Open on PullRequest {
  ...Ended
  isDraft isInMergeQueue reviewDecision
  labels(first: 100) { nodes { name } }
  latestOpinionatedReviews(first: 50, writersOnly: true) { nodes { state } }
  author { login } viewerDidAuthor
  autoMergeRequest { enabledBy { login } }
  timelineItems(
    last: 1, itemTypes: [AUTO_MERGE_ENABLED_EVENT, AUTO_MERGE_DISABLED_EVENT, ADDED_TO_MERGE_QUEUE_EVENT]
  ) { nodes { ... on AutoMergeDisabledEvent { actor { login } } } }
  commits(last: 1) { nodes { commit { ...Reported } } }
  comments(last: 100) { nodes { databaseId body viewerDidAuthor } }
}"""

_BASE = """
    autoMergeAllowed mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed viewerDefaultMergeMethod
    ref(qualifiedName: $ref) {
      refUpdateRule { requiredStatusCheckContexts }
      rules(first: 100) { nodes { type } }
    }
    mergeQueue(branch: $base) { id }"""

_CLOSED = f"""
    closed: pullRequests(
      baseRefName: $base, states: [CLOSED], orderBy: {{field: UPDATED_AT, direction: DESC}}, first: {CLOSED}
    ) {{ nodes {{ ...Ended }} }}"""


#: The times of labels.
HAND_BACK_TIMES = """
query HandBackTimes($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      timelineItems(last: 100, itemTypes: [LABELED_EVENT]) {
        nodes { ... on LabeledEvent { createdAt label { name } } }
      }
    }
  }
}"""


def _question(variables: Iterable[str], count: int, *, with_closed: bool) -> str:
    """The query for this many branches ($b0, ...); with `ref` for the base, too; `with_closed` for what was closed."""
    fields = _BASE if "ref" in variables else ""
    for number in range(count):
        chosen = f"headRefName: $b{number}, orderBy: {{field: CREATED_AT, direction: DESC}}"
        fields += f"""
    open{number}: pullRequests({chosen}, states: [OPEN], first: {OPEN}) {{
      pageInfo {{ hasNextPage }} nodes {{ ...Open }}
    }}
    ended{number}: pullRequests({chosen}, baseRefName: $base, states: [CLOSED, MERGED], first: {ENDED}) {{
      pageInfo {{ hasNextPage }} nodes {{ ...Ended }}
    }}"""
    if with_closed:
        fields += _CLOSED
    fragments = (_OPEN + REPORTED if count else "") + (_ENDED if count or with_closed else "")
    return (
        f"query Proposals({', '.join(f'${name}: String!' for name in variables)}) {{\n"
        "  repository(owner: $owner, name: $name) {\n"
        f"    nameWithOwner{fields}\n"
        f"  }}\n}}{fragments}"
    )


#: Branches per query: GitHub takes at most ten seconds to answer one.
_AT_ONCE = 50
#: Fields that are null for a token without `checks: read` or `statuses: read`, or without access to the rules.
OPTIONAL = frozenset({"statusCheckRollup", "status", "ref", "mergeQueue"})
_RULES = frozenset({"ref", "mergeQueue"})
#: Authors whose review counts (REST does not say who may write).
_REVIEWERS = ("OWNER", "MEMBER", "COLLABORATOR")


@dataclass(slots=True)
class PullRequestReader:
    """Reads pull requests and base branches. The first query sets `only_rest` for the rest of the run."""

    api: Api
    only_rest: bool = False
    _bases: dict[str, Base] = field(default_factory=dict)

    def find(self, branches: Sequence[str], base: str, *, closed: str | None = None) -> dict[str, Pulls]:
        """The pull requests of each branch into a base branch: open ones first, then the newest that have ended.

        Where none is open, one into another branch is: its base was changed. `closed` adds those of every other branch
        with this prefix, among the hundred that were closed unmerged last. A fork's branches are not ours.

        One request for fifty branches; by REST one for each branch, each open pull request, and `closed`.
        """
        wanted = list(dict.fromkeys(branches))
        pulls: dict[str, Pulls] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            pulls |= self._query(wanted[start : start + _AT_ONCE], base, closed if start == 0 else None)
        return pulls | {branch: pulls[branch] for branch in wanted}

    def base(self, name: str) -> Base:
        """The merge settings of a base branch; free if `find` has read them by GraphQL, else one to three requests."""
        if name not in self._bases:
            self._query((), name)
        if name not in self._bases:
            path = quote(name, safe="/")
            repository, rules = self.api.ask("GET", ""), None
            branch = self.api.ask("GET", f"/branches/{path}")
            with suppress(Refused):
                rules = self.api.ask("GET", f"/rules/branches/{path}", query={"per_page": "100"}, expected=(403, 404))
            with self.api.reading():
                self._bases[name] = base_by_rest(repository, branch, rules)
        return self._bases[name]

    def list_by_rest(self, branch: str, into: str, *, state: str = "all") -> Pulls:
        """The pull requests of one branch by REST, without what a list lacks (reviews, checks, comments)."""
        # GitHub silently ignores a `head` without an owner, and then lists every pull request there is.
        head = f"{self.api.names['owner']}:{branch}"
        query = {"state": state, "head": head, "sort": "created", "per_page": str(ENDED)}
        if state == "open":
            query["base"] = into
        return _of(branch, into, self._list(query))

    def hand_back_times(self, number: int, branch: str, label: str) -> HandBackTimes:
        """When label and branch changed last, by GitHub's clock: commit dates can be forged.

        Two requests. Everything is None if the server has no GraphQL; the push if it keeps no activity.
        """
        try:
            data = self.api.graphql(HAND_BACK_TIMES, {**self.api.names, "number": number})
        except Unsupported:
            return HandBackTimes()
        with self.api.reading():
            labelled = [
                answers.time(event["createdAt"])
                for event in answers.nodes(data["repository"]["pullRequest"]["timelineItems"])
                if event["label"]["name"].lower() == label
            ]
            query, activity, pushed = {"ref": f"refs/heads/{branch}", "per_page": "1"}, [], None
            with suppress(Refused):
                activity = self.api.ask("GET", "/activity", query=query, expected=(403, 404, 410, 501))
            for push in answers.of_type(list, activity)[:1]:
                pushed = str(push["after"]), answers.time(push["timestamp"])
            return HandBackTimes(max(labelled, default=None), pushed)

    def _query(self, branches: Sequence[str], into: str, closed: str | None = None) -> dict[str, Pulls]:
        if not self.only_rest:
            try:
                return self._by_graphql(branches, into, closed)
            except Unsupported:
                self.only_rest = True
            except (Refused, NoResponse) as failure:
                is_too_much = isinstance(failure, TooLarge) or (isinstance(failure, Refused) and failure.status == 413)
                if len(branches) + (closed is not None) < 2 or not is_too_much:
                    self.api.fail(failure)
                half = len(branches) // 2
                parts = (branches[:half], None), (branches[half:], None), ((), closed)
                results = [self._query(part, into, prefix) for part, prefix in parts if part or prefix]
                return {branch: pulls for part in reversed(results) for branch, pulls in part.items()}
        others: dict[str, Pulls] = {}
        if closed is not None:
            query = {"state": "closed", "base": into, "sort": "updated", "per_page": str(CLOSED)}
            others = _by_branch(self._list(query), into, closed)
        return others | {branch: self._by_rest(branch, into) for branch in branches}

    def _by_graphql(self, branches: Sequence[str], into: str, closed: str | None) -> dict[str, Pulls]:
        with_base = into not in self._bases
        variables = {**self.api.names, "base": into, **{f"b{at}": branch for at, branch in enumerate(branches)}}
        if with_base:
            variables["ref"] = f"refs/heads/{into}"
        query = _question(variables, len(branches), with_closed=closed is not None)
        data, hidden = self.api.wire.graphql(query, variables, write=False, optional=OPTIONAL)
        by_branch: dict[str, Pulls] = {}
        with self.api.reading():
            repository: Any = data["repository"]
            if str(repository["nameWithOwner"]).lower() != self.api.repository.lower():
                raise Refused(301, "", {}, write=False)
            if with_base:
                self._bases[into] = base_of(repository, hidden=not hidden.isdisjoint(_RULES))
            for at, branch in enumerate(branches):
                connections = [repository[f"open{at}"], repository[f"ended{at}"]]
                nodes = [node for connection in connections for node in answers.nodes(connection)]
                has_more = any(connection["pageInfo"]["hasNextPage"] for connection in connections)
                if has_more and any(node["isCrossRepository"] for node in nodes):
                    # GraphQL cannot leave out forks, which may push ours off the page.
                    by_branch[branch] = self._by_rest(branch, into)
                    continue
                pulls = [answers.read_node(node) for node in nodes if node["isCrossRepository"] is False]
                by_branch[branch] = tuple(map(self.api.remember, _of(branch, into, pulls)))
            if closed is None:
                return by_branch
            nodes = answers.nodes(answers.of_type(dict, repository["closed"]))
            pulls = [answers.read_node(node) for node in nodes if node["isCrossRepository"] is False]
            return _by_branch(pulls, into, closed) | by_branch

    def _by_rest(self, branch: str, into: str) -> Pulls:
        pulls = list(self.list_by_rest(branch, into))
        for at, pull in enumerate(pulls):
            if pull.state == "open":
                # Whether the latest reviews of those who count include an approval, and no request for changes.
                reviews = self.api.ask("GET", f"/pulls/{pull.number}/reviews", query={"per_page": "100"})
                with self.api.reading():
                    approved = answers.approved(None, dict(_opinions(reviews)).values())
                pulls[at] = self.api.remember(replace(pull, approved=approved))
        return tuple(pulls)

    def _list(self, query: dict[str, str]) -> list[PullRequest]:
        documents = self.api.ask_list("/pulls", {**query, "direction": "desc"})
        with self.api.reading():
            own = [document for document in documents if answers.is_from(document, self.api.repository)]
        return [*map(self.api.keep, own)]


def _of(branch: str, into: str, pulls: Iterable[PullRequest]) -> Pulls:
    """Those from a branch into a base branch; one into another is only of interest while it alone is open."""
    own = [pull for pull in pulls if pull.branch == branch]
    here = _in_order(pull for pull in own if pull.base == into)
    if here and here[0].state == "open":
        return here
    elsewhere = [replace(pull, retargeted=True) for pull in own if pull.base != into and pull.state == "open"]
    return (*_in_order(elsewhere), *here)


def _in_order(pulls: Iterable[PullRequest]) -> Pulls:
    return tuple(sorted(pulls, key=lambda pull: (pull.state != "open", -pull.number)))


def _by_branch(pulls: Iterable[PullRequest], into: str, prefix: str) -> dict[str, Pulls]:
    by_branch: dict[str, list[PullRequest]] = {}
    for pull in pulls:
        if pull.state == "closed" and pull.base == into and pull.branch.startswith(prefix):
            by_branch.setdefault(pull.branch, []).append(pull)
    return {branch: _in_order(closed) for branch, closed in by_branch.items()}


def _opinions(reviews: Any) -> Iterator[tuple[str, str]]:
    """Each reviewer and the state of the review, oldest first. A dismissal withdraws it, a comment does not."""
    for review in reviews:
        opinion = review["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
        if opinion and review["user"] is not None and review.get("author_association", "OWNER") in _REVIEWERS:
            yield str(review["user"]["login"]), str(review["state"])
