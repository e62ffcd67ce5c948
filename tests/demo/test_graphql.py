"""GraphQL of the embedded GitHub: its schema is a part of GitHub's own, and each answer is held against that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLUnionType,
    is_introspection_type,
    is_specified_scalar_type,
)

from gitops_bot.demo import query, query_cost
from gitops_bot.demo.graphql_page import connection
from gitops_bot.demo.identity import node
from gitops_bot.demo.refusal import Invalid
from tests.counterparts.forge import BOT_TOKEN, REPOSITORY, Site, serving
from tests.counterparts.graphql import Checker, checker, described
from tests.tables import rows

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


def test_every_type_and_field_is_githubs() -> None:
    assert list(differences(query.schema(), described()._schema)) == []


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


DISABLE = (
    "mutation($input: DisablePullRequestAutoMergeInput!) "
    "{ disablePullRequestAutoMerge(input: $input) { clientMutationId } }"
)


@rows("archived key kind message", {
    "an archived repository": (True, None, "FORBIDDEN", "Repository was archived so is read-only."),
    "an unknown id": (False, "PR_x", "NOT_FOUND", "Could not resolve to a node with the global id of 'PR_x'"),
})  # fmt: skip
def test_a_mutation_is_refused(site: Site, archived: bool, key: str | None, kind: str, message: str) -> None:
    site.proposed()
    known = node("PullRequest", site.call("GET", "/pulls/1").json["id"])
    site.forge.settings(REPOSITORY, archived=archived)
    (error,) = site.graphql(DISABLE, input={"pullRequestId": key or known})["errors"]
    assert (error["type"], error["message"]) == (kind, message)


# What is refused


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A forge that no test changes."""
    with serving(tmp_path_factory.mktemp("forge")) as running:
        yield running


LONG = '{ repository(owner: "acme", name: "deploy") { pullRequests(first: 100) { nodes { %s } } } }'


DEPLOY = '{ repository(owner: "acme", name: "deploy") { %s } }'
UNDEFINED = {"code": "undefinedField", "typeName": "Repository", "fieldName": "nickname"}
LISTS = "pullRequests(first: 100) { nodes { labels(first: 100) { totalCount } } }"
MANY = " ".join(f"a{number}: {LISTS}" for number in range(50))
PULLS = ["repository", "pullRequests"]
#: Questions, and what the only error is: type, path, message, and more.
REFUSED: dict[str, tuple[str, str | None, list[str] | None, str, Any]] = {
    "a repository that is not there": (
        '{ repository(owner: "acme", name: "other") { id } }', "NOT_FOUND", ["repository"],
        "Could not resolve to a Repository with the name 'acme/other'.", None,
    ),
    "a pull request that is not there": (
        DEPLOY % "pullRequest(number: 9) { id }", "NOT_FOUND", ["repository", "pullRequest"],
        "Could not resolve to a PullRequest with the number of 9.", None,
    ),
    "a field that is not there, in a fragment": (
        DEPLOY % "...F" + " fragment F on Repository { nickname }", None, ["fragment F", "nickname"],
        "Field 'nickname' doesn't exist on type 'Repository'", UNDEFINED,
    ),
    "a list without a length": (
        DEPLOY % "pullRequests { totalCount }", "UNPROCESSABLE", PULLS,
        "You must provide a `first` or `last` value to properly paginate the `pullRequests` connection.", None,
    ),
    "a list that is too long": (
        DEPLOY % "pullRequests(first: 101) { totalCount }", "UNPROCESSABLE", PULLS,
        "Requesting 101 records on the `pullRequests` connection exceeds the `first` limit of 100 records.", None,
    ),
    "more nodes than there may be": (
        DEPLOY % MANY, "MAX_NODE_LIMIT_EXCEEDED", None,
        "This query requests up to 505,000 possible nodes which exceeds the maximum limit of 500,000.", None,
    ),
    "cut off": ("{ repository {", None, None, "Parse error: Syntax Error: Expected Name, found <EOF>.", None),
}  # fmt: skip


@pytest.mark.parametrize(("question", "kind", "path", "message", "more"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_refused_as_github_does(
    asking: Site, question: str, kind: str | None, path: list[str] | None, message: str, more: Any
) -> None:
    (told,) = asking.graphql(question)["errors"]
    told.pop("locations", None)
    error = {"type": kind, "path": path, "message": message, "extensions": more}
    assert told == {name: value for name, value in error.items() if value is not None}
    assert asking.call("GET", "/pulls").json == []


@pytest.mark.parametrize(
    "sent", [b"{", b"{}", b'{"query": "{ x }", "variables": [1]}', b'{"query": "{ x }", "operationName": 1}']
)
def test_what_is_no_question_is_refused(asking: Site, sent: bytes) -> None:
    assert asking.ask("POST", "/api/graphql", sent).status == 400


SIMPLE = '{ repository(owner: "acme", name: "deploy") { nameWithOwner } }'


def test_only_who_has_a_token_may_ask(asking: Site) -> None:
    question = {"query": SIMPLE}
    assert asking.ask("POST", "/api/graphql", question, token=None).status == 401
    assert asking.ask("POST", "/api/graphql", question, token="ghs_wrong").json["message"] == "Bad credentials"


@rows("question", {
    "variable": f"query($x: String!) {SIMPLE}",
    "argument": '{ repository(owner: "acme") { id } }',
    "which": f"query A {SIMPLE} query B {SIMPLE}",
    "kind": f"subscription {SIMPLE}",
    "nothing": "fragment F on Repository { id }",
    "circle": 'fragment F on Repository { ...F } { repository(owner: "acme", name: "deploy") { ...F } }',
    "comment": f"{SIMPLE} # {'x' * 200_000}",
    "long": '{ repository(owner: "acme", name: "deploy") { ' + "id " * 10_000 + "} }",
    "deep": "{" * 20_000,
})  # fmt: skip
def test_a_question_that_cannot_be_carried_out_has_an_answer(asking: Site, question: str) -> None:
    answer = asking.graphql(question)
    assert "errors" in answer or answer == {"data": {"repository": {"nameWithOwner": REPOSITORY}}}
    assert asking.graphql(SIMPLE)["data"]


# What it costs


def test_a_list_goes_on_after_its_cursor() -> None:
    cursor = None
    for names, more in ((["a", "b"], True), (["c"], False)):
        page = connection("items", ["a", "b", "c"], lambda item: {"name": item}, {"first": 2, "after": cursor})
        assert ([each["name"] for each in page["nodes"]], page["pageInfo"]["hasNextPage"]) == (names, more)
        cursor = page["pageInfo"]["endCursor"]
    with pytest.raises(Invalid, match="does not appear to be a valid cursor"):
        connection("items", ["a"], lambda item: {"name": item}, {"first": 2, "after": "x"})


def test_fragments_that_multiply_are_counted_in_no_time() -> None:
    parts = "".join(f"fragment F{each} on Repository {{ ...F{each + 1} ...F{each + 1} }}" for each in range(60))
    document = query.read(
        '{ repository(owner: "a", name: "b") { ...F0 } } ' + parts + " fragment F60 on Repository { id }"
    )
    assert query_cost.cost(document, None, {}) == query_cost.Cost()
