"""What is there already: found by one question, or by REST where there is nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github import wire as wire_module
from gitops_bot.errors import ForgeError
from gitops_bot.proposals.pull_request import Comment, PullRequest
from tests.edges.github.scripted import (
    BASE,
    BRANCH,
    HEAD,
    NO_GRAPHQL,
    REPOSITORY,
    Bot,
    ended,
    having,
    listed,
    opened,
    playing,
    pull,
    recorded,
    refusal,
    said,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "gitops-bot/staging/all"


def approving(*states: str) -> dict[str, Any]:
    return {"nodes": [{"state": state} for state in states]}


def checks(state: str | None) -> dict[str, Any]:
    rollup = None if state is None else {"state": state}
    return {"nodes": [{"commit": {"statusCheckRollup": rollup}}]}


def one(**changes: Any) -> PullRequest:
    with playing({"Proposals": having(opened(**changes))}) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
    return pull


def test_a_pull_request_is_read_in_full() -> None:
    pull = one(
        isDraft=True,
        isInMergeQueue=True,
        reviewDecision="APPROVED",
        labels={"nodes": [{"name": "release"}, {"name": "hold"}]},
        autoMergeRequest={"enabledBy": {"login": "bot"}},
        commits=checks("FAILURE"),
        comments={
            "nodes": [
                {"databaseId": 7, "body": "<!-- gitops-bot:person -->\nleft alone", "viewerDidAuthor": True},
                {
                    "databaseId": 8,
                    "body": "<!-- gitops-bot:person -->\nsaid by somebody else",
                    "viewerDidAuthor": False,
                },
                {"databaseId": 9, "body": "by the same account, for another reason", "viewerDidAuthor": True},
                {"databaseId": None, "body": "<!-- gitops-bot:x -->", "viewerDidAuthor": True},
            ]
        },
    )
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
        comments=(Comment(7, "<!-- gitops-bot:person -->\nleft alone"),),
    )


@pytest.mark.parametrize(
    ("decision", "reviews", "approved"),
    [
        pytest.param(None, (), False, id="nobody looked"),
        pytest.param(None, ("APPROVED",), True, id="approved where nothing is asked"),
        pytest.param(None, ("APPROVED", "CHANGES_REQUESTED"), False, id="one of two wants changes"),
        pytest.param(None, ("DISMISSED",), False, id="dismissed"),
        pytest.param("REVIEW_REQUIRED", (), False, id="a review is missing"),
        pytest.param("REVIEW_REQUIRED", ("APPROVED",), True, id="one of two reviews is there"),
        pytest.param("APPROVED", (), True, id="approved"),
        pytest.param("CHANGES_REQUESTED", ("APPROVED",), False, id="changes are wanted"),
    ],
)
def test_who_approves_counts(decision: str | None, reviews: tuple[str, ...], approved: bool) -> None:
    assert one(reviewDecision=decision, latestOpinionatedReviews=approving(*reviews)).approved is approved


@pytest.mark.parametrize(
    ("state", "failed"),
    [(None, False), ("EXPECTED", False), ("PENDING", False), ("SUCCESS", False), ("FAILURE", True), ("ERROR", True)],
)
def test_checks_fail_by_their_rollup(state: str | None, failed: bool) -> None:
    assert one(commits=checks(state)).checks_failed is failed


@pytest.mark.parametrize(
    ("events", "opener", "was_requested"),
    [
        pytest.param([], {}, False, id="never"),
        pytest.param([{}], {}, True, id="it was set or queued"),
        pytest.param([{"actor": {"login": "ada"}}], {}, True, id="a person took it back"),
        pytest.param([{"actor": None}], {}, True, id="somebody who is gone took it back"),
        pytest.param([{"actor": {"login": "bot"}}], {}, False, id="the bot took it back"),
        pytest.param([{"actor": {"login": "bot"}}], {"viewerDidAuthor": False}, True, id="another account did"),
        pytest.param([{"actor": None}], {"author": None}, True, id="nobody knows who did"),
    ],
)
def test_it_is_known_that_it_was_set_to_merge_by_itself_unless_the_bot_took_it_back(
    events: list[Any], opener: dict[str, Any], was_requested: bool
) -> None:
    assert one(timelineItems={"nodes": events}, **opener).merge_was_requested is was_requested


@pytest.mark.parametrize(
    ("by", "opener", "is_own"),
    [
        pytest.param({"login": "bot"}, {}, True, id="the account that opened it, and asks"),
        pytest.param({"login": "ada"}, {}, False, id="a person"),
        pytest.param(None, {}, False, id="somebody who is gone"),
        pytest.param({"login": "ada"}, {"author": {"login": "ada"}, "viewerDidAuthor": False}, False, id="its opener"),
        pytest.param(None, {"author": None}, False, id="nobody knows"),
    ],
)
def test_it_is_known_who_set_auto_merge(by: Any, opener: dict[str, Any], is_own: bool) -> None:
    pull = one(autoMergeRequest={"enabledBy": by}, **opener)
    assert (pull.auto_merge, pull.merges_by_bot) == (True, is_own)
    assert not one().merges_by_bot


def test_a_pull_request_without_commits_and_reviews_is_one_too() -> None:
    pull = one(commits={"nodes": []}, latestOpinionatedReviews=None, labels=None)
    assert (pull.checks_failed, pull.approved, pull.labels) == (False, False, ())


def test_open_ones_come_first_and_then_the_newest_that_have_ended() -> None:
    pulls = [
        ended(number=7, state="MERGED"),
        ended(number=9),
        opened(number=3),
        ended(number=8, state="MERGED", headRefName=OTHER),
        opened(number=4),
    ]
    with playing({"Proposals": having(*pulls)}) as script:
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
    found = {}
    closed = {"closed": {"nodes": [*CLOSED, None]}}
    with playing({"Proposals": having(CLOSED[0], opened(number=9), **closed)}) as script:
        found = script.bot.forge.find([BRANCH], BASE, closed="gitops-bot/")
        assert len(script.asked) == 1
    numbers = {branch: [pull.number for pull in pulls] for branch, pulls in found.items()}
    # Of a branch that was asked for, everything is known.
    assert numbers == {BRANCH: [9, 7], OTHER: [6], "gitops-bot/gone/all": [5, 4]}


def test_what_was_closed_is_asked_for_by_itself_where_all_at_once_is_too_much() -> None:
    refused = Answer.json(200, {"data": None, "errors": [{"message": TIMEOUT}]})

    def answer(body: Any) -> Answer:
        if "b0" in body["variables"] and " closed:" in body["query"]:
            return refused
        return having(opened(number=9), closed={"nodes": CLOSED})(body)

    with playing({"Proposals": answer}) as script:
        found = script.bot.forge.find([BRANCH], BASE, closed="gitops-bot/")
    assert [pull.number for pull in found[BRANCH]] == [9]
    assert [pull.number for pull in found["gitops-bot/gone/all"]] == [5, 4]


def test_a_branch_goes_as_a_variable_and_never_into_the_question() -> None:
    evil = 'x") { id } } mutation { a(b: "'
    with playing({"Proposals": having(ended(headRefName=evil))}) as script:
        assert len(script.bot.forge.find([evil], BASE)[evil]) == 1
        assert script.sent == [{"owner": "acme", "name": "deploy", "base": BASE, "ref": "refs/heads/main", "b0": evil}]


@pytest.mark.parametrize(("branches", "questions"), [(0, 0), (1, 1), (40, 1), (50, 1), (51, 2), (120, 3)])
def test_fifty_branches_cost_one_request(branches: int, questions: int) -> None:
    names = [f"gitops-bot/e{number}/all" for number in range(branches)]
    pulls = [opened(number=number + 1, headRefName=name) for number, name in enumerate(names)]
    with playing({"Proposals": having(*pulls)}) as script:
        found = script.bot.forge.find(names, BASE)
        assert len(script.asked) == questions
    assert {branch: [pull.number for pull in pulls] for branch, pulls in found.items()} == {
        name: [number + 1] for number, name in enumerate(names)
    }


def test_what_the_base_branch_asks_for_is_asked_once() -> None:
    with playing({"Proposals": having()}) as script:
        script.bot.forge.find([BRANCH], BASE)
        script.bot.forge.find([OTHER], BASE)
        assert ["ref" in each for each in script.sent] == [True, False]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"isCrossRepository": True}, id="a fork's branch of the same name"),
        pytest.param({"headRefName": "release"}, id="another branch: the filter was ignored"),
    ],
)
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


def test_a_long_list_of_our_own_is_not_asked_for_again() -> None:
    with playing({"Proposals": having(ended(), more=True)}) as script:
        script.bot.forge.find([BRANCH], BASE)
        assert script.asked == ["Proposals"]


@pytest.mark.parametrize(
    "path",
    [
        ["repository", "open0", "nodes", 0, "commits", "nodes", 0, "commit", "statusCheckRollup"],
        ["repository", "ref", "refUpdateRule"],
        ["repository", "mergeQueue"],
    ],
    ids=["checks", "protection", "queue"],
)
def test_what_the_token_must_not_see_is_missing_and_the_rest_is_there(path: list[str | int]) -> None:
    error = {"type": "FORBIDDEN", "path": path, "message": "Resource not accessible by personal access token"}
    with playing({"Proposals": having(opened(), errors=[error])}) as script:
        assert [pull.number for pull in script.bot.forge.find([BRANCH], BASE)[BRANCH]] == [1]
        assert script.warned == []


@pytest.mark.parametrize(
    "path",
    [["repository", "open0"], ["repository", "open0", "nodes", 0, "latestOpinionatedReviews"], ["repository"]],
    ids=["proposals", "reviews", "everything"],
)
def test_what_a_decision_needs_may_not_be_missing(path: list[str | int]) -> None:
    error = {"type": "FORBIDDEN", "path": path, "message": "Resource not accessible by integration"}
    with (
        playing({"Proposals": having(opened(), errors=[error])}) as script,
        pytest.raises(ForgeError, match="the token of this workflow or GitHub App may not do that"),
    ):
        script.bot.forge.find([BRANCH], BASE)


def test_a_limit_in_the_middle_of_an_answer_is_an_error() -> None:
    error = {"type": "RATE_LIMITED", "path": ["repository", "ended0"], "message": "API rate limit exceeded"}
    with (
        playing({"Proposals": having(opened(), errors=[error])}) as script,
        pytest.raises(ForgeError, match="is used up"),
    ):
        script.bot.forge.find([BRANCH], BASE)


def test_a_repository_that_has_moved_is_told_by_its_new_name() -> None:
    with (
        playing({"Proposals": having(nameWithOwner="acme/manifests")}) as script,
        pytest.raises(ForgeError, match="acme/deploy has moved"),
    ):
        script.bot.forge.find([BRANCH], BASE)


def test_a_repository_in_other_letters_is_the_same() -> None:
    with playing({"Proposals": having(nameWithOwner="Acme/Deploy")}) as script:
        assert script.bot.forge.find([BRANCH], BASE) == {BRANCH: ()}


def test_a_secondary_limit_is_waited_out_as_long_as_github_says_while_there_is_time() -> None:
    error = {"errors": [{"message": "You have exceeded a secondary rate limit."}]}
    limit = Answer.json(200, error, {"Retry-After": "30"})
    turns = iter([limit])
    with playing({"Proposals": lambda body: next(turns, None) or having()(body)}) as script:
        assert script.bot.forge.find([BRANCH], BASE) == {BRANCH: ()}
        assert [int(wait) for wait in script.bot.clock.slept] == [30]
    with playing({"Proposals": limit}) as script, pytest.raises(ForgeError, match="is used up"):
        script.bot.forge.find([BRANCH], BASE)
    assert [int(wait) for wait in script.bot.clock.slept] == [30, 30, 30]


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(Answer.json(200, {"errors": [{"message": "rate limit"}]}, {"Retry-After": "61"}), id="too long"),
        pytest.param(Answer.json(200, {"errors": [{"message": "rate limit"}]}), id="it does not say how long"),
    ],
)
def test_a_limit_that_lasts_is_not_waited_for(limit: Answer) -> None:
    with playing({"Proposals": limit}) as script, pytest.raises(ForgeError, match="is used up"):
        script.bot.forge.find([BRANCH], BASE)
    assert (script.asked, script.bot.clock.slept) == (["Proposals"], [])


TIMEOUT = "Something went wrong while executing your query. This may be the result of a timeout, or it could be a bug."


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(Answer.json(200, {"data": None, "errors": [{"message": TIMEOUT}]}), id="a time-out"),
        pytest.param(said(502, TIMEOUT), id="a time-out by status"),
        pytest.param(refusal("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded."), id="too costly"),
        pytest.param(refusal("MAX_NODE_LIMIT_EXCEEDED", "This query requests up to 1 nodes."), id="too many nodes"),
    ],
)
def test_what_is_too_much_at_once_is_asked_in_halves(refused: Answer) -> None:
    names = [f"gitops-bot/e{number}/all" for number in range(5)]
    pulls = [opened(number=number + 1, headRefName=name) for number, name in enumerate(names)]

    def answer(body: Any) -> Answer:
        return refused if "b2" in body["variables"] else having(*pulls)(body)

    with playing({"Proposals": answer}) as script:
        found = script.bot.forge.find(names, BASE)
    assert [[pull.number for pull in found[name]] for name in names] == [[1], [2], [3], [4], [5]]


def test_an_answer_that_is_too_large_is_asked_for_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "_LIMIT", 100_000)
    names = [BRANCH, OTHER]
    pulls = [ended(number=number, headRefName=name, body="x" * 60_000) for number, name in enumerate(names, 1)]
    with playing({"Proposals": having(*pulls)}) as script:
        found = script.bot.forge.find(names, BASE)
        assert len(script.asked) == 3
    assert [[pull.number for pull in found[name]] for name in names] == [[1], [2]]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(opened(number="1"), id="a number that is none"),
        pytest.param(opened(number=True), id="a number that is a truth"),
        pytest.param(opened(url="javascript:alert(1)"), id="an address that is none"),
        pytest.param(opened(url="https://x/\x1b[2J"), id="an address with an escape sequence"),
        pytest.param(opened(headRefOid="HEAD"), id="a commit that is none"),
        pytest.param(opened(createdAt="yesterday"), id="a moment that is none"),
        pytest.param(opened(createdAt="2026-01-02T03:00:00"), id="a moment without a zone"),
        pytest.param(opened(title=None), id="no title"),
        pytest.param(opened(labels={"nodes": [{}]}), id="a label without a name"),
        pytest.param(opened(labels={"nodes": 7}), id="labels that are no list"),
        pytest.param(opened(isDraft="no"), id="a truth that is none"),
        pytest.param(opened(commits={"nodes": [7]}), id="a commit that is a number"),
        pytest.param({"headRefName": BRANCH, "state": "OPEN"}, id="nothing else"),
    ],
)
def test_an_answer_that_is_not_as_github_describes_it_is_refused(broken: Any) -> None:
    with (
        playing({"Proposals": having(broken)}, broken=True) as script,
        pytest.raises(ForgeError, match="did not answer the way GitHub does"),
    ):
        script.bot.forge.find([BRANCH], BASE)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"repository": None}},
        {"data": {"repository": []}},
        {"data": {"repository": {}}},
        {"data": {"repository": {"nameWithOwner": REPOSITORY}}},
    ],
    ids=json.dumps,
)
def test_an_answer_without_what_was_asked_for_is_refused(answer: Any) -> None:
    with (
        playing({"Proposals": Answer.json(200, answer)}, broken=True) as script,
        pytest.raises(ForgeError, match="did not answer the way GitHub does"),
    ):
        script.bot.forge.find([BRANCH], BASE)


# --- servers without GraphQL, or with an older one ----------------------------------------------------------------

OLDER = [
    pytest.param(NO_GRAPHQL, id="404"),
    pytest.param(said(405, "Method Not Allowed"), id="405"),
    pytest.param(said(501, "Not Implemented"), id="501"),
    pytest.param(
        said(403, "Personal access tokens with fine grained access do not support the GraphQL API"),
        id="an older Enterprise and a fine-grained token",
    ),
    pytest.param(unknown("mergeQueue", "Repository"), id="a field that it has not"),
    pytest.param(
        Answer.json(
            200,
            {
                "errors": [
                    {
                        "message": "Field 'latestOpinionatedReviews' doesn't accept argument 'writersOnly'",
                        "extensions": {"code": "argumentNotAccepted"},
                    },
                    {"message": "Variable $ref is declared by Proposals but not used"},
                ]
            },
        ),
        id="an argument that it has not",
    ),
    pytest.param(
        Answer.json(200, {"errors": [{"message": 'Cannot query field "isInMergeQueue" on type "PullRequest".'}]}),
        id="another library's words",
    ),
]


@pytest.mark.parametrize("answer", OLDER)
def test_a_server_without_these_fields_is_asked_by_rest_for_the_rest_of_the_run(answer: Answer) -> None:
    plays = {
        "Proposals": answer,
        "GET /pulls": Answer.json(200, [listed(number=4, state="closed"), listed(number=3)]),
        "GET /pulls/3/reviews": Answer.json(200, []),
    }
    with playing(plays) as script:
        first = script.bot.forge.find([BRANCH], BASE)
        assert script.bot.forge.find([BRANCH], BASE) == first
        assert script.asked == ["Proposals", *["GET /pulls", "GET /pulls/3/reviews"] * 2]
    assert [(pull.number, pull.state, pull.node) for pull in first[BRANCH]] == [
        (3, "open", "PR_kwDOA1"),
        (4, "closed", "PR_kwDOA1"),
    ]


@pytest.mark.parametrize("answer", [Answer.json(200, {}), Answer.json(200, []), Answer.json(200, {"data": None})])
def test_a_server_whose_answer_is_none_of_graphql_is_asked_by_rest(answer: Answer) -> None:
    plays = {"Proposals": answer, "GET /pulls": Answer.json(200, [])}
    with playing(plays, broken=True) as script:
        assert script.bot.forge.find([BRANCH], BASE) == {BRANCH: ()}


def review(login: str | None, state: str, association: str = "COLLABORATOR") -> Any:
    (example,) = recorded("GET", "/pulls/{pull_number}/reviews", 200)
    user = {**example["user"], "login": login} if login else None
    return {**example, "user": user, "state": state, "author_association": association}


@pytest.mark.parametrize(
    ("reviews", "approved"),
    [
        pytest.param([], False, id="nobody looked"),
        pytest.param([("ada", "APPROVED")], True, id="approved"),
        pytest.param([("ada", "APPROVED"), ("ada", "COMMENTED")], True, id="a comment takes nothing back"),
        pytest.param([("ada", "APPROVED"), ("ada", "CHANGES_REQUESTED")], False, id="the last word counts"),
        pytest.param([("ada", "APPROVED"), ("ada", "DISMISSED")], False, id="dismissed"),
        pytest.param([("ada", "APPROVED"), ("bob", "CHANGES_REQUESTED")], False, id="another wants changes"),
        pytest.param([("eve", "APPROVED", "NONE")], False, id="by somebody who may not write"),
        pytest.param([(None, "APPROVED")], False, id="by an account that is gone"),
    ],
)
def test_by_rest_an_approval_is_the_last_word_of_those_who_may_write(
    reviews: list[tuple[str, ...]], approved: bool
) -> None:
    plays = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, [review(*each) for each in reviews]),
    }
    with playing(plays) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
    assert pull.approved is approved


def test_by_rest_auto_merge_and_drafts_are_seen() -> None:
    auto = {"enabled_by": recorded("GET", "/pulls/{pull_number}", 200)["user"], "merge_method": "squash"}
    merging = listed(draft=True, auto_merge={**auto, "commit_title": "t", "commit_message": "m"})
    plays = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [merging]),
        "GET /pulls/1/reviews": Answer.json(200, []),
    }
    with playing(plays) as script:
        (pull,) = script.bot.forge.find([BRANCH], BASE)[BRANCH]
    assert (pull.draft, pull.auto_merge) == (True, True)


@pytest.mark.parametrize("reviews", [7, [7], [{"state": "APPROVED"}], [{"state": "APPROVED", "user": 7}]], ids=str)
def test_reviews_that_are_none_are_refused(reviews: Any) -> None:
    plays = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, [listed()]),
        "GET /pulls/1/reviews": Answer.json(200, reviews),
    }
    with (
        playing(plays, broken=True) as script,
        pytest.raises(ForgeError, match="did not answer the way GitHub does"),
    ):
        script.bot.forge.find([BRANCH], BASE)


@pytest.mark.parametrize("below", ["/api/v3", ""], ids=["Enterprise", "github.com"])
@pytest.mark.parametrize("slashes", ["/", "//"])
def test_slashes_at_the_end_of_the_address_change_nothing(below: str, slashes: str) -> None:
    plays = {"Proposals": having(opened()), "GET /pulls/2": Answer.json(200, pull(number=2))}
    with playing(plays, below=below) as script:
        bot = Bot(f"{script.server.url}{below}{slashes}")
        bot.forge.find([BRANCH], BASE)
        bot.forge.refresh(2, title="web v2", body="what")
        assert script.asked == ["Proposals", "GET /pulls/2"]
