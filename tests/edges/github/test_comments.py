"""What is said below a pull request, once, and edited in place."""

from __future__ import annotations

from typing import Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import BASE, BRANCH, NO_GRAPHQL, playing, recorded, said

POST, PATCH, READ = "POST /issues/1/comments", "PATCH /issues/comments/7", "GET /issues/1/comments"
TEXT = "<!-- gitops-bot:person -->\nleft alone"


def written(status: int = 201) -> Answer:
    return Answer.json(status, recorded("POST", "/issues/{issue_number}/comments", 201))


def test_a_comment_is_one_request() -> None:
    with playing({POST: written()}) as script:
        script.bot.forge.comment(1, TEXT)
        assert (script.asked, script.sent) == ([POST], [{"body": TEXT}])


def test_a_comment_is_edited_in_place() -> None:
    with playing({PATCH: written(200)}) as script:
        script.bot.forge.comment(1, TEXT, edits=7)
        assert (script.asked, script.sent) == ([PATCH], [{"body": TEXT}])


def test_a_comment_that_was_deleted_meanwhile_is_written_anew() -> None:
    with playing({PATCH: said(404, "Not Found"), POST: written()}) as script:
        script.bot.forge.comment(1, TEXT, edits=7)
        assert (script.asked, script.sent[-1]) == ([PATCH, POST], {"body": TEXT})


@pytest.mark.parametrize("edits", [None, 7])
def test_a_comment_that_is_not_allowed_is_an_error(edits: int | None) -> None:
    refusal = said(403, "Resource not accessible by integration")
    with (
        playing({POST: refusal, PATCH: refusal}) as script,
        pytest.raises(ForgeError, match="may not do that"),
    ):
        script.bot.forge.comment(1, TEXT, edits=edits)


def test_a_comment_that_is_too_long_is_cut() -> None:
    with playing({POST: written()}) as script:
        script.bot.forge.comment(1, "x" * 70_000)
        assert script.sent == [{"body": "x" * 65_536}]


def comments(*bodies: str) -> Answer:
    (example,) = recorded("GET", "/issues/{issue_number}/comments", 200)
    return Answer.json(200, [{**example, "body": body} for body in bodies])


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        pytest.param([()], [READ, POST], id="nothing is there"),
        pytest.param([("hello", f"{TEXT}\r\n".replace("\n", "\r\n"))], [READ], id="said already"),
        pytest.param([(f"{TEXT} no more",)], [READ, POST], id="something else was said"),
        pytest.param([("x",) * 100, (TEXT,)], [READ, READ], id="on the second page"),
        pytest.param([("x",) * 100], [READ, READ, READ, POST], id="three pages are read"),
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


def test_comments_that_are_no_list_are_an_error() -> None:
    plays = {"Proposals": NO_GRAPHQL, "GET /pulls": Answer.json(200, []), READ: Answer.json(200, {})}
    with playing(plays, broken=True) as script:
        script.bot.forge.find([BRANCH], BASE)
        with pytest.raises(ForgeError, match="did not answer the way GitHub does"):
            script.bot.forge.comment(1, TEXT)
