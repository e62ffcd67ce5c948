"""What is there already: found by one question, or by REST where there is nothing else."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github import answers, reading
from gitops_bot.edges.github.failure import Refused, Unsupported
from gitops_bot.errors import ForgeError
from gitops_bot.proposals.pull_request import Comment, GateStatus, PullRequest
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    HEAD,
    NO_GRAPHQL,
    REPOSITORY,
    ended,
    having,
    listed,
    opened,
    playing,
    recorded,
    refusal,
    reported,
    said,
    unreadable,
)
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "gitops-bot/staging/all"


def one(**changes: Any) -> PullRequest:
    return answers.read_node(opened(**changes))


def test_a_pull_request_is_read_in_full() -> None:
    node = opened(
        isDraft=True,
        isInMergeQueue=True,
        latestOpinionatedReviews={"nodes": [{"state": "APPROVED"}]},
        labels={"nodes": [{"name": "release"}, {"name": "hold"}]},
        autoMergeRequest={"enabledBy": {"login": "bot"}},
        commits=reported("FAILURE", "FAILURE", own="SUCCESS", text="nothing holds it"),
        comments={
            "nodes": [
                {"databaseId": 7, "body": "<!-- gitops-bot:person -->\nleft alone", "viewerDidAuthor": True},
                {"databaseId": 8, "body": "<!-- gitops-bot:person -->\nby others", "viewerDidAuthor": False},
                {"databaseId": 9, "body": "by the same account, for another reason", "viewerDidAuthor": True},
                {"databaseId": None, "body": "<!-- gitops-bot:x -->", "viewerDidAuthor": True},
            ]
        },
    )
    with playing({"Proposals": having(node)}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
    assert pull == PullRequest(
        1,
        f"https://github.com/{REPOSITORY}/pull/1",
        "open",
        BRANCH,
        BASE,
        HEAD,
        "web v2",
        "what",
        labels=("release", "hold"),
        node="PR_kwDOA1",
        created_at=datetime(2026, 1, 2, 3, 0, tzinfo=UTC),
        draft=True,
        approved=True,
        queued=True,
        auto_merge=True,
        merges_by_bot=True,
        checks_failed=True,
        gates=GateStatus("success", "nothing holds it"),
        comments=(Comment(7, "<!-- gitops-bot:person -->\nleft alone"),),
    )


@rows("decision reviews approved", {
    "nobody looked": (None, (), False),
    "approved where nothing is asked": (None, ("APPROVED",), True),
    "one of two wants changes": (None, ("APPROVED", "CHANGES_REQUESTED"), False),
    "one of two reviews is there": ("REVIEW_REQUIRED", ("APPROVED",), True),
    "approved": ("APPROVED", (), True),
    "changes are wanted": ("CHANGES_REQUESTED", ("APPROVED",), False),
})  # fmt: skip
def test_who_approves_counts(decision: str | None, reviews: tuple[str, ...], approved: bool) -> None:
    assert answers.approved(decision, reviews) is approved


@rows("events opener was_requested", {
    "never": ([], {}, False),
    "it was set or queued": ([{}], {}, True),
    "a person took it back": ([{"actor": {"login": "ada"}}], {}, True),
    "somebody who is gone took it back": ([{"actor": None}], {}, True),
    "the bot took it back": ([{"actor": {"login": "bot"}}], {}, False),
    "another account did": ([{"actor": {"login": "bot"}}], {"viewerDidAuthor": False}, True),
    "nobody knows who did": ([{"actor": None}], {"author": None}, True),
})  # fmt: skip
def test_it_is_known_that_it_was_set_to_merge_by_itself_unless_the_bot_took_it_back(
    events: list[Any], opener: dict[str, Any], was_requested: bool
) -> None:
    assert one(timelineItems={"nodes": events}, **opener).merge_was_requested is was_requested


@rows("by opener is_own", {
    "the account that opened it, and asks": ({"login": "bot"}, {}, True),
    "a person": ({"login": "ada"}, {}, False),
    "somebody who is gone": (None, {}, False),
    "its opener": ({"login": "ada"}, {"author": {"login": "ada"}, "viewerDidAuthor": False}, False),
    "nobody knows": (None, {"author": None}, False),
})  # fmt: skip
def test_it_is_known_who_set_auto_merge(by: Any, opener: dict[str, Any], is_own: bool) -> None:
    pull = one(autoMergeRequest={"enabledBy": by}, **opener)
    assert (pull.auto_merge, pull.merges_by_bot) == (True, is_own)
    assert not one().merges_by_bot


def test_open_ones_come_first_and_then_the_newest_that_have_ended() -> None:
    pulls = [
        ended(number=7, state="MERGED"),
        ended(number=9),
        opened(number=3),
        ended(number=8, state="MERGED", headRefName=OTHER),
        opened(number=4),
    ]
    with playing({"Proposals": having(*pulls, more=True)}) as script:
        found = script.bot.forge.find([BRANCH, OTHER, "gitops-bot/dev/all", BRANCH], BASE)
    shown = {branch: [(pull.number, pull.state) for pull in pulls] for branch, pulls in found.items()}
    assert shown == {
        BRANCH: [(4, "open"), (3, "open"), (9, "closed"), (7, "merged")],
        OTHER: [(8, "merged")],
        "gitops-bot/dev/all": [],
    }


CLOSED = [
    ended(number=7),
    ended(number=6, headRefName=OTHER),
    ended(number=5, headRefName="gitops-bot/gone/all"),
    ended(number=4, headRefName="gitops-bot/gone/all"),
    ended(number=3, headRefName="gitops-bot/fork/all", isCrossRepository=True),
    ended(number=2, headRefName="topic"),
    ended(number=1, headRefName="gitops-bot/other/base", baseRefName="release"),
]


def test_what_was_closed_on_other_branches_is_found_along() -> None:
    with playing({"Proposals": having(CLOSED[0], opened(number=9), closed=[*CLOSED, None])}) as script:
        found = script.bot.forge.find([BRANCH], BASE, closed="gitops-bot/")
        assert len(script.asked) == 1
    numbers = {branch: [pull.number for pull in pulls] for branch, pulls in found.items()}
    # Of a branch that was asked for, everything is known.
    assert numbers == {BRANCH: [9, 7], OTHER: [6], "gitops-bot/gone/all": [5, 4]}


def test_a_branch_goes_as_a_variable_and_never_into_the_question() -> None:
    evil = 'x") { id } } mutation { a(b: "'
    with playing({"Proposals": having(ended(headRefName=evil))}) as script:
        assert len(script.bot.forge.find([evil], BASE)[evil]) == 1
        assert script.sent == [{"owner": "acme", "name": "deploy", "base": BASE, "ref": "refs/heads/main", "b0": evil}]


@pytest.mark.parametrize(("branches", "questions"), [(0, 0), (50, 1), (51, 2)])
def test_fifty_branches_cost_one_request(branches: int, questions: int) -> None:
    pulls = [opened(number=number, headRefName=f"gitops-bot/e{number}/all") for number in range(branches)]
    with playing({"Proposals": having(*pulls)}) as script:
        found = script.bot.forge.find([pull["headRefName"] for pull in pulls], BASE)
        assert len(script.asked) == questions
    assert [[pull.number for pull in pulls] for pulls in found.values()] == [[number] for number in range(branches)]


@rows("changes", {
    "a fork's branch of the same name": {"isCrossRepository": True},
    "another branch: the filter was ignored": {"headRefName": "release"},
})  # fmt: skip
def test_only_our_own_branch_is_found_whatever_github_lists(changes: Mapping[str, Any]) -> None:
    with playing({"Proposals": having(opened(**changes))}) as script:
        assert script.bot.forge.find([BRANCH], BASE) == {BRANCH: ()}


def test_forks_that_crowd_ours_out_of_the_list_do_not_hide_it() -> None:
    """Anybody may open pull requests from branches of this name; only REST can leave them out."""
    crowd = [opened(number=number, isCrossRepository=True) for number in range(10, 15)]
    plays = {
        "Proposals": having(*crowd, more=True),
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, []),
    }
    with playing(plays) as script:
        assert [pull.number for pull in script.bot.forge.find([BRANCH], BASE)[BRANCH]] == [1]


@rows("kind path told", {
    "checks": ("FORBIDDEN", ["open0", "nodes", 0, "commits", "nodes", 0, "commit", "statusCheckRollup"], None),
    "protection": ("FORBIDDEN", ["ref", "refUpdateRule"], None),
    "queue": ("FORBIDDEN", ["mergeQueue"], None),
    "reviews": ("FORBIDDEN", ["open0", "nodes", 0, "latestOpinionatedReviews"], "GitHub App may not do that"),
    "everything": ("FORBIDDEN", [], "GitHub App may not do that"),
    "a limit in the middle": ("RATE_LIMITED", ["ref"], "is used up"),
})  # fmt: skip
def test_what_the_token_must_not_see_may_be_missing_unless_a_decision_needs_it(
    kind: str, path: list[str | int], told: str | None
) -> None:
    error = {"type": kind, "path": ["repository", *path], "message": "Resource not accessible by integration"}
    with playing({"Proposals": having(opened(), errors=[error])}) as script:
        with pytest.raises(ForgeError, match=told) if told else nullcontext():
            assert [pull.number for pull in script.bot.forge.find([BRANCH], BASE)[BRANCH]] == [1]
        assert script.warned == []


def test_a_repository_that_has_moved_is_told_by_its_new_name() -> None:
    with (
        playing({"Proposals": having(name="acme/manifests")}) as script,
        pytest.raises(ForgeError, match="acme/deploy has moved"),
    ):
        script.bot.forge.find([BRANCH], BASE)


TIMEOUT = "Something went wrong while executing your query. This may be the result of a timeout, or it could be a bug."


#: By GitHub's type and message of an error: the status that REST would have.
STATUSES = (
    ("NOT_FOUND", "Could not resolve to a Repository", 404),
    ("FORBIDDEN", "Resource not accessible by integration", 403),
    ("INSUFFICIENT_SCOPES", "Your token has not been granted the required scopes", 403),
    ("RATE_LIMITED", "Try again later.", 429),
    ("RATE_LIMIT", "Try again later.", 429),
    (None, "You have exceeded a secondary rate limit.", 429),
    (None, TIMEOUT, 413),
    ("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded.", 413),
    ("MAX_NODE_LIMIT_EXCEEDED", "This query requests up to 1 nodes.", 413),
    ("INTERNAL", "Something else", 502),
)


@pytest.mark.parametrize(("kind", "message", "status"), STATUSES)
def test_a_refusal_in_graphql_has_the_status_of_one_in_rest(kind: str | None, message: str, status: int) -> None:
    errors: list[Any] = ["not as GitHub says it", {"type": kind, "message": message, "path": ["repository"]}]
    for write in (False, True):
        with pytest.raises(Refused) as refused:
            answers.read_graphql({"data": {"repository": None}, "errors": errors}, {}, "", write=write)
        assert refused.value.status == (422 if write and status == 502 else status)
        assert refused.value.message == f"not as GitHub says it; {message}"


@pytest.mark.parametrize("refused", [refusal(None, TIMEOUT), said(502, TIMEOUT)], ids=["by message", "by status"])
def test_what_is_too_much_at_once_is_asked_in_halves(refused: Answer) -> None:
    names = [f"gitops-bot/e{number}/all" for number in range(5)]
    pulls = [opened(number=number + 1, headRefName=name) for number, name in enumerate(names)]

    def answer(body: Any) -> Answer:
        return refused if "b2" in body["variables"] else having(*pulls)(body)

    with playing({"Proposals": answer}) as script:
        found = script.bot.forge.find(names, BASE)
    assert [[pull.number for pull in found[name]] for name in names] == [[1], [2], [3], [4], [5]]


BROKEN = {
    "a number": opened(number="1"),
    "a number that is a truth": opened(number=True),
    "an address": opened(url="javascript:alert(1)"),
    "an address with an escape sequence": opened(url="https://x/\x1b[2J"),
    "a commit": opened(headRefOid="HEAD"),
    "a moment": opened(createdAt="yesterday"),
    "a moment without a zone": opened(createdAt="2026-01-02T03:00:00"),
    "no title": opened(title=None),
    "a label without a name": opened(labels={"nodes": [{}]}),
    "labels that are no list": opened(labels={"nodes": 7}),
    "a truth": opened(isDraft="no"),
    "a commit that is a number": opened(commits={"nodes": [7]}),
    "nothing else": {"headRefName": BRANCH, "state": "OPEN"},
}
NOT_SO = (LookupError, TypeError, ValueError, AttributeError)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_pull_request_that_is_not_as_github_describes_it_is_refused(broken: Any) -> None:
    with pytest.raises(NOT_SO):
        answers.read_node(broken)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": True},
        {"html_url": "https://x/\x1b[2J"},
        {"state": "queued"},
        {"labels": ["x"]},
        {"title": None},
        {"created_at": "yesterday"},
        {"node_id": 7},
    ],
    ids=str,
)
def test_so_is_one_by_rest(changes: Mapping[str, Any]) -> None:
    with pytest.raises(NOT_SO):
        answers.read({**listed(), **changes})


@pytest.mark.parametrize("repository", [None, [], {}, {"nameWithOwner": REPOSITORY}], ids=json.dumps)
def test_an_answer_without_what_was_asked_for_is_refused(repository: Any) -> None:
    with unreadable({"Proposals": Answer.json(200, {"data": {"repository": repository}})}) as script:
        script.bot.forge.find([BRANCH], BASE)


# --- servers without GraphQL, or with an older one ----------------------------------------------------------------

#: What such a server says: no GraphQL, no fields, no arguments, or something else.
OLDER: dict[str, Any] = {
    "a field": {"errors": [{"message": "Field 'x' doesn't exist on type 'Y'"}]},
    "a field, by code": {"errors": [{"message": "x", "extensions": {"code": "undefinedField"}}]},
    "an argument": {"errors": [{"message": "x", "extensions": {"code": "argumentNotAccepted"}}, {"message": "unused"}]},
    "another library's words": {"errors": [{"message": 'Cannot query field "isInMergeQueue" on type "PullRequest".'}]},
    "nothing": {},
    "a list": [],
    "no data": {"data": None},
}


@pytest.mark.parametrize("document", OLDER.values(), ids=OLDER)
def test_a_server_without_these_fields_is_told_apart(document: Any) -> None:
    with pytest.raises(Unsupported):
        answers.read_graphql(document, {}, "", write=False)


@rows("answer", {
    "404": NO_GRAPHQL,
    "501": said(501, "Not Implemented"),
    "an older Enterprise and a fine-grained token": (
        said(403, "Personal access tokens with fine grained access do not support the GraphQL API")
    ),
})  # fmt: skip
def test_it_is_asked_by_rest_for_the_rest_of_the_run(answer: Answer) -> None:
    auto = {"enabled_by": recorded("GET", "/pulls/{pull_number}", 200)["user"], "merge_method": "squash"}
    merging = listed(number=3, draft=True, auto_merge={**auto, "commit_title": "t", "commit_message": "m"})
    plays = {
        "Proposals": answer,
        "GET /pulls": Answer.json(200, [listed(number=4, state="closed"), merging]),
        "GET /pulls/3/reviews": Answer.json(200, []),
    }
    with playing(plays) as script:
        first = script.bot.forge.find([BRANCH], BASE)
        assert script.bot.forge.find([BRANCH], BASE) == first
        assert script.asked == ["Proposals", *["GET /pulls", "GET /pulls/3/reviews"] * 2]
    assert [(pull.number, pull.state, pull.draft, pull.auto_merge) for pull in first[BRANCH]] == [
        (3, "open", True, True),
        (4, "closed", False, False),
    ]


@rows("reviews approved", {
    "nobody looked": ([], False),
    "a comment takes nothing back": ([("ada", "APPROVED"), ("ada", "COMMENTED")], True),
    "the last word counts": ([("ada", "APPROVED"), ("ada", "CHANGES_REQUESTED")], False),
    "by somebody who may not write": ([("eve", "APPROVED", "NONE")], False),
    "by an account that is gone": ([(None, "APPROVED")], False),
})  # fmt: skip
def test_by_rest_an_approval_is_the_last_word_of_those_who_may_write(reviews: list[Any], approved: bool) -> None:
    told = [
        {"user": login and {"login": login}, "state": state, "author_association": (*by, "COLLABORATOR")[0]}
        for login, state, *by in reviews
    ]
    assert answers.approved(None, dict(reading._opinions(told)).values()) is approved


@pytest.mark.parametrize("reviews", [7, [{"state": "APPROVED"}], [{"state": "APPROVED", "user": 7}]], ids=str)
def test_reviews_that_are_none_are_refused(reviews: Any) -> None:
    plays = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, reviews),
    }
    with unreadable(plays) as script:
        script.bot.forge.find([BRANCH], BASE)


def test_fifty_branches_stay_far_below_the_nodes_that_one_question_may_ask_for() -> None:
    """500,000 (docs.github.com, "Rate limits and query limits for the GraphQL API")."""
    each_open = 1 + 100 + 50 + 1 + 100
    assert 50 * (reading.OPEN * each_open + reading.ENDED) + reading.CLOSED + 100 < 500_000 / 5
