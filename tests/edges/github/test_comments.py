"""What is said below a pull request, once, and edited in place."""

from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import BASE, BRANCH, NO_GRAPHQL, playing, recorded, said

POST, PATCH, READ = "POST /issues/1/comments", "PATCH /issues/comments/7", "GET /issues/1/comments"
DELETE = "DELETE /issues/comments/9"
TEXT = "<!-- gitops-bot:person -->\nleft alone"


def written(status: int = 201) -> Answer:
    return Answer.json(status, recorded("POST", "/issues/{issue_number}/comments", 201))


def comments(*found: str | tuple[str, int, str]) -> Answer:
    """Comments by their texts, or by text, number and author."""
    (example,) = recorded("GET", "/issues/{issue_number}/comments", 200)
    each = [(one, 1, "octocat") if isinstance(one, str) else one for one in found]
    return Answer.json(
        200,
        [
            {**example, "body": body, "id": number, "user": {**example["user"], "login": login}}
            for body, number, login in each
        ],
    )


def test_of_a_comment_that_is_there_several_times_the_first_one_stays() -> None:
    read = comments((TEXT, 9, "octocat"), (TEXT, 8, "octocat"), ("other", 5, "octocat"), (TEXT, 4, "octodog"))
    with playing({POST: written(), READ: read, DELETE: said(404, "Not Found")}) as script:
        script.bot.forge.comment(1, TEXT)
        assert script.asked == [POST, READ, DELETE]


def test_a_comment_that_was_deleted_meanwhile_is_written_anew() -> None:
    with playing({PATCH: said(404, "Not Found"), POST: written(), READ: comments(TEXT)}) as script:
        script.bot.forge.comment(1, TEXT, edits=7)
        assert (script.asked, script.sent[1]) == ([PATCH, POST, READ], {"body": TEXT})


@pytest.mark.parametrize("edits", [None, 7])
def test_a_comment_that_is_not_allowed_is_an_error(edits: int | None) -> None:
    refusal = said(403, "Resource not accessible by integration")
    with playing({POST: refusal, PATCH: refusal}) as script, pytest.raises(ForgeError, match="may not do that"):
        script.bot.forge.comment(1, TEXT, edits=edits)


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        pytest.param([("hello", f"{TEXT}\r\n".replace("\n", "\r\n"))], [READ], id="said already"),
        pytest.param([("x",) * 100], [*[READ] * 3, POST, *[READ] * 3], id="three pages are read"),
    ],
)
def test_where_comments_were_not_found_before_the_same_is_not_said_twice(
    pages: list[tuple[str, ...]], asked: list[str]
) -> None:
    plays: dict[str, Any] = {
        "Proposals": NO_GRAPHQL,
        "GET /pulls": Answer.json(200, []),
        READ: [comments(*page) for page in pages],
        POST: written(),
    }
    with playing(plays) as script:
        script.bot.forge.find([BRANCH], BASE)
        script.asked.clear()
        script.bot.forge.comment(1, TEXT)
        assert script.asked == asked
