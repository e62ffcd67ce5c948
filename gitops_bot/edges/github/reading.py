"""Finds the pull requests of many branches: by one question in GraphQL, or one by one where there is only REST."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.edges.github import answers, base, documents
from gitops_bot.edges.github.failure import Refused, TooLarge, Unanswered, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitops_bot.edges.github.api import Api
    from gitops_bot.edges.github.base import Base
    from gitops_bot.proposals.pull_request import PullRequest

    Found = tuple[PullRequest, ...]

#: Branches in one question: GitHub takes no more than ten seconds to answer.
_AT_ONCE = 50
#: Fields that a token without `checks: read`, or without a sight of the rules, finds null; the proposals are all there.
_SPARE = frozenset({"statusCheckRollup", "ref", "mergeQueue"})
_RULES = frozenset({"ref", "mergeQueue"})
#: People whose review counts, by what they are to the repository (REST does not say who may write).
_COUNTS = ("OWNER", "MEMBER", "COLLABORATOR")


class Reading:
    """What GitHub has there already. `only_rest` is found out by the first question, for the rest of the run."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.only_rest = False
        self._bases: dict[str, Base] = {}

    def find(self, branches: Sequence[str], into: str, closed: str | None = None) -> dict[str, Found]:
        """Pull requests of each branch: open ones first, then the newest that have ended.

        `closed`: and of every other branch that begins so, those that were closed unmerged last.

        Costs one request for fifty branches; with REST one for each, one more for each that has an open one, and one
        for `closed`.
        """
        wanted = list(dict.fromkeys(branches))
        found: dict[str, Found] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            found |= self._some(wanted[start : start + _AT_ONCE], into, closed if start == 0 else None)
        return found | {branch: found[branch] for branch in wanted}

    def base(self, name: str) -> Base:
        """What the base branch asks for; free where `find` has asked in GraphQL, else one to three requests."""
        if name not in self._bases:
            self._some((), name)
        if name not in self._bases:
            self._bases[name] = self._base_by_rest(name)
        return self._bases[name]

    def listed(self, branch: str, into: str, *, state: str = "all") -> Found:
        """Pull requests of one branch by REST, without what a list does not tell (reviews, checks, comments)."""
        # GitHub ignores a `head` without an owner silently, and then lists every pull request there is.
        query = {"state": state, "head": f"{self._api.owner}:{branch}", "base": into, "sort": "created"}
        query |= {"direction": "desc", "per_page": str(documents.ENDED)}
        listed = self._api.ask("GET", self._api.below("/pulls"), query=query)
        if not isinstance(listed, list):
            self._api.fail(answers.unreadable())
        ours = (self._api.keep(each) for each in listed if answers.is_from(each, self._api.repository))
        return _in_order(pull for pull in ours if (pull.branch, pull.base) == (branch, into))

    def _some(self, branches: Sequence[str], into: str, closed: str | None = None) -> dict[str, Found]:
        if not self.only_rest:
            try:
                return self._by_graphql(branches, into, closed)
            except Unsupported:
                self.only_rest = True
            except (Refused, Unanswered) as failure:
                if len(branches) + (closed is not None) < 2 or not _is_too_much(failure):
                    self._api.fail(failure)
                half = len(branches) // 2
                parts = (branches[:half], None), (branches[half:], None), ((), closed)
                found = [self._some(*each) for each in ((part, into, which) for part, which in parts if part or which)]
                return {branch: pulls for part in reversed(found) for branch, pulls in part.items()}
        others = {} if closed is None else self._closed_by_rest(into, closed)
        return others | {branch: self._by_rest(branch, into) for branch in branches}

    def _by_graphql(self, branches: Sequence[str], into: str, closed: str | None) -> dict[str, Found]:
        with_base = into not in self._bases
        owner, _, name = self._api.repository.partition("/")
        variables = {"owner": owner, "name": name, "base": into}
        variables |= {f"b{number}": branch for number, branch in enumerate(branches)}
        if with_base:
            variables["ref"] = f"refs/heads/{into}"
        question = documents.proposals(len(branches), with_base=with_base, with_closed=closed is not None)
        told = self._api.wire.graphql(question, variables, write=False, spare=_SPARE)
        repository: Any = told.data.get("repository")
        try:
            if str(repository["nameWithOwner"]).lower() != self._api.repository.lower():
                raise Refused(301, "", {}, write=False)
            if with_base:
                self._bases[into] = base.read_node(repository, hidden=not told.hidden.isdisjoint(_RULES))
            found = {branch: self._of(repository, number, branch, into) for number, branch in enumerate(branches)}
            if closed is None:
                return found
            nodes = [each for each in repository["closed"]["nodes"] if each is not None]
            pulls = [answers.read_node(each) for each in nodes if each["isCrossRepository"] is False]
            return _by_branch(pulls, into, closed) | found
        except (KeyError, TypeError, ValueError):
            self._api.fail(answers.unreadable())

    def _of(self, repository: Any, number: int, branch: str, into: str) -> Found:
        connections = [repository[f"open{number}"], repository[f"ended{number}"]]
        nodes = [each for connection in connections for each in connection["nodes"] if each is not None]
        if any(each["isCrossRepository"] for each in nodes) and any(
            connection["pageInfo"]["hasNextPage"] for connection in connections
        ):
            # GraphQL cannot leave forks out. So many of them have a branch of this name that ours may not be listed.
            return self._by_rest(branch, into)
        ours = (answers.read_node(each) for each in nodes if each["isCrossRepository"] is False)
        return _in_order(self._api.remember(pull) for pull in ours if (pull.branch, pull.base) == (branch, into))

    def _by_rest(self, branch: str, into: str) -> Found:
        return tuple(
            self._api.remember(replace(pull, approved=self._is_approved(pull.number))) if pull.state == "open" else pull
            for pull in self.listed(branch, into)
        )

    def _closed_by_rest(self, into: str, beginning: str) -> dict[str, Found]:
        query = {"state": "closed", "base": into, "sort": "updated", "direction": "desc"}
        listed = self._api.ask("GET", self._api.below("/pulls"), query={**query, "per_page": str(documents.CLOSED)})
        if not isinstance(listed, list):
            self._api.fail(answers.unreadable())
        ours = [self._api.keep(each) for each in listed if answers.is_from(each, self._api.repository)]
        return _by_branch(ours, into, beginning)

    def _is_approved(self, number: int) -> bool:
        """Whether the last word of those whose review counts is an approval, and of none that changes are wanted."""
        path = self._api.below(f"/pulls/{number}/reviews")
        listed = self._api.ask("GET", path, query={"per_page": "100"})
        try:
            return answers.approved(None, dict(_opinions(listed)).values())
        except (KeyError, TypeError):
            self._api.fail(answers.unreadable())

    def _base_by_rest(self, name: str) -> Base:
        place = quote(name, safe="/")
        repository = self._api.ask("GET", self._api.below(""))
        branch = self._api.ask("GET", self._api.below(f"/branches/{place}"))
        try:
            query = {"per_page": "100"}
            rules = self._api.attempt("GET", self._api.below(f"/rules/branches/{place}"), query=query, bears=(403, 404))
        except Refused:
            rules = None
        try:
            return base.read(repository, branch, rules)
        except ValueError:
            self._api.fail(answers.unreadable())


def _in_order(pulls: Iterable[PullRequest]) -> Found:
    return tuple(sorted(pulls, key=lambda pull: (pull.state != "open", -pull.number)))


def _by_branch(pulls: Iterable[PullRequest], into: str, beginning: str) -> dict[str, Found]:
    """What was closed unmerged, by its branch."""
    found: dict[str, list[PullRequest]] = {}
    for pull in pulls:
        if pull.state == "closed" and pull.base == into and pull.branch.startswith(beginning):
            found.setdefault(pull.branch, []).append(pull)
    return {branch: _in_order(each) for branch, each in found.items()}


def _opinions(listed: Any) -> Iterator[tuple[str, str]]:
    """Who said what, oldest first; a comment takes no earlier word back, a dismissal does."""
    for each in listed:
        opinion = each["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
        if opinion and each["user"] is not None and each.get("author_association", "OWNER") in _COUNTS:
            yield str(each["user"]["login"]), str(each["state"])


def _is_too_much(failure: Refused | Unanswered) -> bool:
    return isinstance(failure, TooLarge) or (isinstance(failure, Refused) and failure.status == 413)
