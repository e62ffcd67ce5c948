"""The server as the commands have it: gates before what the bot asks, and a record of it."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer, Refused
from gitops_bot.demo.identity import node
from tests.counterparts.world import PERSON_TOKEN, TOKEN, GatedForge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitops_bot.demo.http import Request

QUERY = "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id } }"
MUTATION = (
    "mutation($input: DisablePullRequestAutoMergeInput!)"
    " { disablePullRequestAutoMerge(input: $input) { clientMutationId } }"
)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GatedForge]:
    with GatedForge(tmp_path) as running:
        for name in ("acme/one", "acme/two"):
            bare = running.create(name, {"a.txt": b"a"})
            bare.move("fix", bare.branches()["main"], expected=None)
        yield running


def ask(forge: GatedForge, method: str, target: str, body: object = None, token: str = TOKEN) -> int:
    with closing(HTTPConnection(forge.host, timeout=10)) as connection:
        connection.request(method, target, json.dumps(body), {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status


def query(name: str) -> dict[str, object]:
    return {"query": QUERY, "variables": {"owner": "Acme", "name": name}}


def mutation(number: int) -> dict[str, object]:
    return {"query": MUTATION, "variables": {"input": {"pullRequestId": node("PullRequest", number)}}}


def test_graphql_comes_to_the_gate_of_the_repository_that_it_names(forge: GatedForge) -> None:
    seen: list[str] = []

    def gate(request: Request, go: Callable[[], Answer]) -> Answer:
        seen.append(f"{request.method} {request.path}")
        return go()

    forge.gates["acme/one"] = gate
    ask(forge, "POST", "/api/graphql", query("one"))
    ask(forge, "POST", "/api/graphql", query("two"))
    ask(forge, "POST", "/api/graphql", mutation(100_001))
    ask(forge, "POST", "/api/graphql", mutation(200_001))
    ask(forge, "GET", "/api/v3/repos/acme/one/pulls")
    ask(forge, "GET", "/api/v3/repos/acme/one/pulls", token=PERSON_TOKEN)
    assert seen == ["POST /api/graphql", "POST /api/graphql", "GET /api/v3/repos/acme/one/pulls"]


def test_a_query_is_recorded_as_a_read_and_a_mutation_as_a_write(forge: GatedForge) -> None:
    ask(forge, "POST", "/api/graphql", query("one"))
    ask(forge, "POST", "/api/graphql", mutation(100_001))
    ask(forge, "GET", "/api/v3/repos/acme/one/pulls?state=open")
    ask(forge, "POST", "/api/v3/repos/acme/one/pulls", {})
    ask(forge, "POST", "/api/v3/repos/acme/one/pulls", {}, token=PERSON_TOKEN)
    ask(forge, "GET", "/api/v3/rate_limit")
    assert [(each.repository, each.line, each.writes) for each in forge.asked] == [
        ("acme/one", "POST /graphql 200", False),
        ("acme/one", "POST /graphql 200", True),
        ("acme/one", "GET /pulls?state=open 200", False),
        ("acme/one", "POST /pulls 422", True),
        ("", "GET /rate_limit 200", False),
    ]


def test_what_a_gate_answers_itself_is_recorded_too(forge: GatedForge) -> None:
    forge.gates["acme/one"] = lambda request, go: Answer(502)
    assert ask(forge, "POST", "/api/graphql", query("one")) == 502

    def refusing(request: Request, go: Callable[[], Answer]) -> Answer:
        raise Refused(Answer(503))

    forge.gates["acme/one"] = refusing
    assert ask(forge, "GET", "/api/v3/repos/acme/one") == 503
    assert [each.line for each in forge.asked] == ["POST /graphql 502", "GET  503"]
