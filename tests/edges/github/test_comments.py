"""What is said below a pull request, once, and edited in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from gitops_bot.demo.http import Answer, Server
from gitops_bot.errors import ForgeError
from tests.counterparts.forge import BOT_TOKEN, serving
from tests.edges.github.scripted import BASE, BRANCH, NO_GRAPHQL, Bot, playing, recorded, said

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.http import Request

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


def test_a_comment_is_one_request_and_one_that_looks_whether_it_is_the_only_one() -> None:
    with playing({POST: written(), READ: comments(TEXT)}) as script:
        script.bot.forge.comment(1, TEXT)
        assert (script.asked, script.sent[0]) == ([POST, READ], {"body": TEXT})


def test_of_a_comment_that_is_there_several_times_the_first_one_stays() -> None:
    read = comments((TEXT, 9, "octocat"), (TEXT, 8, "octocat"), ("other", 5, "octocat"), (TEXT, 4, "octodog"))
    with playing({POST: written(), READ: read, DELETE: said(404, "Not Found")}) as script:
        script.bot.forge.comment(1, TEXT)
        assert script.asked == [POST, READ, DELETE]


def test_a_comment_whose_answer_is_lost_is_there_once(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        site.proposed()
        lost = iter([True])

        def losing(request: Request) -> Answer:
            target = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
            reply = site.ask(request.method, target, request.body or None, token=BOT_TOKEN)
            posted = request.method == "POST" and next(lost, False)
            return Answer(502) if posted else Answer(reply.status, reply.body)

        with Server(losing) as server:
            Bot(f"{server.url}/api/v3", BOT_TOKEN).forge.comment(1, TEXT)
        assert [comment["body"] for comment in site.call("GET", "/issues/1/comments").json] == [TEXT]


def test_a_comment_is_edited_in_place() -> None:
    with playing({PATCH: written(200)}) as script:
        script.bot.forge.comment(1, TEXT, edits=7)
        assert (script.asked, script.sent) == ([PATCH], [{"body": TEXT}])


def test_a_comment_that_was_deleted_meanwhile_is_written_anew() -> None:
    with playing({PATCH: said(404, "Not Found"), POST: written(), READ: comments(TEXT)}) as script:
        script.bot.forge.comment(1, TEXT, edits=7)
        assert (script.asked, script.sent[1]) == ([PATCH, POST, READ], {"body": TEXT})


@pytest.mark.parametrize("edits", [None, 7])
def test_a_comment_that_is_not_allowed_is_an_error(edits: int | None) -> None:
    refusal = said(403, "Resource not accessible by integration")
    with (
        playing({POST: refusal, PATCH: refusal}) as script,
        pytest.raises(ForgeError, match="may not do that"),
    ):
        script.bot.forge.comment(1, TEXT, edits=edits)


def test_a_comment_that_is_too_long_is_cut() -> None:
    with playing({POST: written(), READ: comments()}) as script:
        script.bot.forge.comment(1, "x" * 70_000)
        assert script.sent[0] == {"body": "x" * 65_536}


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        pytest.param([()], [READ, POST, READ], id="nothing is there"),
        pytest.param([("hello", f"{TEXT}\r\n".replace("\n", "\r\n"))], [READ], id="said already"),
        pytest.param([(f"{TEXT} no more",)], [READ, POST, READ], id="something else was said"),
        pytest.param([("x",) * 100, (TEXT,)], [READ, READ], id="on the second page"),
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


def test_comments_that_are_no_list_are_an_error() -> None:
    plays = {"Proposals": NO_GRAPHQL, "GET /pulls": Answer.json(200, []), READ: Answer.json(200, {})}
    with playing(plays, broken=True) as script:
        script.bot.forge.find([BRANCH], BASE)
        with pytest.raises(ForgeError, match="did not answer the way GitHub does"):
            script.bot.forge.comment(1, TEXT)
