"""What people decided and wrote stays: declined pins, words around the bot's own, labels, a push at the last moment."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.conftest import API, CONFIG, WEB
from tests.commands.scene import proposal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"
CLOSED = "<!-- gitops-bot:closed -->"
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def held(document: Any) -> list[tuple[str, str]]:
    """The file and the code of every held entry."""
    return [(item["entry"]["file"], item["reason"]["code"]) for item in document["environments"][0]["held"]]


# The text around the bot's own.


def test_what_people_write_before_and_after_the_table_survives_a_refresh(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    text = f"Reviewed with @bob.\n\n{shop.pull()['body']}\n\n- [x] announced\n- [ ] migrated"
    shop.call("PATCH", "/pulls/1", {"body": text.replace("\n", "\r\n")})
    digest = shop.push("web", "1.2.0")

    with shop.watching() as seen:
        assert shop.bot("update").code == 0
    assert seen.writes == ["PATCH /pulls/1 200"]
    body = shop.pull()["body"].replace("\r\n", "\n")
    assert body.startswith("Reviewed with @bob.\n\n<!-- gitops-bot:begin -->\n")
    assert body.endswith("<!-- gitops-bot:end -->\n\n- [x] announced\n- [ ] migrated")
    assert body.count("<!-- gitops-bot:begin -->") == 1
    assert digest in body
    assert "1.1.0" not in body
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


def test_a_closing_mark_in_an_open_pull_request_is_taken_away_so_that_a_persons_closing_counts(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    body = shop.pull()["body"]
    shop.call("PATCH", "/pulls/1", {"body": f"{CLOSED}\n{body}\n\n{CLOSED}"})
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.writes == ["PATCH /pulls/1 200"]
    assert CLOSED not in shop.pull()["body"]
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing

    shop.call("PATCH", "/pulls/1", {"state": "closed"})
    assert held(shop.ask("update").json) == [(WEB, "held.declined")]


# Labels are added once.


def test_labels_that_were_refused_are_added_once_the_token_may(shop: Deploy) -> None:
    asked: list[str] = []

    def unlabelled(request: Request, go: Callable[[], Answer]) -> Answer:
        if not request.path.endswith("/labels"):
            return go()
        asked.append(request.method)
        return Answer.json(403, {"message": "Resource not accessible by personal access token"})

    shop.push("web", "1.1.0")
    shop.gate(unlabelled)
    for _ in range(2):
        done = shop.ask("update")
        assert done.code == 0
        assert "continues without the labels release, bot" in done.err
    assert asked == ["POST", "POST"]
    assert shop.pull()["title"] == "chore(production): web 1.1.0"
    shop.gate(None)
    assert "#1 has the commit, but still lacks labels" in shop.bot("plan").out
    shop.bot("update")
    assert [label["name"] for label in shop.pull()["labels"]] == ["release", "bot"]
    shop.call("DELETE", "/issues/1/labels/bot")  # as a person
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


# At the last moment.


def test_a_push_while_the_bot_closes_keeps_the_pull_request_open_and_the_mark_is_taken_back(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit("main", {WEB: shop.files(BRANCH)[WEB]}, message="by hand")
    before = shop.pull()["body"]
    marked: list[str] = []
    theirs: list[str] = []

    def pushed_to(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        if request.method == "PATCH" and not theirs:
            # The mark is written, the branch not deleted yet: now somebody takes it over.
            marked.append(json.loads(request.body)["body"])
            theirs.append(shop.remote.commit(BRANCH, {"apps/web/production/patch.yaml": b"x: 1\n"}))
        return answer

    shop.gate(pushed_to)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert CLOSED in marked[0]
    assert seen.after[BRANCH] == theirs[0]
    assert (shop.pull()["number"], shop.pull()["body"]) == (1, before)
    said, marks, deletion, person = seen.writes[0], seen.writes[1:3], seen.writes[3], seen.writes[4:]
    assert (said, marks, person) == ("POST /issues/1/comments 201", ["PATCH /pulls/1 200"] * 2, [said])
    assert re.fullmatch("DELETE /issues/comments/[0-9]+ 204", deletion)
    (comment,) = shop.call("GET", "/issues/1/comments")
    assert comment["body"].startswith("<!-- gitops-bot:person ")
    found = proposal(done.json)
    assert (done.code, found["action"], found["reason"]["code"]) == (0, "leave", "person")
    # Closed by a person now, it is that person's word.
    shop.gate(None)
    assert shop.call("PATCH", "/pulls/1", {"state": "closed"})["body"] == before


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_whoever_writes_the_text_last_writes_what_the_branch_has(shop: Deploy, method: str) -> None:
    if method == "PATCH":
        shop.bot("set", "production", f"{shop.image('web')}=1.1.0@{A}")
    else:  # where nothing is left to write after the opening
        plain = CONFIG.replace(b", labels: [release, bot]", b"")
        shop.remote.commit("main", {"gitops-bot.yaml": plain})
    others: list[int] = []

    def overtaken(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.method == method:
            # Pushed, and about to write its text: another run pushes and writes its own in between.
            shop.gate(None)
            others.append(shop.bot("set", "production", f"{shop.image('api')}=1.1.0@{B}").code)
        return go()

    shop.gate(overtaken)
    done = shop.ask("set", "production", f"{shop.image('web')}=1.2.0@{C}")
    assert (others, done.code) == ([0], 0)
    files = shop.files(BRANCH)
    assert C.encode() in files[WEB]
    assert B.encode() in files[API]
    (pull,) = shop.pulls("all")
    assert (pull["number"], pull["title"]) == (1, "chore(production): update api and web")
    assert B in pull["body"]
    assert C in pull["body"]
    with shop.watching() as seen:
        shop.bot("set", "production", f"{shop.image('web')}=1.2.0@{C}")
    assert seen.nothing
