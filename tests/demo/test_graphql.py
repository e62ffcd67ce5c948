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
from tests.counterparts.forge import BOT_TOKEN, PERSON, PERSON_TOKEN, REPOSITORY, Site, serving
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
        type Query { viewer: User repository(name: String!): Repository }
        type User { login: String! nickname: String }
        type Repository { name: Int! }
        enum PullRequestState { OPEN LOST }
        input EnqueuePullRequestInput { jump: Boolean! }
    """
    assert sorted(differences(build_ast_schema(parse(made_up)), theirs)) == [
        "EnqueuePullRequestInput.jump: Boolean! is Boolean",
        "EnqueuePullRequestInput.pullRequestId is needed",
        "PullRequestState.LOST is unknown",
        "Query.repository(owner) is needed",
        "Query.viewer: User is User!",
        "Repository.name: Int! is String!",
        "User.nickname: String is None",
    ]


# Questions

EVERYTHING = """
query Everything($owner: String!, $name: String!, $head: String!) {
  viewer { __typename login databaseId url avatarUrl(size: 10) name id }
  rateLimit { limit cost remaining used nodeCount resetAt }
  repository(owner: $owner, name: $name) {
    id databaseId name nameWithOwner url isPrivate isArchived owner { __typename login id url }
    autoMergeAllowed mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed deleteBranchOnMerge
    viewerDefaultMergeMethod viewerPermission
    defaultBranchRef { name }
    ref(qualifiedName: "refs/heads/main") {
      id name prefix target { __typename oid abbreviatedOid commitUrl ... on Commit { message committedDate } }
      refUpdateRule {
        pattern requiredStatusCheckContexts requiredApprovingReviewCount requiresSignatures allowsDeletions
        allowsForcePushes requiresCodeOwnerReviews requiresConversationResolution requiresLinearHistory viewerCanPush
      }
      branchProtectionRule {
        id pattern requiresStatusChecks requiresStrictStatusChecks requiredStatusCheckContexts requiresApprovingReviews
        requiredApprovingReviewCount requiresCommitSignatures dismissesStaleReviews
      }
      rules(first: 10) {
        totalCount
        nodes {
          id type
          parameters {
            __typename
            ... on RequiredStatusChecksParameters {
              strictRequiredStatusChecksPolicy requiredStatusChecks { context integrationId }
            }
            ... on PullRequestParameters { requiredApprovingReviewCount dismissStaleReviewsOnPush }
            ... on MergeQueueParameters { mergeMethod }
          }
        }
      }
    }
    nowhere: ref(qualifiedName: "nowhere") { name }
    mergeQueue(branch: "main") {
      id url configuration { mergeMethod }
      entries(first: 5) { totalCount nodes { id position state pullRequest { number } enqueuer { login } enqueuedAt } }
    }
    pullRequest(number: 1) { ...Pull }
    pullRequests(
      headRefName: $head, baseRefName: "main", states: [OPEN, CLOSED, MERGED], last: 5,
      orderBy: {field: CREATED_AT, direction: DESC}
    ) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { number } }
      nodes { ...Pull }
    }
  }
}
fragment Pull on PullRequest {
  id databaseId number url title body state closed merged headRefName baseRefName headRefOid baseRefOid
  isCrossRepository isDraft createdAt closedAt mergedAt updatedAt
  author { __typename login url avatarUrl(size: 10) } mergedBy { login } mergeCommit { oid }
  headRef { name } baseRef { name }
  labels(first: 10) { totalCount nodes { id name color description } }
  assignees(first: 10) { nodes { login } }
  reviewRequests(first: 10) { nodes { requestedReviewer {
    __typename ... on User { login } ... on Team { id slug name url } ... on Bot { login } } } }
  reviewDecision
  reviews(first: 10, states: [APPROVED]) { totalCount }
  latestOpinionatedReviews(first: 10, writersOnly: true) { nodes { state author { login } } }
  latestReviews(last: 10) {
    nodes { id databaseId state body submittedAt createdAt viewerDidAuthor author { login } commit { oid } }
  }
  autoMergeRequest { enabledAt enabledBy { login } mergeMethod commitHeadline commitBody pullRequest { number } }
  isMergeQueueEnabled isInMergeQueue mergeQueueEntry { id state position mergeQueue { id } } mergeQueue { id }
  timelineItems(first: 5, itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT]) {
    totalCount nodes { __typename ... on AddedToMergeQueueEvent { id createdAt pullRequest { number } } }
  }
  mergeable mergeStateStatus
  statusCheckRollup { state }
  commits(last: 1) {
    totalCount
    nodes { id pullRequest { number } commit {
      id oid messageHeadline
      statusCheckRollup {
        id state commit { oid }
        contexts(first: 10) { totalCount nodes {
          __typename
          ... on StatusContext { id context description targetUrl state isRequired(pullRequestNumber: 1) }
          ... on CheckRun { id databaseId name status conclusion isRequired(pullRequestNumber: 1) }
        } }
      }
    } }
  }
  comments(first: 10) {
    totalCount nodes { id databaseId body url createdAt updatedAt viewerDidAuthor author { login } }
  }
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
    site.forge.team(REPOSITORY, "platform", [PERSON])
    head = site.bare.branches()[HEAD]
    site.call("POST", "/issues/1/labels", {"labels": ["release"]}, token=BOT_TOKEN)
    site.call("POST", "/issues/1/assignees", {"assignees": [PERSON]}, token=BOT_TOKEN)
    site.call("POST", "/issues/1/comments", {"body": "hello"}, token=BOT_TOKEN)
    site.call("POST", "/issues/1/comments", {"body": "wait"})
    site.call("POST", "/pulls/1/requested_reviewers", {"reviewers": [PERSON], "team_reviewers": ["platform"]})
    site.call("POST", f"/statuses/{head}", {"state": "pending", "context": "ci"})
    site.call("POST", "/check-runs", {"name": "lint", "head_sha": head, "conclusion": "neutral"})
    for by_ruleset in (False, True):
        site.forge.protect(
            REPOSITORY, checks=["ci"], approvals=1, signatures=True, merge_queue="squash", by_ruleset=by_ruleset
        )
        found = asked(site, description, EVERYTHING, **VARIABLES)
        assert "errors" not in found
        ref = found["data"]["repository"]["ref"]
        assert (ref["refUpdateRule"] is None, ref["rules"]["totalCount"] == 0) == (by_ruleset, not by_ruleset)
    repository = found["data"]["repository"]
    (pull,) = repository["pullRequests"]["nodes"]
    assert pull == repository["pullRequest"]
    assert (pull["number"], pull["headRefOid"], pull["reviewDecision"]) == (number, head, "REVIEW_REQUIRED")
    assert pull["author"] == {
        "__typename": "Bot",
        "login": "gitops-bot",
        "url": f"{site.forge.url}/gitops-bot%5Bbot%5D",
        "avatarUrl": site.call("GET", "/pulls/1").json["user"]["avatar_url"],
    }
    assert found["data"]["viewer"]["login"] == "gitops-bot[bot]"
    assert [comment["viewerDidAuthor"] for comment in pull["comments"]["nodes"]] == [True, False]
    assert [each["requestedReviewer"]["__typename"] for each in pull["reviewRequests"]["nodes"]] == ["User", "Team"]
    assert (pull["mergeable"], pull["mergeStateStatus"]) == ("MERGEABLE", "BLOCKED")
    (commit,) = pull["commits"]["nodes"]
    rollup = commit["commit"]["statusCheckRollup"]
    assert (rollup["state"], [each["isRequired"] for each in rollup["contexts"]["nodes"]]) == ("PENDING", [True, False])


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
    repository = asked(site, description, EVERYTHING, **VARIABLES)["data"]["repository"]
    assert repository["mergeQueue"]["entries"]["totalCount"] == 1
    assert repository["pullRequest"]["isInMergeQueue"]
    (entered,) = repository["pullRequest"]["timelineItems"]["nodes"]
    assert (entered["__typename"], entered["pullRequest"]) == ("AddedToMergeQueueEvent", {"number": 1})
    assert site.forge.advance(REPOSITORY) == (1,)
    pull = asked(site, description, EVERYTHING, **VARIABLES)["data"]["repository"]["pullRequest"]
    assert (pull["state"], pull["mergeCommit"]["oid"]) == ("MERGED", site.bare.branches()["main"])
    assert pull["mergedBy"]["login"] == "github-merge-queue"


def test_auto_merge_is_switched_on_and_off_and_merges(site: Site, description: Checker) -> None:
    site.proposed()
    key = node("PullRequest", site.call("GET", "/pulls/1").json["id"])
    enable = (
        "mutation($input: EnablePullRequestAutoMergeInput!) { enablePullRequestAutoMerge(input: $input) "
        "{ actor { login } pullRequest { state autoMergeRequest { mergeMethod enabledBy { login } } } } }"
    )
    disable = (
        "mutation($input: DisablePullRequestAutoMergeInput!) { disablePullRequestAutoMerge(input: $input) "
        "{ pullRequest { autoMergeRequest { mergeMethod } } } }"
    )
    wanted = {"pullRequestId": key, "mergeMethod": "SQUASH", "commitHeadline": "mine"}
    refused = asked(site, description, enable, input=wanted)
    assert refused["errors"][0]["message"] == "Pull request Auto merge is not allowed for this repository"
    site.forge.settings(REPOSITORY, allow_auto_merge=True)
    site.forge.protect(REPOSITORY, checks=["ci"])
    on = asked(site, description, enable, input=wanted)["data"]["enablePullRequestAutoMerge"]
    assert on["pullRequest"] == {
        "state": "OPEN",
        "autoMergeRequest": {"mergeMethod": "SQUASH", "enabledBy": {"login": "gitops-bot"}},
    }
    shown = site.call("GET", "/pulls/1").json
    assert (shown["auto_merge"]["merge_method"], shown["mergeable_state"]) == ("squash", "blocked")
    off = asked(site, description, disable, input={"pullRequestId": key})
    assert off["data"]["disablePullRequestAutoMerge"]["pullRequest"] == {"autoMergeRequest": None}
    asked(site, description, enable, input=wanted)
    site.call("POST", f"/statuses/{site.bare.branches()[HEAD]}", {"state": "success", "context": "ci"})
    # Nobody asked in between: the report itself let it merge.
    assert site.bare.commit(site.bare.branches()["main"]).message.startswith("mine")
    assert site.call("GET", "/pulls/1").json["merged_by"]["login"] == "gitops-bot[bot]"


def test_a_draft_is_made_and_marked_as_ready(site: Site, description: Checker) -> None:
    site.proposed()
    key = node("PullRequest", site.call("GET", "/pulls/1").json["id"])
    for field, kind, draft in (
        ("convertPullRequestToDraft", "ConvertPullRequestToDraftInput", True),
        ("markPullRequestReadyForReview", "MarkPullRequestReadyForReviewInput", False),
    ):
        question = f"mutation($input: {kind}!) {{ {field}(input: $input) {{ pullRequest {{ isDraft }} }} }}"
        answer = asked(site, description, question, input={"pullRequestId": key})
        assert answer["data"] == {field: {"pullRequest": {"isDraft": draft}}}
        assert site.call("GET", "/pulls/1").json["draft"] is draft


def test_an_archived_repository_takes_no_mutation(site: Site) -> None:
    site.proposed()
    key = node("PullRequest", site.call("GET", "/pulls/1").json["id"])
    site.forge.settings(REPOSITORY, archived=True)
    question = (
        "mutation($input: ConvertPullRequestToDraftInput!) "
        "{ convertPullRequestToDraft(input: $input) { pullRequest { isDraft } } }"
    )
    (error,) = site.graphql(question, input={"pullRequestId": key})["errors"]
    assert (error["type"], error["message"]) == ("FORBIDDEN", "Repository was archived so is read-only.")
    assert site.call("GET", "/pulls/1").json["draft"] is False


def test_pull_requests_are_chosen_ordered_and_paged(site: Site, description: Checker) -> None:
    for number in range(5):
        site.proposed(f"b{number}", tag=f"v{number + 2}")
    site.call("PATCH", "/pulls/2", {"state": "closed"})
    question = (
        "query($owner: String!, $name: String!, $states: [PullRequestState!], $after: String, $head: String) {"
        " repository(owner: $owner, name: $name) { pullRequests(first: 2, after: $after, states: $states,"
        " headRefName: $head, orderBy: {field: CREATED_AT, direction: ASC})"
        " { totalCount pageInfo { hasNextPage endCursor } nodes { number } } } }"
    )
    seen, after = [], None
    while True:
        found = asked(site, description, question, owner="ACME", name="Deploy", states=["OPEN"], after=after)
        page = found["data"]["repository"]["pullRequests"]
        seen += [pull["number"] for pull in page["nodes"]]
        assert page["totalCount"] == 4
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [1, 3, 4, 5]
    found = asked(site, description, question, owner="acme", name="deploy", states=["CLOSED"], head="b1")
    assert found["data"]["repository"]["pullRequests"]["nodes"] == [{"number": 2}]


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
            '{ node(id: "PR_x") { id } }',
            {
                "type": "NOT_FOUND",
                "path": ["node"],
                "message": "Could not resolve to a node with the global id of 'PR_x'",
            },
            id="an id that is none",
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
            "{ viewer { ...F } } fragment F on User { nickname }",
            {
                "path": ["fragment F", "nickname"],
                "extensions": {"code": "undefinedField", "typeName": "User", "fieldName": "nickname"},
                "message": "Field 'nickname' doesn't exist on type 'User'",
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
            LONG % "comments(first: 100) { nodes { id } } labels(first: 100) { nodes { id } } "
            "reviews(first: 100) { nodes { id } } commits(first: 100) { nodes { commit { statusCheckRollup "
            "{ contexts(first: 100) { nodes { __typename } } } } } }",
            {
                "type": "MAX_NODE_LIMIT_EXCEEDED",
                "message": "This query requests up to 1,040,100 possible nodes which exceeds the maximum limit of "
                "500,000.",
            },
            id="more nodes than there may be",
        ),
        pytest.param("{ viewer {", {"message": "Parse error: Syntax Error: Expected Name, found <EOF>."}, id="cut off"),
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
        (b'{"query": "{ viewer { id } }", "variables": [1]}', 400, None),
        (b'{"query": "{ viewer { id } }", "operationName": 1}', 400, None),
    ],
)
def test_what_is_no_question_is_refused(site: Site, sent: bytes, status: int, message: str | None) -> None:
    reply = site.ask("POST", "/api/graphql", sent)
    assert reply.status == status
    assert message in (None, reply.json["message"])


def test_only_who_has_a_token_may_ask(site: Site) -> None:
    question = {"query": "{ viewer { login } }"}
    assert site.ask("POST", "/api/graphql", question, token=None).status == 401
    assert site.ask("POST", "/api/graphql", question, token="ghs_wrong").json["message"] == "Bad credentials"
    assert site.ask("GET", "/api/graphql").status == 404
    assert site.graphql(question["query"], token=PERSON_TOKEN)["data"]["viewer"]["login"] == PERSON


@pytest.mark.parametrize(
    "question",
    [
        "query($x: String!) { viewer { login } }",
        '{ repository(owner: "acme") { id } }',
        "query A { viewer { login } } query B { viewer { login } }",
        "subscription { viewer { login } }",
        "fragment F on User { login }",
        "fragment F on User { ...F } { viewer { ...F } }",
        "{ viewer { login } } # " + "x" * 200_000,
        "{ viewer { " + "login " * 60_000 + "} }",
        "{" * 20_000,
    ],
    ids=["variable", "argument", "which", "kind", "nothing", "circle", "comment", "long", "deep"],
)
def test_a_question_that_cannot_be_carried_out_has_an_answer(site: Site, question: str) -> None:
    answer = site.graphql(question)
    assert "errors" in answer or answer == {"data": {"viewer": {"login": "gitops-bot[bot]"}}}
    assert site.graphql("{ viewer { login } }")["data"]


# What it costs


@pytest.mark.parametrize(
    ("question", "points", "nodes"),
    [
        ("{ viewer { login } }", 1, 0),
        ('{ repository(owner: "a", name: "b") { pullRequests(first: 100) { totalCount } } }', 1, 100),
        (
            # 1 + 100 + 100 * 100 requests: one for the list, one for each pull request, one for each commit of each.
            LONG
            % "commits(first: 100) { nodes { commit { statusCheckRollup { contexts(last: 3) { totalCount } } } } }",
            101,
            100 + 100 * 100 + 100 * 100 * 3,
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
    ids=["no list", "one list", "three levels", "forty aliases and a fragment"],
)
def test_a_question_costs_what_github_takes_for_it(question: str, points: int, nodes: int) -> None:
    found = query_cost.cost(query.read(question), None, {"n": 7})
    assert (found.points, found.nodes) == (points, nodes)


def test_fragments_that_multiply_are_counted_in_no_time() -> None:
    parts = "".join(f"fragment F{each} on User {{ ...F{each + 1} ...F{each + 1} }}" for each in range(60))
    document = query.read("{ viewer { ...F0 } } " + parts + " fragment F60 on User { login }")
    assert query_cost.cost(document, None, {}) == query_cost.Cost()


# Whose it is


@pytest.mark.parametrize(
    ("question", "variables", "found"),
    [
        (EVERYTHING, VARIABLES, (REPOSITORY, False)),
        ('{ repository(owner: "ACME", name: "deploy") { id } }', {}, (REPOSITORY, False)),
        ("{ viewer { login } }", {}, (None, False)),
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
    ids=["variables", "literals", "nobody's", "by id", "by an id of nothing", "no question"],
)
def test_a_question_belongs_to_the_repository_that_it_names(
    site: Site, question: str, variables: dict[str, Any], found: tuple[str | None, bool]
) -> None:
    body = json.dumps({"query": question, "variables": variables}).encode()
    assert site.forge.gateway.about(Request("POST", "/api/graphql", {}, {}, body)) == found
