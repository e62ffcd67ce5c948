"""Commits between revisions: a few, from this server only, and never an error."""

from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.edges.github.address import source_repository
from tests.edges.github.scripted import playing, recorded, said

OLD, NEW = "a" * 40, "b" * 40


def compared(*messages: str, total: int | None = None) -> Answer:
    example = recorded("GET", "/compare/{basehead}", 200)
    (commit,) = example["commits"]
    commits = [{**commit, "commit": {**commit["commit"], "message": message}} for message in messages]
    return Answer.json(200, {**example, "commits": commits, "total_commits": len(messages) if total is None else total})


def asked_for(answer: Any, source: str = "/acme/deploy", old: str = OLD, new: str = NEW) -> tuple[Any, list[str]]:
    """What comes of it, and which requests it took; `source` is on the server that is asked."""
    with playing({f"GET /compare/{old}...{new}": answer}, broken=not isinstance(answer, Answer)) as script:
        address = source if "://" in source else f"{script.server.url}{source}"
        return script.bot.forge.commits_between(address, old, new), script.asked


def test_the_subjects_come_oldest_first_and_only_their_first_line() -> None:
    found, asked = asked_for(compared("feat: one\n\nbody\n", "\nfix: two\r\nmore", "x" * 300))
    assert found == ("feat: one", "fix: two", "x" * 200)
    assert len(asked) == 1


def test_of_many_commits_the_newest_ten_are_shown() -> None:
    found, asked = asked_for(compared(*(f"c{number}" for number in range(60))))
    assert found == tuple(f"c{number}" for number in range(50, 60))
    assert len(asked) == 1


def test_of_more_than_a_page_the_last_one_is_read() -> None:
    first, last = compared("old", total=203), compared("newer", "newest", total=203)
    with playing({f"GET /compare/{OLD}...{NEW}": [first, last]}) as script:
        assert script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", OLD, NEW) == ("newer", "newest")
        assert ["page=3" in target for _, target, _ in script.server.seen] == [False, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, "main"),
        ("v1.0.0", NEW),
        (OLD, "b" * 6),
        (OLD, "b" * 65),
        (OLD, "B" * 40),
        (OLD, f"{NEW}\n"),
        (OLD, "../../../user"),
        ("", ""),
    ],
)
def test_only_revisions_are_asked_for(old: str, new: str) -> None:
    with playing({}) as script:
        assert script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", old, new) == ()
        assert script.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        said(404, "Not Found"),
        said(403, "Resource not accessible by integration"),
        said(422, "No common ancestor"),
        said(429, "slow down", {"Retry-After": "3600"}),
        Answer.json(200, []),
        Answer.json(200, {"commits": None, "total_commits": True}),
        Answer.json(200, {"commits": [7, {}, {"commit": None}, {"commit": {"message": " \n"}}], "total_commits": 4}),
    ],
    ids=["not there", "not allowed", "no ancestor", "a limit", "a list", "no commits", "commits that are none"],
)
def test_a_refusal_and_an_answer_that_is_none_give_none(answer: Answer) -> None:
    with playing({f"GET /compare/{OLD}...{NEW}": answer}, broken=True) as script:
        assert script.bot.forge.commits_between(f"{script.server.url}/acme/deploy", OLD, NEW) == ()
        assert script.warned == []


def test_five_comparisons_are_made_in_a_run_and_each_once() -> None:
    plays = {f"GET /compare/{OLD}...{number:040x}": compared(f"c{number}") for number in range(9)}
    with playing(plays) as script:
        source = f"{script.server.url}/acme/deploy"
        for _ in range(2):
            found = [script.bot.forge.commits_between(source, OLD, f"{number:040x}") for number in range(9)]
        assert len(script.asked) == 5
    assert found == [*((f"c{number}",) for number in range(5)), (), (), (), ()]


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (Answer.json(200, {"ahead_by": 203, "commits": []}), 203),
        (Answer.json(200, {"ahead_by": 0}), 0),
        (Answer.json(200, {"ahead_by": -1}), None),
        (Answer.json(200, {"ahead_by": True}), None),
        (Answer.json(200, {"ahead_by": "3"}), None),
        (Answer.json(200, []), None),
        (said(404, "Not Found"), None),
        (said(422, "No common ancestor"), None),
    ],
    ids=["many", "none", "negative", "a boolean", "a text", "a list", "not there", "no ancestor"],
)
def test_commits_are_counted_by_one_small_request_for_each_pair(answer: Answer, count: int | None) -> None:
    with playing({f"GET /compare/{OLD}...{NEW}": answer}, broken=True) as script:
        source = f"{script.server.url}/acme/deploy"
        assert [script.bot.forge.commits_ahead(source, OLD, NEW) for _ in range(2)] == [count] * 2
        assert len(script.asked) == 1
        assert script.bot.forge.commits_ahead("https://elsewhere.example/acme/deploy", OLD, NEW) is None
        assert script.bot.forge.commits_ahead(source, "main", NEW) is None
        assert len(script.asked) == 1


def test_twenty_pairs_are_counted_in_a_run() -> None:
    plays = {f"GET /compare/{OLD}...{number:040x}": Answer.json(200, {"ahead_by": 1}) for number in range(23)}
    with playing(plays, broken=True) as script:
        source = f"{script.server.url}/acme/deploy"
        found = [script.bot.forge.commits_ahead(source, OLD, f"{number:040x}") for number in range(23)]
        assert (found, len(script.asked)) == ([1] * 20 + [None] * 3, 20)


@pytest.mark.parametrize(
    ("source", "api_url", "repository"),
    [
        ("https://github.com/acme/web", "https://api.github.com", "acme/web"),
        ("https://github.com/acme/web.git", "https://api.github.com", "acme/web"),
        ("http://www.GitHub.com/acme/web/tree/main/sub?x#y", "https://api.github.com", "acme/web"),
        ("https://corp.ghe.com/acme/web", "https://api.corp.ghe.com", "acme/web"),
        ("https://git.example.com/acme/web", "https://git.example.com/api/v3", "acme/web"),
        ("https://api.example.com/acme/web", "https://api.example.com/api/v3", "acme/web"),
        ("http://127.0.0.1:8080/acme/web", "http://127.0.0.1:8080/api/v3", "acme/web"),
        ("https://git.example.com/acme/web", "https://api.github.com", None),
        ("https://github.com/acme/web", "https://git.example.com/api/v3", None),
        ("http://127.0.0.1:8081/acme/web", "http://127.0.0.1:8080/api/v3", None),
        ("https://github.com.evil.example/acme/web", "https://api.github.com", None),
        ("https://github.com@evil.example/acme/web", "https://api.github.com", None),
        ("https://x@github.com/acme/web", "https://api.github.com", None),
        ("https://github.com/acme", "https://api.github.com", None),
        ("https://github.com/acme/..", "https://api.github.com", None),
        ("https://github.com/a%2Fb/c", "https://api.github.com", None),
        ("ssh://git@github.com/acme/web", "https://api.github.com", None),
        ("file:///acme/web", "https://api.github.com", None),
        ("https://[", "https://api.github.com", None),
        ("", "https://api.github.com", None),
    ],
)
def test_a_source_is_asked_for_where_it_is_on_the_server_of_the_api(
    source: str, api_url: str, repository: str | None
) -> None:
    assert source_repository(source, api_url) == repository
