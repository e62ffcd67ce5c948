"""GraphQL of the embedded GitHub: its schema is a part of GitHub's own, and each answer is held against that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLUnionType,
    build_ast_schema,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
)

from gitops_bot.demo import query, query_cost
from gitops_bot.demo.http import Request
from gitops_bot.demo.identity import node
from tests.counterparts.forge import BOT_TOKEN, PERSON_TOKEN, REPOSITORY, Site, serving
from tests.counterparts.graphql import Checker, checker
from tests.counterparts.published import GRAPHQL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from graphql import GraphQLSchema


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "forge") as running:
        yield running


@pytest.fixture(scope="module")
def description() -> Checker:
    return checker()


# The schema


@pytest.fixture(scope="module")
def theirs() -> GraphQLSchema:
    text = GRAPHQL.need().read_text(encoding="utf-8")
    return build_ast_schema(parse(text), assume_valid=True, assume_valid_sdl=True)


def differences(ours: GraphQLSchema, theirs: GraphQLSchema) -> Iterator[str]:
    """What is in our schema, and not or otherwise in GitHub's."""
    kind: Any
    other: Any
    for name, kind in ours.type_map.items():
        if is_specified_scalar_type(kind) or is_introspection_type(kind):
            continue
        other = theirs.type_map.get(name)
        if type(other) is not type(kind):
            yield f"{name} is no {type(kind).__name__}"
            continue
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{name}.{value} is unknown" for value in kind.values.keys() - other.values.keys())
        elif isinstance(kind, GraphQLUnionType):
            missing = {each.name for each in kind.types} - {each.name for each in other.types}
            yield from (f"{name} = {each} is unknown" for each in missing)
        for field, told in getattr(kind, "fields", {}).items():
            known = other.fields.get(field)
            if known is None or str(known.type) != str(told.type):
                yield f"{name}.{field}: {told.type} is {known and known.type}"
                continue
            for argument, given in getattr(told, "args", {}).items():
                if argument not in known.args or str(known.args[argument].type) != str(given.type):
                    yield f"{name}.{field}({argument}) is another"
        yield from _needed(name, kind, other)


def _needed(name: str, kind: Any, other: Any) -> Iterator[str]:
    """What a question must give, to them and so to us."""
    if isinstance(kind, GraphQLInputObjectType):
        needed = {field for field, told in other.fields.items() if isinstance(told.type, GraphQLNonNull)}
        yield from (f"{name}.{field} is needed" for field in needed - kind.fields.keys())
    for field in getattr(kind, "fields", {}).keys() & getattr(other, "fields", {}).keys():
        arguments = getattr(other.fields[field], "args", {})
        needed = {each for each, told in arguments.items() if isinstance(told.type, GraphQLNonNull)}
        yield from (
            f"{name}.{field}({each}) is needed" for each in needed - getattr(kind.fields[field], "args", {}).keys()
        )


def test_every_type_and_field_is_githubs(theirs: GraphQLSchema) -> None:
    assert list(differences(query.schema(), theirs)) == []


def test_a_difference_to_github_is_found(theirs: GraphQLSchema) -> None:
    made_up = """
        type Query { repository(name: String!): Repository viewer: Repository }
        type Repository { name: Int! nickname: String }
        enum PullRequestState { OPEN LOST }
        input EnqueuePullRequestInput { jump: Boolean! }
    """
    assert sorted(differences(build_ast_schema(parse(made_up)), theirs)) == [
        "EnqueuePullRequestInput.jump: Boolean! is Boolean",
        "EnqueuePullRequestInput.pullRequestId is needed",
        "PullRequestState.LOST is unknown",
        "Query.repository(owner) is needed",
        "Query.viewer: Repository is User!",
        "Repository.name: Int! is String!",
        "Repository.nickname: String is None",
    ]


# Questions

EVERYTHING = """
query Everything($owner: String!, $name: String!, $head: String!) {
  repository(owner: $owner, name: $name) {
    id nameWithOwner
    autoMergeAllowed mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed viewerDefaultMergeMethod
    ref(qualifiedName: "refs/heads/main") {
      refUpdateRule { requiredStatusCheckContexts }
      rules(first: 10) { totalCount nodes { type } }
    }
    nowhere: ref(qualifiedName: "nowhere") { refUpdateRule { requiredStatusCheckContexts } }
    mergeQueue(branch: "main") { id }
    pullRequest(number: 1) { ...Pull }
    pullRequests(
      headRefName: $head, baseRefName: "main", states: [OPEN, CLOSED, MERGED], last: 5,
      orderBy: {field: CREATED_AT, direction: DESC}
    ) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage }
      nodes { ...Pull }
    }
  }
}
fragment Pull on PullRequest {
  id number url title body state headRefName baseRefName headRefOid isCrossRepository isDraft createdAt
  labels(first: 10) { totalCount nodes { name } }
  reviewDecision
  latestOpinionatedReviews(first: 10, writersOnly: true) { nodes { state } }
  autoMergeRequest { enabledAt } isInMergeQueue
  timelineItems(first: 5, itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT, LABELED_EVENT]) {
    totalCount nodes {
      __typename
      ... on AddedToMergeQueueEvent { createdAt }
      ... on LabeledEvent { createdAt label { name } }
    }
  }
  commits(last: 1) { totalCount nodes { commit { oid statusCheckRollup { state } } } }
  comments(first: 10) { totalCount nodes { databaseId body viewerDidAuthor } }
}
"""
HEAD = "gitops-bot/production/all"
VARIABLES = {"owner": "acme", "name": "deploy", "head": HEAD}


def asked(site: Site, description: Checker, question: str, *, token: str = BOT_TOKEN, **variables: Any) -> Any:
    """Ask, and hold question and answer against GitHub's schema."""
    answer = site.graphql(question, token=token, **variables)
    assert description.breaches(question, variables, answer) == []
    return answer


def test_every_field_is_answered_as_github_describes_it(site: Site, description: Checker) -> None:
    empty = asked(site, description, EVERYTHING, **VARIABLES)
    assert [error["type"] for error in empty["errors"]] == ["NOT_FOUND"]
    assert empty["data"]["repository"]["ref"]["refUpdateRule"] is None
    number = site.proposed()
    site.forge.settings(REPOSITORY, allow_auto_merge=True)
    head = site.bare.branches()[HEAD]
    site.call("POST", "/issues/1/labels", {"labels": ["release"]}, token=BOT_TOKEN)
    site.call("POST", "/issues/1/comments", {"body": "hello"}, token=BOT_TOKEN)
    site.call("POST", "/issues/1/comments", {"body": "wait"})
    site.forge.report(REPOSITORY, head, "ci", "pending")
    for by_ruleset in (False, True):
        site.forge.protect(
            REPOSITORY, checks=["ci"], approvals=1, signatures=True, merge_queue="squash", by_ruleset=by_ruleset
        )
        found = asked(site, description, EVERYTHING, **VARIABLES)
        assert "errors" not in found
        ref = found["data"]["repository"]["ref"]
        assert (ref["refUpdateRule"] is None, ref["rules"]["totalCount"] == 0) == (by_ruleset, not by_ruleset)
    repository = found["data"]["repository"]
    assert (repository["nowhere"], repository["mergeQueue"] is None) == (None, False)
    (pull,) = repository["pullRequests"]["nodes"]
    assert pull == repository["pullRequest"]
    assert (pull["number"], pull["headRefOid"], pull["reviewDecision"]) == (number, head, "REVIEW_REQUIRED")
    assert [comment["viewerDidAuthor"] for comment in pull["comments"]["nodes"]] == [True, False]
    assert [event["label"] for event in pull["timelineItems"]["nodes"]] == [{"name": "release"}]
    (commit,) = pull["commits"]["nodes"]
    assert commit["commit"]["statusCheckRollup"] == {"state": "PENDING"}


def test_the_queue_and_a_merge_are_seen(site: Site, description: Checker) -> None:
    site.proposed()
    site.forge.protect(REPOSITORY, checks=["ci"], merge_queue="squash")
    site.forge.report(REPOSITORY, site.bare.branches()[HEAD], "ci")
    key = asked(site, description, EVERYTHING, **VARIABLES)["data"]["repository"]["pullRequest"]["id"]
    enqueue = (
        "mutation($input: EnqueuePullRequestInput!) { enqueuePullRequest(input: $input) "
        "{ clientMutationId mergeQueueEntry { state position } } }"
    )
    answer = asked(site, description, enqueue, input={"pullRequestId": key, "clientMutationId": "x"})
    assert answer["data"]["enqueuePullRequest"] == {
        "clientMutationId": "x",
        "mergeQueueEntry": {"state": "AWAITING_CHECKS", "position": 1},
    }
    again = asked(site, description, enqueue, input={"pullRequestId": key})
    assert again["data"] == {"enqueuePullRequest": None}
    (error,) = again["errors"]
    assert (error["type"], error["path"]) == ("UNPROCESSABLE", ["enqueuePullRequest"])
    assert error["message"] == "Pull request is already in the queue"
    pull = asked(site, description, EVERYTHING, **VARIABLES)["data"]["repository"]["pullRequest"]
    assert pull["isInMergeQueue"]
    assert [event["__typename"] for event in pull["timelineItems"]["nodes"]] == ["AddedToMergeQueueEvent"]
    assert site.forge.advance(REPOSITORY) == (1,)
    pull = asked(site, description, EVERYTHING, **VARIABLES)["data"]["repository"]["pullRequest"]
    assert (pull["state"], pull["isInMergeQueue"]) == ("MERGED", False)


def test_auto_merge_is_switched_on_and_off_and_merges(site: Site, description: Checker) -> None:
    site.proposed()
    key = node("PullRequest", site.call("GET", "/pulls/1").json["id"])
    enable = (
        "mutation($input: EnablePullRequestAutoMergeInput!) { enablePullRequestAutoMerge(input: $input) "
        "{ pullRequest { state autoMergeRequest { enabledAt } } } }"
    )
    disable = (
        "mutation($input: DisablePullRequestAutoMergeInput!) { disablePullRequestAutoMerge(input: $input) "
        "{ pullRequest { autoMergeRequest { enabledAt } } } }"
    )
    wanted = {"pullRequestId": key, "mergeMethod": "SQUASH", "commitHeadline": "mine"}
    refused = asked(site, description, enable, input=wanted)
    assert refused["errors"][0]["message"] == "Pull request Auto merge is not allowed for this repository"
    site.forge.settings(REPOSITORY, allow_auto_merge=True)
    site.forge.protect(REPOSITORY, checks=["ci"])
    on = asked(site, description, enable, input=wanted)["data"]["enablePullRequestAutoMerge"]["pullRequest"]
    assert (on["state"], on["autoMergeRequest"] is None) == ("OPEN", False)
    shown = site.call("GET", "/pulls/1").json
    assert (shown["auto_merge"]["merge_method"], shown["mergeable_state"]) == ("squash", "blocked")
    off = asked(site, description, disable, input={"pullRequestId": key})
    assert off["data"]["disablePullRequestAutoMerge"]["pullRequest"] == {"autoMergeRequest": None}
    asked(site, description, enable, input=wanted)
    site.forge.report(REPOSITORY, site.bare.branches()[HEAD], "ci")
    # Nobody asked in between: the report itself let it merge.
    assert site.bare.commit(site.bare.branches()["main"]).message.startswith("mine")
    assert site.call("GET", "/pulls/1").json["merged_by"]["login"] == "gitops-bot[bot]"


DISABLE = (
    "mutation($input: DisablePullRequestAutoMergeInput!) "
    "{ disablePullRequestAutoMerge(input: $input) { clientMutationId } }"
)


@pytest.mark.parametrize(
    ("archived", "key", "kind", "message"),
    [
        (True, None, "FORBIDDEN", "Repository was archived so is read-only."),
        (False, "PR_x", "NOT_FOUND", "Could not resolve to a node with the global id of 'PR_x'"),
    ],
    ids=["an archived repository", "an unknown id"],
)
def test_a_mutation_is_refused(site: Site, archived: bool, key: str | None, kind: str, message: str) -> None:
    site.proposed()
    known = node("PullRequest", site.call("GET", "/pulls/1").json["id"])
    site.forge.settings(REPOSITORY, archived=archived)
    (error,) = site.graphql(DISABLE, input={"pullRequestId": key or known})["errors"]
    assert (error["type"], error["message"]) == (kind, message)


def test_pull_requests_are_chosen_ordered_and_cut(site: Site, description: Checker) -> None:
    for number in range(5):
        site.proposed(f"b{number}", tag=f"v{number + 2}")
    site.call("PATCH", "/pulls/2", {"state": "closed"})
    question = (
        "query($owner: String!, $name: String!, $states: [PullRequestState!], $first: Int, $last: Int, $head: String) {"
        " repository(owner: $owner, name: $name) { pullRequests(first: $first, last: $last, states: $states,"
        " headRefName: $head, orderBy: {field: CREATED_AT, direction: ASC})"
        " { totalCount pageInfo { hasNextPage hasPreviousPage } nodes { number } } } }"
    )

    def pulls(**variables: object) -> tuple[list[int], int, bool, bool]:
        answer = asked(site, description, question, owner="ACME", name="Deploy", **variables)
        page = answer["data"]["repository"]["pullRequests"]
        info = page["pageInfo"]
        numbers = [pull["number"] for pull in page["nodes"]]
        return numbers, page["totalCount"], info["hasPreviousPage"], info["hasNextPage"]

    assert pulls(states=["OPEN"], first=2) == ([1, 3], 4, False, True)
    assert pulls(states=["OPEN"], last=3) == ([3, 4, 5], 4, True, False)
    assert pulls(states=["OPEN"], first=9) == ([1, 3, 4, 5], 4, False, False)
    assert pulls(states=["CLOSED"], head="b1", first=2) == ([2], 1, False, False)


# What is refused

LONG = '{ repository(owner: "acme", name: "deploy") { pullRequests(first: 100) { nodes { %s } } } }'


@pytest.mark.parametrize(
    ("question", "error"),
    [
        pytest.param(
            '{ repository(owner: "acme", name: "other") { id } }',
            {
                "type": "NOT_FOUND",
                "path": ["repository"],
                "message": "Could not resolve to a Repository with the name 'acme/other'.",
            },
            id="a repository that is not there",
        ),
        pytest.param(
            '{ repository(owner: "acme", name: "deploy") { pullRequest(number: 9) { id } } }',
            {
                "type": "NOT_FOUND",
                "path": ["repository", "pullRequest"],
                "message": "Could not resolve to a PullRequest with the number of 9.",
            },
            id="a pull request that is not there",
        ),
        pytest.param(
            'query Q { repository(owner: "acme", name: "deploy") { x: nickname } }',
            {
                "path": ["query Q", "repository", "x"],
                "extensions": {"code": "undefinedField", "typeName": "Repository", "fieldName": "nickname"},
                "message": "Field 'nickname' doesn't exist on type 'Repository'",
            },
            id="a field that is not there",
        ),
        pytest.param(
            '{ repository(owner: "acme", name: "deploy") { ...F } } fragment F on Repository { nickname }',
            {
                "path": ["fragment F", "nickname"],
                "extensions": {"code": "undefinedField", "typeName": "Repository", "fieldName": "nickname"},
                "message": "Field 'nickname' doesn't exist on type 'Repository'",
            },
            id="a field that is not there, in a fragment",
        ),
        pytest.param(
            '{ repository(owner: "acme", name: "deploy") { pullRequests { totalCount } } }',
            {
                "type": "UNPROCESSABLE",
                "path": ["repository", "pullRequests"],
                "message": "You must provide a `first` or `last` value to properly paginate the `pullRequests` "
                "connection.",
            },
            id="a list without a length",
        ),
        pytest.param(
            '{ repository(owner: "acme", name: "deploy") { pullRequests(first: 101) { totalCount } } }',
            {
                "type": "UNPROCESSABLE",
                "path": ["repository", "pullRequests"],
                "message": "Requesting 101 records on the `pullRequests` connection exceeds the `first` limit of 100 "
                "records.",
            },
            id="a list that is too long",
        ),
        pytest.param(
            '{ repository(owner: "acme", name: "deploy") { '
            + " ".join(
                f"a{each}: pullRequests(first: 100) {{ nodes {{ comments(first: 100) {{ totalCount }} }} }}"
                for each in range(50)
            )
            + " } }",
            {
                "type": "MAX_NODE_LIMIT_EXCEEDED",
                "message": "This query requests up to 505,000 possible nodes which exceeds the maximum limit of "
                "500,000.",
            },
            id="more nodes than there may be",
        ),
        pytest.param(
            "{ repository {", {"message": "Parse error: Syntax Error: Expected Name, found <EOF>."}, id="cut off"
        ),
    ],
)
def test_what_is_refused_is_refused_as_github_does(site: Site, question: str, error: dict[str, Any]) -> None:
    answer = site.graphql(question)
    (told,) = answer["errors"]
    assert {name: value for name, value in told.items() if name != "locations"} == error
    assert site.call("GET", "/pulls").json == []


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (b"{", 400, "Problems parsing JSON"),
        (b"[]", 400, "A query attribute must be specified and must be a string."),
        (b"{}", 400, "A query attribute must be specified and must be a string."),
        (b'{"query": 1}', 400, "A query attribute must be specified and must be a string."),
        (b'{"query": "{ repository { id } }", "variables": [1]}', 400, None),
        (b'{"query": "{ repository { id } }", "operationName": 1}', 400, None),
    ],
)
def test_what_is_no_question_is_refused(site: Site, sent: bytes, status: int, message: str | None) -> None:
    reply = site.ask("POST", "/api/graphql", sent)
    assert reply.status == status
    assert message in (None, reply.json["message"])


SIMPLE = '{ repository(owner: "acme", name: "deploy") { nameWithOwner } }'


def test_only_who_has_a_token_may_ask(site: Site) -> None:
    question = {"query": SIMPLE}
    assert site.ask("POST", "/api/graphql", question, token=None).status == 401
    assert site.ask("POST", "/api/graphql", question, token="ghs_wrong").json["message"] == "Bad credentials"
    assert site.ask("GET", "/api/graphql").status == 404
    assert site.graphql(SIMPLE, token=PERSON_TOKEN)["data"]["repository"]["nameWithOwner"] == REPOSITORY


@pytest.mark.parametrize(
    "question",
    [
        f"query($x: String!) {SIMPLE}",
        '{ repository(owner: "acme") { id } }',
        f"query A {SIMPLE} query B {SIMPLE}",
        f"subscription {SIMPLE}",
        "fragment F on Repository { id }",
        'fragment F on Repository { ...F } { repository(owner: "acme", name: "deploy") { ...F } }',
        f"{SIMPLE} # {'x' * 200_000}",
        '{ repository(owner: "acme", name: "deploy") { ' + "id " * 60_000 + "} }",
        "{" * 20_000,
    ],
    ids=["variable", "argument", "which", "kind", "nothing", "circle", "comment", "long", "deep"],
)
def test_a_question_that_cannot_be_carried_out_has_an_answer(site: Site, question: str) -> None:
    answer = site.graphql(question)
    assert "errors" in answer or answer == {"data": {"repository": {"nameWithOwner": REPOSITORY}}}
    assert site.graphql(SIMPLE)["data"]


# What it costs


@pytest.mark.parametrize(
    ("question", "points", "nodes"),
    [
        (SIMPLE, 1, 0),
        ('{ repository(owner: "a", name: "b") { pullRequests(first: 100) { totalCount } } }', 1, 100),
        (
            # 1 + 100 + 100 requests: one for the list, and two for each pull request.
            LONG % "commits(first: 100) { totalCount } labels(last: 3) { totalCount }",
            2,
            100 + 100 * 100 + 100 * 3,
        ),
        (
            "query($n: Int = 7) { "
            + " ".join(
                f'a{each}: repository(owner: "a", name: "b") {{ pullRequests(first: $n) {{ nodes {{ ...F }} }} }}'
                for each in range(40)
            )
            + " } fragment F on PullRequest { labels(first: 5) { totalCount } }",
            3,
            40 * (7 + 7 * 5),
        ),
    ],
    ids=["no list", "one list", "two levels", "forty aliases and a fragment"],
)
def test_a_question_costs_what_github_takes_for_it(question: str, points: int, nodes: int) -> None:
    found = query_cost.cost(query.read(question), None, {"n": 7})
    assert (found.points, found.nodes) == (points, nodes)


def test_fragments_that_multiply_are_counted_in_no_time() -> None:
    parts = "".join(f"fragment F{each} on Repository {{ ...F{each + 1} ...F{each + 1} }}" for each in range(60))
    document = query.read(
        '{ repository(owner: "a", name: "b") { ...F0 } } ' + parts + " fragment F60 on Repository { id }"
    )
    assert query_cost.cost(document, None, {}) == query_cost.Cost()


# Whose it is


@pytest.mark.parametrize(
    ("question", "variables", "found"),
    [
        (EVERYTHING, VARIABLES, (REPOSITORY, False)),
        ('{ repository(owner: "ACME", name: "deploy") { id } }', {}, (REPOSITORY, False)),
        (
            "mutation($input: EnqueuePullRequestInput!) { enqueuePullRequest(input: $input) { clientMutationId } }",
            {"input": {"pullRequestId": node("PullRequest", 100_001)}},
            (REPOSITORY, True),
        ),
        (
            "mutation($id: ID!) { dequeuePullRequest(input: {id: $id}) { clientMutationId } }",
            {"id": node("PullRequest", 900_001)},
            (None, True),
        ),
        ("{", {}, (None, False)),
    ],
    ids=["variables", "literals", "by id", "by an id of nothing", "no question"],
)
def test_a_question_belongs_to_the_repository_that_it_names(
    site: Site, question: str, variables: dict[str, Any], found: tuple[str | None, bool]
) -> None:
    body = json.dumps({"query": question, "variables": variables}).encode()
    assert site.forge.gateway.about(Request("POST", "/api/graphql", {}, {}, body)) == found
