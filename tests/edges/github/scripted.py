"""GitHub's recorded answers, played back over a socket: for what no emulator refuses as GitHub does.

Answers of REST are the examples of GitHub's own documentation (they stand in its OpenAPI description), with what a test
is about put in. Each request, and each answer of success, is held against GitHub's description and schema.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from gitops_bot.demo.http import Answer, Request, Server
from gitops_bot.edges.github.forge import GitHub
from gitops_bot.errors import ForgeError
from tests.counterparts import graphql, openapi
from tests.counterparts.clock import StillClock
from tests.edges.github import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem

REPOSITORY, BRANCH, BASE = "acme/deploy", "gitops-bot/production/all", "main"
HEAD = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
TOKEN = "ghs_0123456789abcdef"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: What a server without GraphQL says to every question.
NO_GRAPHQL = Answer.json(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})


class Bot:
    """The edge with everything that it tells the outside."""

    def __init__(self, api_url: str, token: str = TOKEN, repository: str = REPOSITORY) -> None:
        self.clock = StillClock(NOW)
        self.warnings: list[Problem] = []
        self.forge = GitHub(repository, token, clock=self.clock, warn=self.warnings.append, api_url=api_url)


@dataclass(slots=True)
class Script:
    """`asked` are the requests in order, `sent` their bodies (in GraphQL the variables)."""

    server: Server
    bot: Bot
    asked: list[str] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    @property
    def warned(self) -> list[str]:
        """Each warning with its way out, on one line."""
        return [f"{each.message} -> {each.next}" for each in self.bot.warnings]


@contextmanager
def playing(plays: Mapping[str, Any], *, below: str = "/api/v3", broken: bool = False) -> Iterator[Script]:
    """Serve these answers: by `METHOD /path` below the repository, by `METHOD //path` elsewhere, by operation's name.

    One of a list is played after the other, the last for ever; a function gets the body. What is asked and not played,
    or is not as GitHub describes it, fails the test; `broken` answers are what the test is about.
    """
    turns = {name: iter(play) if isinstance(play, list) else None for name, play in plays.items()}
    last: dict[str, Answer] = {}

    def answer(request: Request) -> Answer:
        body: Any = json.loads(request.body) if request.body else None
        if request.path == f"{below.removesuffix('/v3')}/graphql":
            name = body["query"].split()[1].partition("(")[0]
            script.sent.append(body["variables"])
        else:
            path = request.path.removeprefix(below)
            inside = path.removeprefix(f"/repos/{REPOSITORY}")
            name = f"{request.method} {inside if inside != path else f'/{path}'}"
            script.sent.append(body)
        script.asked.append(name)
        if name not in plays:
            script.breaches.append(f"nobody expects {name}")
            return Answer.json(500, {"message": "nobody expects this"})
        turn, play = turns[name], plays[name]
        if turn is not None:
            last[name] = next(turn, last.get(name, Answer(500)))
            play = last[name]
        given: Answer = play if isinstance(play, Answer) else play(body)
        script.breaches += [] if broken else _breaches(name, request, body, given, below)
        return given

    # Reading what GitHub publishes takes longer than the bot waits for an answer: it is read before anyone asks.
    openapi.checker()
    graphql.checker()
    with Server(answer) as server:
        script = Script(server, Bot(f"{server.url}{below}"))
        yield script
    assert script.breaches == []


@contextmanager
def unreadable(plays: Mapping[str, Any]) -> Iterator[Script]:
    """Serve what GitHub would not say, so that what is asked fails for that."""
    with (
        playing(plays, broken=True) as script,
        pytest.raises(ForgeError, match="did not answer the way GitHub does"),
    ):
        yield script


def _breaches(name: str, request: Request, body: Any, given: Answer, below: str) -> list[str]:
    if name[0].isupper() and " " not in name:
        answered = json.loads(given.body) if given.status == 200 else None
        return graphql.checker().breaches(body["query"], body["variables"], answered)
    path = request.path.removeprefix(below)
    if not path.startswith("/repos/") or given.status >= 400:
        # An error's text is GitHub's, its schema is the same everywhere; 5xx and limits are in no operation.
        return []
    target = f"{path}?{urlencode(request.query)}"
    headers = {key.lower(): value for key, value in given.headers.items()}
    return openapi.checker().breaches(
        request.method, target, sent=body, status=given.status, body=given.body, headers=headers
    )


def recorded(method: str, path: str, status: int, **changes: Any) -> Any:
    """The example of GitHub's documentation for an operation, with these fields changed.

    `path` is below the repository. A new operation goes into `examples.json` first: see `tests.edges.github.examples`.
    """
    example = deepcopy(examples.kept()[examples.key(method, path, status)])
    return {**example, **changes} if isinstance(example, dict) else example


def pull(**changes: Any) -> Any:
    """A pull request by REST."""
    found = recorded("GET", "/pulls/{pull_number}", 200)
    whole = {**found["head"]["repo"], "full_name": REPOSITORY}
    return {
        **found,
        "number": 1,
        "node_id": "PR_kwDOA1",
        "html_url": f"https://github.com/{REPOSITORY}/pull/1",
        "title": "web v2",
        "body": "what",
        "labels": [],
        "assignees": [],
        "draft": False,
        "merged": False,
        "merged_at": None,
        "closed_at": None,
        "auto_merge": None,
        "head": {**found["head"], "ref": BRANCH, "sha": HEAD, "label": f"acme:{BRANCH}", "repo": whole},
        "base": {**found["base"], "ref": BASE},
        **changes,
    }


def listed(**changes: Any) -> Any:
    """A pull request as a list of REST shows it."""
    known = set(recorded("GET", "/pulls", 200)[0])
    return {name: value for name, value in pull(**changes).items() if name in known}


def ended(**changes: Any) -> dict[str, Any]:
    """A pull request by GraphQL that was closed."""
    return {
        "id": "PR_kwDOA1",
        "number": 1,
        "url": f"https://github.com/{REPOSITORY}/pull/1",
        "state": "CLOSED",
        "title": "web v2",
        "body": "what",
        "headRefName": BRANCH,
        "baseRefName": BASE,
        "headRefOid": HEAD,
        "isCrossRepository": False,
        "createdAt": "2026-01-02T03:00:00Z",
        **changes,
    }


def reported(state: str | None, *failed: str, own: str | None = None, text: str | None = None) -> dict[str, Any]:
    """The newest commit of a pull request: the state of all checks, each that `failed`, and the bot's own status."""
    red = {"checkRunCountsByState": [{"state": each, "count": 1} for each in failed if each != "ERROR"]}
    red["statusContextCountsByState"] = [{"state": each, "count": 1} for each in (*failed, own) if each == "ERROR"]
    if own is not None:
        red["statusContextCountsByState"].append({"state": own, "count": 1})
    commit = {
        "status": None if own is None else {"context": {"state": own, "description": text}},
        "statusCheckRollup": None if state is None else {"state": state, "contexts": red},
    }
    return {"nodes": [{"commit": commit}]}


def opened(**changes: Any) -> dict[str, Any]:
    """A pull request by GraphQL that is open."""
    return ended(
        **{
            "state": "OPEN",
            "isDraft": False,
            "isInMergeQueue": False,
            "reviewDecision": None,
            "labels": {"nodes": []},
            "latestOpinionatedReviews": {"nodes": []},
            "author": {"login": "bot"},
            "viewerDidAuthor": True,
            "autoMergeRequest": None,
            "timelineItems": {"nodes": []},
            "commits": reported(None),
            "comments": {"nodes": []},
            **changes,
        }
    )


CHECKED: Mapping[str, Any] = {
    "ref": {"refUpdateRule": {"requiredStatusCheckContexts": ["ci"]}, "rules": {"nodes": []}},
}
"""A base branch that asks for a check."""


def base(**changes: Any) -> dict[str, Any]:
    """The settings of a repository and its base branch by GraphQL."""
    return {
        "autoMergeAllowed": True,
        "mergeCommitAllowed": True,
        "squashMergeAllowed": True,
        "rebaseMergeAllowed": False,
        "viewerDefaultMergeMethod": "SQUASH",
        "ref": {"refUpdateRule": None, "rules": {"nodes": []}},
        "mergeQueue": None,
        **changes,
    }


def repository(
    body: Any,
    pulls: Sequence[Mapping[str, Any]] = (),
    *,
    more: bool = False,
    errors: Sequence[Mapping[str, Any]] = (),
    closed: Sequence[Any] = (),
    name: str = REPOSITORY,
    **changes: Any,
) -> Answer:
    """The answer to a question for proposals: these pull requests, by their branch and state, and this base branch."""
    found: dict[str, Any] = {"nameWithOwner": name}
    if "autoMergeAllowed" in body["query"]:
        found |= base(**changes)
    if " closed:" in body["query"]:
        found["closed"] = {"nodes": list(closed)}
    branches = {name: value for name, value in body["variables"].items() if name[0] == "b" and name[1:].isdigit()}
    for variable, branch in branches.items():
        mine = [each for each in pulls if each["headRefName"] == branch]
        for alias, is_open in (("open", True), ("ended", False)):
            nodes = [each for each in mine if (each["state"] == "OPEN") is is_open]
            found[f"{alias}{variable[1:]}"] = {"pageInfo": {"hasNextPage": more}, "nodes": nodes}
    answer: dict[str, Any] = {"data": {"repository": found}}
    return Answer.json(200, {**answer, "errors": list(errors)} if errors else answer)


def having(*pulls: Mapping[str, Any], **changes: Any) -> Callable[[Any], Answer]:
    """Play `repository`."""
    return lambda body: repository(body, pulls, **changes)


def refusal(kind: str | None, message: str, path: Sequence[str | int] = ("repository",), **extra: Any) -> Answer:
    """GitHub's refusal in GraphQL."""
    error = {"path": list(path), "locations": [{"line": 2, "column": 3}], "message": message}
    named = {"type": kind, **error} if kind else error
    return Answer.json(200, {"data": {str(path[0]): None}, "errors": [{**named, **extra}]})


def said(status: int, message: str, headers: Mapping[str, str] | None = None, **extra: Any) -> Answer:
    """GitHub's refusal in REST."""
    return Answer.json(status, {"message": message, "documentation_url": "https://docs.github.com", **extra}, headers)
