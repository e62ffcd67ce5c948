"""Every question is one that GitHub's schema allows, and no branch becomes part of its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.github import deployments, forge, reading
from tests.counterparts.graphql import described

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY = {"owner": "acme", "name": "deploy", "base": "main"}


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("with_base", [True, False])
def test_a_question_for_proposals_is_one_that_github_knows(count: int, *, with_base: bool) -> None:
    variables = IDENTITY | {f"b{number}": f"gitops-bot/e{number}/all" for number in range(count)}
    if with_base:
        variables["ref"] = "refs/heads/main"
    assert described().breaches(reading.proposals(count, with_base=with_base), variables) == []


def test_a_question_for_the_base_branch_alone_is_one_that_github_knows() -> None:
    question = reading.proposals(0, with_base=True)
    assert described().breaches(question, {**IDENTITY, "ref": "refs/heads/main"}) == []


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        (forge.ENABLE_AUTO_MERGE, {"pullRequestId": "PR_1", "expectedHeadOid": "0" * 40, "mergeMethod": "SQUASH"}),
        (forge.ENABLE_AUTO_MERGE, {"pullRequestId": "PR_1", "expectedHeadOid": "0" * 40}),
        (forge.ENQUEUE, {"pullRequestId": "PR_1", "expectedHeadOid": "0" * 40}),
    ],
    ids=["auto-merge", "auto-merge by a queue", "queue"],
)
def test_a_mutation_is_one_that_github_knows(question: str, asked: dict[str, str]) -> None:
    assert described().breaches(question, {"input": asked}) == []


def test_a_question_for_the_time_of_words_is_one_that_github_knows() -> None:
    assert described().breaches(reading.HAND_BACK_TIMES, {"owner": "acme", "name": "deploy", "number": 1}) == []


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("with_base", [True, False])
def test_a_question_for_what_was_closed_is_one_that_github_knows(count: int, *, with_base: bool) -> None:
    variables = IDENTITY | {f"b{number}": f"gitops-bot/e{number}/all" for number in range(count)}
    if with_base:
        variables["ref"] = "refs/heads/main"
    question = reading.proposals(count, with_base=with_base, with_closed=True)
    assert described().breaches(question, variables) == []


def test_fifty_branches_stay_far_below_the_nodes_that_one_question_may_ask_for() -> None:
    """500,000 (docs.github.com, "Rate limits and query limits for the GraphQL API")."""
    each_open = 1 + 100 + 50 + 1 + 100
    assert 50 * (reading.OPEN * each_open + reading.ENDED) + reading.CLOSED + 100 < 500_000 / 5


# --- the description itself is one that finds faults --------------------------------------------------------------

QUESTION = (
    'query Q($owner: String!) { repository(owner: $owner, name: "x") { id pushedAt isFork '
    "pullRequests(first: 1) { totalCount nodes { state headRefOid } } } }"
)
ANSWER: Mapping[str, Any] = {
    "id": "R_1",
    "pushedAt": "2026-01-02T03:04:05Z",
    "isFork": False,
    "pullRequests": {"totalCount": 1, "nodes": [{"state": "OPEN", "headRefOid": "0" * 40}]},
}


def answered(**changes: Any) -> dict[str, Any]:
    return {"data": {"repository": {**ANSWER, **changes}}}


def nodes(*found: Any) -> dict[str, Any]:
    return answered(pullRequests={"totalCount": 1, "nodes": list(found)})


@pytest.mark.parametrize(
    "answer",
    [
        answered(),
        answered(pushedAt=None),
        nodes(None),
        {"data": {"repository": None}, "errors": [{"message": "no", "path": ["repository"], "type": "NOT_FOUND"}]},
        {"errors": [{"message": "no"}]},
    ],
    ids=["all of it", "a null that may be", "a null in a list", "a refusal", "errors alone"],
)
def test_an_answer_that_is_as_described_is_no_breach(answer: Any) -> None:
    assert described().breaches(QUESTION, {"owner": "acme"}, answer) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(answered(id=None), "data.repository.id is null, and ID is never", id="a null"),
        pytest.param(answered(isFork="no"), "data.repository.isFork is 'no', no Boolean", id="a scalar"),
        pytest.param(answered(pushedAt="yesterday"), "pushedAt is 'yesterday', no DateTime", id="a form"),
        pytest.param(answered(more=1), "data.repository.more was not asked for", id="a field more"),
        pytest.param({"data": {"repository": {}}}, "data.repository.id is missing", id="a field less"),
        pytest.param(nodes({"state": "open", "headRefOid": "0" * 40}), "state is 'open'", id="an enumeration"),
        pytest.param(nodes({"state": "OPEN", "headRefOid": "HEAD"}), "headRefOid is 'HEAD'", id="a commit"),
        pytest.param(nodes(7), "nodes.0 is 7, no PullRequest", id="an object"),
        pytest.param(answered(pullRequests=[]), "pullRequests is [], no PullRequestConnection", id="a list too many"),
        pytest.param(answered(pullRequests={"totalCount": True, "nodes": None}), "totalCount is True", id="a truth"),
        pytest.param({"data": None}, "neither `data` nor `errors`", id="nothing"),
        pytest.param({"data": None, "errors": []}, "`errors` is a list of at least one", id="no error"),
        pytest.param({"message": "x"}, "an object with `data`", id="something else"),
    ],
)
def test_an_answer_that_is_not_as_described_is_a_breach(answer: Any, said: str) -> None:
    assert any(said in each for each in described().breaches(QUESTION, {"owner": "acme"}, answer))


@pytest.mark.parametrize(
    ("question", "variables", "said"),
    [
        ("{ nothing }", {}, "Cannot query field 'nothing'"),
        ("{", {}, "Syntax Error"),
        (QUESTION, {}, "variables: "),
        (QUESTION, {"owner": 7}, "variables: "),
        (QUESTION, {"owner": "acme", "more": 1}, "variables: $more is not declared"),
        (
            "mutation($i: EnqueuePullRequestInput!) { enqueuePullRequest(input: $i) { clientMutationId } }",
            {"i": {}},
            "var",
        ),
    ],
    ids=["a field", "syntax", "no variable", "another type", "one too many", "an input"],
)
def test_a_question_that_is_not_as_described_is_a_breach(
    question: str, variables: Mapping[str, Any], said: str
) -> None:
    assert any(said in each for each in described().breaches(question, variables))


@pytest.mark.parametrize("count", [1, 100])
def test_a_question_for_deployments_is_one_that_github_knows(count: int) -> None:
    variables = {"owner": "acme", "name": "deploy", **{f"e{number}": f"e{number}" for number in range(count)}}
    assert described().breaches(deployments.question(count), variables) == []
