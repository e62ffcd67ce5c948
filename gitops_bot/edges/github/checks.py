"""What was reported of commits: statuses, check runs and deployments. One query asks for many of them.

GitHub leaves out of a commit's `statusCheckRollup` what a newer status of the context, or attempt of the run, replaced.
Without GraphQL, what REST says is put into its shape (docs.github.com/rest: commits/statuses, checks/runs,
deployments/statuses).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops_bot.config.propose import STATUS
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.deployments import TEXT
from gitops_bot.edges.github.failure import Refused, Unsupported
from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.http.transport import TooLarge, clean
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.releases.checks import Check, CommitChecks, Deployments, DeploymentState, Reported

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gitops_bot.edges.github.api import Api
    from gitops_bot.releases.checks import CheckState

#: Commits and environments of one query, checks of one page, pages of one of these, deployments of a first page.
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
    "SUCCESS": "success",
    **dict.fromkeys(("NEUTRAL", "SKIPPED"), "skipped"),
    **dict.fromkeys(("PENDING", "EXPECTED", "QUEUED", "IN_PROGRESS", "WAITING"), "pending"),
}
#: What only a token with `actions: read` may see.
_WORKFLOW_RUN = "workflowRun"
_CONTEXTS = f"""
      ... on Commit {{ statusCheckRollup {{ contexts(first: {_PER_PAGE}%s) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{
          __typename
          ... on StatusContext {{ context state createdAt description targetUrl creator {{ __typename login }} }}
          ... on CheckRun {{
            name status conclusion startedAt completedAt title detailsUrl
            checkSuite {{ id createdAt app {{ slug }} {_WORKFLOW_RUN} {{ workflow {{ resourcePath }} }} }}
          }}
        }}
      }} }} }}"""
_DEPLOYMENTS = f"""
    d%d: deployments(environments: [$e%d], first: %d%s, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
      pageInfo {{ hasNextPage endCursor }}
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
    _wanted: Mapping[str, Collection[str]] = field(default_factory=dict)
    _checks: dict[tuple[str | None, str | None], CommitChecks] = field(default_factory=dict)
    _failed: dict[str | None, ForgeError] = field(default_factory=dict)
    _deployments: dict[str, Deployments] = field(default_factory=dict)

    def read(
        self, commits: Mapping[str | None, Sequence[str]], environments: Mapping[str, Collection[str]]
    ) -> Reported:
        """One request for a hundred commits and environments together; implements `Forge.checks`."""
        items = [_Item(None, None, name) for name in environments]
        items += [_Item(repository, commit) for repository, several in commits.items() for commit in several]
        self._wanted, self._checks, self._failed, self._deployments = environments, {}, {}, {}
        try:
            self._by_graphql(items)
        except Unsupported:
            for item in items:
                self._by_rest(item)
        return Reported(
            {
                (repository, commit): self._failed.get(repository)
                or self._checks.get((repository, commit), CommitChecks())
                for repository, several in commits.items()
                for commit in several
            },
            {name: self._failed.get(None) or self._deployments.get(name, Deployments()) for name in environments},
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
                    wanted = self._wanted[item.environment]
                    self._read_deployments(item, _of_environment(self.api, item.environment, wanted))
                elif item.commit is not None:
                    nodes, complete = _of_commit(self.api, item.repository or self.api.repository, item.commit)
                    self._checks[item.repository, item.commit] = CommitChecks(_read_checks(nodes), complete=complete)
        except Refused as refused:
            if refused.status == _NO_COMMIT and item.commit is not None:
                self._checks[item.repository, item.commit] = CommitChecks(found=False)
            else:
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
            after = ""
            if item.cursor is not None:
                variables[f"a{at}"], after = item.cursor, f", after: $a{at}"
            if item.environment is not None:
                variables[f"e{at}"] = item.environment
                size = _NEWEST if item.cursor is None else _PER_PAGE
                fields[item.repository] += _DEPLOYMENTS % (at, at, size, after)
            else:
                variables[f"c{at}"] = item.commit
                fields[item.repository] += f"\n    c{at}: object(oid: $c{at}) {{{_CONTEXTS % after}\n    }}"
        declared = (f"${name}: {'GitObjectID' if name[0] == 'c' else 'String'}!" for name in variables)
        asked = "".join(
            f"\n  {alias}: repository(owner: $o{alias}, name: $n{alias}) {{{fields[repository]}\n  }}"
            for repository, alias in aliases.items()
        )
        query = f"query Checks({', '.join(declared)}) {{{asked}\n}}"
        optional = frozenset((*aliases.values(), _WORKFLOW_RUN))
        data, hidden = self.api.wire.graphql(query, variables, write=False, optional=optional)
        left = []
        with self.api.reading():
            for at, item in enumerate(items):
                alias = aliases[item.repository]
                told: Any = data.get(alias)
                if alias in hidden or told is None:
                    self._failed[item.repository] = self._unreadable(item.repository)
                elif item.environment is not None:
                    left += self._read_deployments(item, told[f"d{at}"])
                else:
                    left += self._read_commit(item, told[f"c{at}"])
        return left

    def _read_commit(self, item: _Item, commit: Any) -> list[_Item]:
        """Keep what a page says of a commit; returns the next page, if there is one."""
        key = item.repository, item.commit
        if not commit:  # none, or what is no commit
            self._checks[key] = CommitChecks(found=False)
            return []
        if (rollup := commit["statusCheckRollup"]) is None:
            return []
        known, told = self._checks.get(key, CommitChecks()), rollup["contexts"]
        left, page = _next(item, told), (*known.checks, *_read_checks(answers.nodes(told)))
        is_whole = known.complete and None not in told["nodes"]  # null is what may not be seen
        self._checks[key] = CommitChecks(page, complete=is_whole and (left is None or item.page < _PAGES))
        return [left] if left is not None and item.page < _PAGES else []

    def _read_deployments(self, item: _Item, connection: Any) -> list[_Item]:
        """Keep the deployments of a page; returns the next one, if there is one and none was of a commit looked for."""
        environment = item.environment or ""
        known = [*self._deployments.get(environment, Deployments()).newest]
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
        left = _next(item, connection)
        self._deployments[environment] = Deployments(tuple(known), complete=left is None)
        is_found = any(its.commit in self._wanted[environment] for its in known)
        return [left] if left is not None and item.page < _PAGES and not is_found else []

    def _unreadable(self, repository: str | None) -> ForgeError:
        name = repository or self.api.repository
        rights = "`checks: read`, `statuses: read`, `deployments: read` and `contents: read`"
        advice = f"give the token {rights} there; for another repository that takes a GitHub App or a token of its own"
        return ForgeError(Problem("failed.forge", f"the checks of {name} cannot be read", advice))


def _next(item: _Item, connection: Any) -> _Item | None:
    """What asks for the page after this one, if there is one."""
    page = connection["pageInfo"]
    if page["hasNextPage"] is not True:
        return None
    return item._replace(cursor=answers.of_type(str, page["endCursor"]), page=item.page + 1)


def _read_checks(nodes: Sequence[Any]) -> tuple[Check, ...]:
    """All but the bot's own status, which says what it made of the others."""
    return tuple(_read_check(node) for node in nodes if node.get("context") != STATUS)


def _read_check(node: Any) -> Check:
    if node["__typename"] == "StatusContext":
        at, state, text = answers.time(node["createdAt"]), node["state"], _line(node["description"])
        by, url = _line(_login(node["creator"]), _NAME), answers.link(node["targetUrl"])
        return Check(_line(node["context"], _NAME), _state(state), at, by, url, text)
    suite, app = node["checkSuite"], node["checkSuite"]["app"]
    at = answers.time(node["completedAt"] or node["startedAt"] or suite["createdAt"])  # none while it waits in a queue
    done = node["status"] == "COMPLETED"
    state = node["conclusion"] if done else "PENDING"
    run = suite[_WORKFLOW_RUN]
    # `/acme/web/actions/workflows/build.yml`; null without a workflow, and where the token may not see it
    workflow = "" if run is None else answers.of_type(str, run["workflow"]["resourcePath"])
    return Check(
        _line(node["name"], _NAME),
        _state(state),
        at,
        _line(f"{app['slug']}[bot]" if app is not None else "", _NAME),
        answers.link(node["detailsUrl"]),
        _line(node["title"] or state),
        "run",
        _line(workflow.rpartition("/")[2], _NAME),
        _line(state).lower() if done else "",
        str(suite["id"]),
        answers.time(node["startedAt"]) if node["startedAt"] else None,
    )


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


def _of_commit(api: Api, repository: str, commit: str) -> tuple[list[Any], bool]:
    """The statuses and check runs of a commit, and whether these are all; by two requests, and one for workflows."""
    root = f"/repos/{repository}/commits/{commit}"
    statuses = _listed(api, root, "/statuses")
    nodes = [
        {
            "__typename": "StatusContext",
            "context": status["context"],
            "state": _upper(status["state"]),
            "createdAt": status["created_at"],
            "description": status["description"],
            "targetUrl": status["target_url"],
            "creator": _actor(status["creator"]),
        }
        for status in statuses
    ]
    runs, workflows = _listed(api, root, "/check-runs", key="check_runs"), {}
    if any(run["app"] is not None and run["app"]["slug"] == "github-actions" for run in runs):
        with suppress(Refused):  # without `actions: read`, each suite counts for itself
            started = _listed(api, f"/repos/{repository}", "/actions/runs", {"head_sha": commit}, key="workflow_runs")
            # `.github/workflows/build.yml`, or with the branch that it is from: `...@main`
            workflows = {run["check_suite_id"]: str(run["path"]).partition("@")[0] for run in started}
    for run in runs:
        suite = run["check_suite"]["id"] if run["check_suite"] is not None else None
        path = workflows.get(suite) if suite is not None else None
        nodes.append(
            {
                "__typename": "CheckRun",
                "name": run["name"],
                "status": _upper(run["status"]),
                "conclusion": _upper(run["conclusion"]),
                "startedAt": run["started_at"],
                "completedAt": run["completed_at"],
                "title": run["output"]["title"],
                "detailsUrl": run["details_url"],
                "checkSuite": {
                    "id": "" if suite is None else suite,
                    "createdAt": api.clock.now().isoformat(),  # what waits in a queue may have no time yet
                    "app": run["app"],
                    _WORKFLOW_RUN: None if path is None else {"workflow": {"resourcePath": path}},
                },
            }
        )
    return nodes, max(len(statuses), len(runs)) <= _PAGES * _PER_PAGE


def _of_environment(api: Api, environment: str, wanted: Collection[str]) -> Any:
    """The newest deployments of these commits to an environment; one more request for each."""
    root, more, nodes = f"/repos/{api.repository}", False, []
    for page in api.pages("/deployments", {"environment": environment}, _PAGES, expected=_EXPECTED):
        more = len(page) == _PER_PAGE
        for deployment in page:
            if deployment["description"] == TEXT or deployment["sha"] not in wanted:
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
            nodes.append(
                {
                    "commitOid": deployment["sha"],
                    "createdAt": deployment["created_at"],
                    "description": deployment["description"],
                    "creator": _actor(deployment["creator"]),
                    "statuses": {"nodes": statuses},
                }
            )
        if nodes:
            break
    return {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": ""}}


def _listed(api: Api, root: str, path: str, query: Mapping[str, str] | None = None, *, key: str = "") -> list[Any]:
    pages = api.pages(path, query or {}, _PAGES + 1, key=key, root=root, expected=_EXPECTED)
    return [document for documents in pages for document in documents]


def _actor(user: Any) -> Any:
    return None if user is None else {"__typename": user["type"], "login": user["login"]}


def _upper(value: Any) -> str | None:
    return None if value is None else answers.of_type(str, value).upper()
