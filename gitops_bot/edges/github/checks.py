"""What was reported of commits: statuses, check runs and deployments. One query asks for many of them.

GitHub leaves out of a commit's `statusCheckRollup` what a newer status of the context, or attempt of the run, replaced.
Without GraphQL, what REST says is put into its shape (docs.github.com/rest: commits/statuses, checks/runs,
deployments/statuses).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.deployments import TEXT
from gitops_bot.edges.github.failure import Refused, Unsupported
from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.http.transport import TooLarge, clean
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.releases.checks import Check, CommitChecks, Deployments, DeploymentState, Reported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gitops_bot.edges.github.api import Api
    from gitops_bot.releases.checks import CheckState

#: Commits and environments of one query, checks of one page, pages of one commit, deployments of one environment.
_TOGETHER, _PER_PAGE, _PAGES, _NEWEST = 100, 100, 10, 30
#: By which REST says that a repository has no such commit; and that the token may not read it, or nobody may.
_NO_COMMIT = 422
_EXPECTED = (403, 404, _NO_COMMIT)
#: By which GitHub, and a proxy before it, say that a query took too long; the latter also that a server is down, so
#: a query for no more than this is not divided then.
_TOO_MUCH, _FAULTS, _SMALL = 413, (502, 504), 25
#: Characters of a name, as GitHub has them, and of what is said with it.
_NAME, _TEXT = 255, 200
_STATES: Mapping[str, CheckState] = {
    **dict.fromkeys(("SUCCESS", "NEUTRAL", "SKIPPED", "INACTIVE"), "success"),
    **dict.fromkeys(("PENDING", "EXPECTED", "QUEUED", "IN_PROGRESS", "WAITING"), "pending"),
}
_CONTEXTS = f"""
      ... on Commit {{ statusCheckRollup {{ contexts(first: {_PER_PAGE}%s) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{
          __typename
          ... on StatusContext {{ context state createdAt description targetUrl creator {{ __typename login }} }}
          ... on CheckRun {{
            name status conclusion startedAt completedAt title detailsUrl checkSuite {{ createdAt app {{ slug }} }}
          }}
        }}
      }} }} }}"""
_DEPLOYMENTS = f"""
    d%d: deployments(environments: [$e%d], first: {_NEWEST}, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
      nodes {{
        commitOid createdAt description creator {{ __typename login }}
        statuses(first: {_PER_PAGE}) {{ nodes {{ state createdAt description logUrl }} }}
      }}
    }}"""


class _Item(NamedTuple):
    """A commit of a repository (None: the one with the manifests) from a page on, or an environment of that."""

    repository: str | None
    commit: str | None
    environment: str | None = None
    cursor: str | None = None
    page: int = 1


@dataclass(slots=True)
class Checks:
    """The checks of any repository that the token can read."""

    api: Api
    _checks: dict[tuple[str | None, str], list[Check]] = field(default_factory=dict)
    _failed: dict[str | None, ForgeError] = field(default_factory=dict)
    _deployments: dict[str, list[DeploymentState]] = field(default_factory=dict)

    def read(
        self, commits: Mapping[str | None, Sequence[str]], environments: Mapping[str, Collection[str]]
    ) -> Reported:
        """One request for a hundred commits and environments together; implements `Forge.checks`."""
        items = [_Item(None, None, name) for name in environments]
        items += [_Item(repository, commit) for repository, several in commits.items() for commit in several]
        self._checks, self._failed, self._deployments = {}, {}, {}
        try:
            self._by_graphql(items)
        except Unsupported:
            for item in items:
                self._by_rest(item)
        return Reported(
            {
                (repository, commit): self._failed.get(repository)
                or CommitChecks(tuple(self._checks.get((repository, commit), ())))
                for repository, several in commits.items()
                for commit in several
            },
            {
                name: self._failed.get(None) or Deployments(tuple(self._deployments.get(name, ())))
                for name in environments
            },
        )

    def _by_graphql(self, items: Sequence[_Item]) -> None:
        most = _TOGETHER
        while items:
            now, items = items[:most], items[most:]
            try:
                items = [*items, *self._ask(now)]
            except (Refused, NoResponse) as failure:
                status = failure.status if isinstance(failure, Refused) else None
                too_much = isinstance(failure, TooLarge) or status == _TOO_MUCH
                if len(now) <= (1 if too_much else _SMALL) or not (too_much or status in _FAULTS):
                    self.api.fail(failure)
                most, items = len(now) // 2, [*now, *items]

    def _by_rest(self, item: _Item) -> None:
        if item.repository in self._failed:
            return
        try:
            with self.api.reading():
                if item.environment is not None:
                    self._read_deployments(item.environment, {"nodes": [*_of_environment(self.api, item.environment)]})
                elif item.commit is not None:
                    known = _of_commit(self.api, item.repository or self.api.repository, item.commit)
                    self._checks[item.repository, item.commit] = [_read_check(node) for node in known]
        except Refused as refused:
            if refused.status != _NO_COMMIT:
                self._failed[item.repository] = self._unreadable(item.repository)

    def _ask(self, items: Sequence[_Item]) -> list[_Item]:
        """Ask for these together, and return what is left of them."""
        repositories = list(dict.fromkeys(item.repository for item in items))
        aliases = {repository: f"r{at}" for at, repository in enumerate(repositories)}
        variables: dict[str, object] = {}
        fields: dict[str | None, str] = dict.fromkeys(repositories, "")
        for repository, alias in aliases.items():
            owner, _, name = (self.api.repository if repository is None else repository).partition("/")
            variables |= {f"o{alias}": owner, f"n{alias}": name}
        for at, item in enumerate(items):
            if item.environment is not None:
                variables[f"e{at}"] = item.environment
                fields[item.repository] += _DEPLOYMENTS % (at, at)
                continue
            variables[f"c{at}"], after = item.commit, ""
            if item.cursor is not None:
                variables[f"a{at}"], after = item.cursor, f", after: $a{at}"
            fields[item.repository] += f"\n    c{at}: object(oid: $c{at}) {{{_CONTEXTS % after}\n    }}"
        declared = (f"${name}: {'GitObjectID' if name[0] == 'c' else 'String'}!" for name in variables)
        asked = "".join(
            f"\n  {alias}: repository(owner: $o{alias}, name: $n{alias}) {{{fields[repository]}\n  }}"
            for repository, alias in aliases.items()
        )
        query = f"query Checks({', '.join(declared)}) {{{asked}\n}}"
        data, hidden = self.api.wire.graphql(query, variables, write=False, optional=frozenset(aliases.values()))
        left = []
        with self.api.reading():
            for at, item in enumerate(items):
                alias = aliases[item.repository]
                told: Any = data.get(alias)
                if alias in hidden or told is None:
                    self._failed[item.repository] = self._unreadable(item.repository)
                elif item.environment is not None:
                    self._read_deployments(item.environment, told[f"d{at}"])
                elif (more := self._read_commit(item, told[f"c{at}"])) is not None:
                    left.append(more)
        return left

    def _read_commit(self, item: _Item, commit: Any) -> _Item | None:
        """Keep what a page says of a commit; returns the next page, if there is one."""
        rollup = commit.get("statusCheckRollup") if commit is not None else None
        if rollup is None or item.commit is None:
            return None
        contexts = rollup["contexts"]
        known = self._checks.setdefault((item.repository, item.commit), [])
        known += (_read_check(node) for node in answers.nodes(contexts))
        page = contexts["pageInfo"]
        if page["hasNextPage"] is not True or item.page == _PAGES:
            return None
        return item._replace(cursor=answers.of_type(str, page["endCursor"]), page=item.page + 1)

    def _read_deployments(self, environment: str, connection: Any) -> None:
        known = self._deployments[environment] = []
        for node in answers.nodes(connection):
            if node["description"] == TEXT:
                continue  # our own records say what Git has, not what runs
            # A success that a newer deployment made inactive was one.
            told = [status for status in answers.nodes(node["statuses"]) if status["state"] != "INACTIVE"]
            began = {"state": "PENDING", "createdAt": node["createdAt"], "description": None, "logUrl": None}
            newest = max(told, key=lambda status: str(status["createdAt"]), default=began)  # else the first of a second
            known.append(
                DeploymentState(
                    environment,
                    answers.of_type(str, node["commitOid"]),
                    _state(newest["state"]),
                    answers.time(newest["createdAt"]),
                    _line(_login(node["creator"]), _NAME),
                    answers.link(newest["logUrl"]),
                    _line(newest["description"]),
                )
            )

    def _unreadable(self, repository: str | None) -> ForgeError:
        name = repository or self.api.repository
        rights = "`checks: read`, `statuses: read`, `deployments: read` and `contents: read`"
        advice = f"give the token {rights} there; for another repository that takes a GitHub App or a token of its own"
        return ForgeError(Problem("failed.forge", f"the checks of {name} cannot be read", advice))


def _read_check(node: Any) -> Check:
    if node["__typename"] == "StatusContext":
        at, state, text = node["createdAt"], node["state"], node["description"]
        name, by, url = node["context"], _login(node["creator"]), node["targetUrl"]
    else:
        suite, app = node["checkSuite"], node["checkSuite"]["app"]
        at = node["completedAt"] or node["startedAt"] or suite["createdAt"]  # what waits in a queue never started
        state = node["conclusion"] if node["status"] == "COMPLETED" else "PENDING"
        name, by, url = node["name"], f"{app['slug']}[bot]" if app is not None else "", node["detailsUrl"]
        text = node["title"] or state
    return Check(_line(name, _NAME), _state(state), answers.time(at), _line(by, _NAME), answers.link(url), _line(text))


def _line(value: Any, limit: int = _TEXT) -> str:
    return clean(" ".join(answers.of_type(str, value).split()) if value is not None else "", (), limit)


def _state(value: Any) -> CheckState:
    return _STATES.get(answers.of_type(str, value), "failure")


def _login(actor: Any) -> str:
    """The login of a user, of an App with `[bot]` as REST has it; empty for one that was deleted."""
    if actor is None:
        return ""
    login = answers.of_type(str, actor["login"])
    return f"{login}[bot]" if actor["__typename"] == "Bot" and not login.endswith("[bot]") else login


def _of_commit(api: Api, repository: str, commit: str) -> Iterator[Any]:
    """The statuses and check runs of a commit, by two requests."""
    root = f"/repos/{repository}/commits/{commit}"
    for status in _listed(api, root, "/statuses"):
        yield {
            "__typename": "StatusContext",
            "context": status["context"],
            "state": _upper(status["state"]),
            "createdAt": status["created_at"],
            "description": status["description"],
            "targetUrl": status["target_url"],
            "creator": _actor(status["creator"]),
        }
    for run in _listed(api, root, "/check-runs", "check_runs"):
        yield {
            "__typename": "CheckRun",
            "name": run["name"],
            "status": _upper(run["status"]),
            "conclusion": _upper(run["conclusion"]),
            "startedAt": run["started_at"],
            "completedAt": run["completed_at"],
            "title": run["output"]["title"],
            "detailsUrl": run["details_url"],
            # What waits in a queue may have no time yet.
            "checkSuite": {"createdAt": api.clock.now().isoformat(), "app": run["app"]},
        }


def _of_environment(api: Api, environment: str) -> Iterator[Any]:
    """The newest deployments of other people to an environment; one more request for each."""
    root, query = f"/repos/{api.repository}", {"environment": environment, "per_page": str(_NEWEST)}
    for deployment in answers.of_type(list, api.ask("GET", "/deployments", query=query, expected=_EXPECTED)):
        if deployment["description"] == TEXT:
            continue
        number = answers.of_type(int, deployment["id"])
        statuses = [
            {
                "state": _upper(status["state"]),
                "createdAt": status["created_at"],
                "description": status["description"],
                "logUrl": status.get("log_url"),
            }
            for status in _listed(api, root, f"/deployments/{number}/statuses")
        ]
        yield {
            "commitOid": deployment["sha"],
            "createdAt": deployment["created_at"],
            "description": deployment["description"],
            "creator": _actor(deployment["creator"]),
            "statuses": {"nodes": statuses},
        }


def _listed(api: Api, root: str, path: str, key: str = "") -> Iterator[Any]:
    for documents in api.pages(path, {}, _PAGES, key=key, root=root, expected=_EXPECTED):
        yield from documents


def _actor(user: Any) -> Any:
    return None if user is None else {"__typename": user["type"], "login": user["login"]}


def _upper(value: Any) -> str | None:
    return None if value is None else answers.of_type(str, value).upper()
