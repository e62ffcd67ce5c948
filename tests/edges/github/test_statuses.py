"""The bot's commit status on pull requests, and that it counts nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from gitops_bot.proposals.pull_request import GateStatus, Head
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    HEAD,
    NO_GRAPHQL,
    having,
    listed,
    opened,
    playing,
    recorded,
    refusal,
    reported,
    said,
)
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

WRITE = f"POST /statuses/{HEAD}"
GREEN, RED = GateStatus("success", "nothing holds it"), GateStatus("failure", "web v2: e2e failed", "https://ci.test/1")


def made(_: Any = None) -> Answer:
    return Answer.json(201, recorded("POST", "/statuses/{sha}", 201))


@rows("present status sent", {
    "there is none": (None, GREEN, ["success", "nothing holds it", None]),
    "the state changed": (GREEN, RED, ["failure", "web v2: e2e failed", "https://ci.test/1"]),
    "the text changed": (GateStatus("success", "no pins"), GREEN, ["success", "nothing holds it", None]),
    "it is there": (GREEN, GREEN, None),
    "it is there, without the link": (RED._replace(url=None), RED, None),
    "it is there, cut": (GateStatus("pending", "x" * 139 + "…"), GateStatus("pending", "x" * 999), None),
    "what no status holds": (None, GateStatus("pending", "a\n\x1b🚀"), ["pending", "a ?", None]),
})  # fmt: skip
def test_a_status_is_written_if_state_or_text_differ(
    present: GateStatus | None, status: GateStatus, sent: list[str | None] | None
) -> None:
    with playing({WRITE: made}) as script:
        script.bot.forge.write_gates(HEAD, present, status)
    bodies = [[body["state"], body["description"], body["target_url"]] for body in script.sent]
    assert bodies == ([] if sent is None else [sent])
    assert all(body["context"] == "gitops-bot/gates" for body in script.sent)


@rows("answer code message advice", {
    "no permission": (
        said(403, "Resource not accessible by integration"), "failed.auth", "cannot be written", "`statuses: write`",
    ),
    "a private repository": (said(404, "Not Found"), "failed.auth", "Not Found", "`propose: {status: ...}`"),
})  # fmt: skip
def test_a_refused_status_says_what_to_do(answer: Answer, code: str, message: str, advice: str) -> None:
    with playing({WRITE: answer}) as script, pytest.raises(ForgeError, match=message) as failure:
        script.bot.forge.write_gates(HEAD, None, GREEN)
    assert failure.value.problem.code == code
    assert advice in failure.value.problem.next


def test_a_commit_that_takes_no_status_is_a_warning_since_anybody_may_have_opened_it() -> None:
    with playing({WRITE: said(422, "it has a thousand")}) as script:
        script.bot.forge.write_gates(HEAD, None, GREEN)
    why = f"commit {HEAD[:10]} takes no `gitops-bot/gates`: GitHub says: it has a thousand"
    assert script.warned == [f"{why} -> push to its branch: a new commit takes one"]


def heads(*nodes: Mapping[str, Any], after: str | None = None) -> Answer:
    page = {"hasNextPage": after is not None, "endCursor": after}
    return Answer.json(200, {"data": {"repository": {"pullRequests": {"pageInfo": page, "nodes": list(nodes)}}}})


def head(commit: str, branch: str = "topic", *, fork: bool = False, **known: Any) -> dict[str, Any]:
    return {
        "headRefName": branch, "headRefOid": commit, "isCrossRepository": fork, "commits": reported("PENDING", **known),
    }  # fmt: skip


def test_the_heads_of_all_open_pull_requests_are_read_page_by_page() -> None:
    first = heads(head(HEAD, own="SUCCESS", text="nothing holds it"), head("b" * 40, fork=True), after="cursor:2")
    with playing({"Heads": [first, heads(head("c" * 40, own="ERROR", text="not ours"))]}) as script:
        found = script.bot.forge.heads(BASE)
    assert found == [Head(HEAD, "topic", GREEN), Head("b" * 40, None, None), Head("c" * 40, "topic", None)]
    assert [asked["after"] for asked in script.sent] == [None, "cursor:2"]


def test_a_server_without_graphql_gets_no_statuses_and_it_is_said() -> None:
    plays = {"Proposals": NO_GRAPHQL, "Heads": NO_GRAPHQL, "GET /pulls": Answer.json(200, [listed()])}
    plays["GET /pulls/1/reviews"] = Answer.json(200, [])
    with playing(plays) as script:
        script.bot.forge.find([BRANCH], BASE)
        with pytest.raises(ForgeError, match="this server has no GraphQL"):
            script.bot.forge.heads(BASE)
        with pytest.raises(ForgeError, match="this server has no GraphQL") as failure:
            script.bot.forge.write_gates(HEAD, None, GREEN)
    assert (failure.value.problem.code, failure.value.problem.next) == (
        "failed.forge",
        "remove `propose: {status: ...}`",
    )


@rows("commits failed", {
    "nothing was reported": (reported(None), False),
    "a check failed": (reported("FAILURE", "FAILURE"), True),
    "a job was cancelled": (reported("FAILURE", "CANCELLED"), True),
    "only its own status failed": (reported("FAILURE", own="FAILURE", text="red"), False),
    "its own status failed, and a job": (reported("FAILURE", "TIMED_OUT", own="FAILURE", text="red"), True),
    "its own status failed, and another": (reported("ERROR", "ERROR", own="FAILURE", text="red"), True),
    "its own status is pending, and a job failed": (reported("FAILURE", "FAILURE", own="PENDING", text="x"), True),
    "its own status is pending": (reported("PENDING", own="PENDING", text="x"), False),
})  # fmt: skip
def test_the_bots_own_status_is_no_failed_check(commits: Any, failed: bool) -> None:
    with playing({"Proposals": having(opened(commits=commits))}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
    assert pull.checks_failed is failed


def test_a_token_that_may_read_no_statuses_sees_none() -> None:
    path = ["repository", "open0", "nodes", 0, "commits", "nodes", 0, "commit", "status"]
    error = {"type": "FORBIDDEN", "path": path, "message": "Resource not accessible by integration"}
    with playing({"Proposals": having(opened(), errors=[error])}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
    assert pull.gates is None


def test_a_refused_question_for_heads_is_a_failure() -> None:
    with playing({"Heads": refusal("FORBIDDEN", "no")}) as script, pytest.raises(ForgeError):
        script.bot.forge.heads(BASE)
