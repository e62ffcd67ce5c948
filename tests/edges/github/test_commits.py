"""Commits between revisions: a few, from this server only, and never an error."""

from __future__ import annotations

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github.commits import source_repository
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import NO_GRAPHQL, ended, listed, playing, recorded, said
from tests.tables import rows

OLD, NEW = "a" * 40, "b" * 40


def compared(*messages: str, total: int | None = None) -> Answer:
    example = recorded("GET", "/compare/{basehead}", 200)
    (commit,) = example["commits"]
    commits = [{**commit, "commit": {**commit["commit"], "message": message}} for message in messages]
    return Answer.json(200, {**example, "commits": commits, "total_commits": len(messages) if total is None else total})


def test_the_subjects_of_the_newest_come_oldest_first_and_only_their_first_line() -> None:
    messages = ("old", *("x" * 300 for _ in range(8)), "feat: one\n\nbody\n", "\nfix: two\r\nmore")
    with playing({f"GET /compare/{OLD}...{NEW}": compared(*messages)}) as script:
        found = script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", OLD, NEW)
        assert len(script.asked) == 1
    assert found == (*["x" * 200] * 8, "feat: one", "fix: two")


def test_of_more_than_a_page_the_last_one_is_read() -> None:
    first, last = compared("old", total=203), compared("newer", "newest", total=203)
    with playing({f"GET /compare/{OLD}...{NEW}": [first, last]}) as script:
        assert script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", OLD, NEW) == ("newer", "newest")
        assert ["page=3" in target for _, target, _ in script.server.seen] == [False, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [(OLD, "main"), (OLD, "b" * 6), (OLD, "b" * 65), (OLD, f"{NEW}\n"), ("../../../user", NEW), ("", "")],
)
def test_only_revisions_are_asked_for(old: str, new: str) -> None:
    with playing({}) as script:
        assert script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", old, new) == ()
        assert script.asked == []


@rows("answer", {
    "not there": said(404, "Not Found"),
    "no ancestor": said(422, "No common ancestor"),
    "moved": said(301, ""),
    "a list": Answer.json(200, []),
    "no commits": Answer.json(200, {"commits": None, "total_commits": True}),
    "commits that are none": (
        Answer.json(200, {"commits": [7, {}, {"commit": None}, {"commit": {"message": " \n"}}], "total_commits": 4})
    ),
})  # fmt: skip
def test_a_refusal_and_an_answer_that_is_none_give_none(answer: Answer) -> None:
    with playing({f"GET /compare/{OLD}...{NEW}": answer}, broken=True) as script:
        assert script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", OLD, NEW) == ()
        assert script.warned == []


@pytest.mark.parametrize("answer", [said(500, "no"), said(429, "slow down", {"Retry-After": "3600"}), Answer(502)])
def test_what_a_later_run_may_be_told_is_an_error_of_the_subjects_and_never_of_their_number(answer: Answer) -> None:
    with playing({f"GET /compare/{OLD}...{NEW}": answer}) as script:
        source = f"{script.server.url}/acme/deploy"
        assert script.bot.forge.commits_ahead(source, OLD, NEW) is None
        with pytest.raises(ForgeError):
            script.bot.forge.commits_between(source, OLD, NEW)
        asked = len(script.asked)
        assert (script.bot.forge.commits_between(source, OLD, NEW), len(script.asked)) == ((), asked)


def test_five_comparisons_are_made_in_a_run_and_each_once() -> None:
    plays = {f"GET /compare/{OLD}...{number:040x}": compared(f"c{number}") for number in range(9)}
    with playing(plays) as script:
        source = f"{script.server.url}/acme/deploy"
        for _ in range(2):
            found = [script.bot.forge.commits_between(source, OLD, f"{number:040x}") for number in range(9)]
        assert len(script.asked) == 5
    assert found == [*((f"c{number}",) for number in range(5)), (), (), (), ()]


@rows("answer count", {
    "many": (Answer.json(200, {"ahead_by": 203, "commits": []}), 203),
    "none": (Answer.json(200, {"ahead_by": 0}), 0),
    "negative": (Answer.json(200, {"ahead_by": -1}), None),
    "a boolean": (Answer.json(200, {"ahead_by": True}), None),
    "a list": (Answer.json(200, []), None),
    "not there": (said(404, "Not Found"), None),
})  # fmt: skip
def test_commits_are_counted_by_one_small_request_for_each_of_twenty_pairs(answer: Answer, count: int | None) -> None:
    pairs = [f"{number:040x}" for number in range(21)]
    with playing({f"GET /compare/{OLD}...{new}": answer for new in pairs}, broken=True) as script:
        source = f"{script.server.url}/acme/deploy"
        assert script.bot.forge.commits_ahead("https://elsewhere.example/acme/deploy", OLD, NEW) is None
        found = [script.bot.forge.commits_ahead(source, OLD, new) for new in [*pairs, *pairs]]
        assert (found, len(script.asked)) == ([*[count] * 20, None] * 2, 20)


@pytest.mark.parametrize(
    ("source", "api_url", "repository"),
    [
        ("https://github.com/acme/web", "https://api.github.com", "acme/web"),
        ("http://www.GitHub.com/acme/web/tree/main/sub?x#y", "https://api.github.com", "acme/web"),
        ("https://corp.ghe.com/acme/web", "https://api.corp.ghe.com", "acme/web"),
        ("https://git.example.com/acme/web", "https://git.example.com/api/v3", "acme/web"),
        ("https://api.example.com/acme/web", "https://api.example.com/api/v3", "acme/web"),
        ("https://git.example.com/acme/web", "https://api.github.com", None),
        ("https://github.com/acme/web", "https://git.example.com/api/v3", None),
        ("http://127.0.0.1:8081/acme/web", "http://127.0.0.1:8080/api/v3", None),
        ("https://github.com.evil.example/acme/web", "https://api.github.com", None),
        ("https://github.com@evil.example/acme/web", "https://api.github.com", None),
        ("https://github.com/acme", "https://api.github.com", None),
        ("https://github.com/a%2Fb/c", "https://api.github.com", None),
        ("ssh://git@github.com/acme/web", "https://api.github.com", None),
        ("https://[", "https://api.github.com", None),
    ],
)
def test_a_source_is_asked_for_where_it_is_on_the_server_of_the_api(
    source: str, api_url: str, repository: str | None
) -> None:
    assert source_repository(source, api_url) == repository


@pytest.mark.parametrize("graphql", [True, False])
def test_who_brought_a_commit_to_the_base_branch_is_told_as_far_as_the_server_knows(graphql: bool) -> None:
    review = {"state": "APPROVED", "author": {"login": "bob"}}
    node = ended(mergeCommit={"oid": NEW}, mergedBy={"login": "ada"}, latestOpinionatedReviews={"nodes": [review]})
    other = {**ended(number=2, mergeCommit=None, mergedBy=None), "latestOpinionatedReviews": {"nodes": []}}
    page = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": [node, other]}
    by_rest = [listed(state="closed", merged_at="2026-01-02T03:04:05Z", merge_commit_sha=NEW), listed(number=2)]
    plays = {
        "Merged": Answer.json(200, {"data": {"repository": {"pullRequests": page}}}) if graphql else NO_GRAPHQL,
        "GET /pulls": Answer.json(200, by_rest),
    }
    with playing(plays) as script:
        found = script.bot.forge.merges("main", [NEW, OLD])
    assert [
        (commit, merge.pull_request.number, merge.merged_by, merge.approved_by) for commit, merge in found.items()
    ] == [(NEW, 1, "ada" if graphql else None, ("bob",) if graphql else ())]
