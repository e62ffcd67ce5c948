"""When people spoke and when a branch was pushed last, as GitHub's own clock has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from gitops_bot.proposals.pull_request import HandBackTimes
from tests.edges.github.scripted import playing

if TYPE_CHECKING:
    from tests.edges.github.scripted import Script

BRANCH = "gitops-bot/production/all"
HEAD, ZERO = "a" * 40, "0" * 40
ACTIVITY = "GET /activity"


def words(*labelled: tuple[str, str]) -> Answer:
    nodes = [{"createdAt": at, "label": {"name": name}} for name, at in labelled]
    found = {"timelineItems": {"nodes": nodes}}
    return Answer.json(200, {"data": {"repository": {"pullRequest": found}}})


def pushed(*moments: str) -> Answer:
    shown: list[dict[str, Any]] = [
        {
            "id": number,
            "node_id": "PSH_1",
            "before": ZERO,
            "after": HEAD,
            "ref": f"refs/heads/{BRANCH}",
            "timestamp": moment,
            "activity_type": "push",
            "actor": None,
        }
        for number, moment in enumerate(moments)
    ]
    return Answer.json(200, shown)


def ask(script: Script) -> HandBackTimes:
    return script.bot.forge.hand_back_times(1, BRANCH, "hand-back")


def at(hour: int) -> datetime:
    return datetime(2026, 1, 2, hour, tzinfo=UTC)


def test_two_requests_tell_the_last_word_and_the_last_push() -> None:
    said = words(
        ("hand-back", "2026-01-02T01:00:00Z"),
        ("Hand-Back", "2026-01-02T03:00:00Z"),
        ("hold", "2026-01-02T09:00:00Z"),
    )
    with playing({"HandBackTimes": said, ACTIVITY: pushed("2026-01-02T02:00:00Z")}) as script:
        assert ask(script) == HandBackTimes(at(3), (HEAD, at(2)))
        assert script.asked == ["HandBackTimes", ACTIVITY]
        (_, target, _) = script.server.seen[-1]
    assert "ref=refs%2Fheads%2Fgitops-bot%2Fproduction%2Fall" in target
    assert "per_page=1" in target


def test_what_was_never_said_or_pushed_has_no_time() -> None:
    with playing({"HandBackTimes": words(), ACTIVITY: pushed()}) as script:
        assert ask(script) == HandBackTimes()


@pytest.mark.parametrize("status", [403, 404, 410, 501])
def test_a_server_that_keeps_no_pushes_tells_the_words(status: int) -> None:
    refusal = Answer.json(status, {"message": "Not Found"})
    with playing({"HandBackTimes": words(("hand-back", "2026-01-02T01:00:00Z")), ACTIVITY: refusal}) as script:
        assert ask(script) == HandBackTimes(at(1), None)


def test_a_server_without_graphql_tells_nothing() -> None:
    with playing({"HandBackTimes": Answer.json(404, {"message": "Not Found"})}) as script:
        assert ask(script) == HandBackTimes()


@pytest.mark.parametrize(
    "listed", [{}, [{}], [1], [{"after": HEAD, "timestamp": "soon"}], [{"after": HEAD, "timestamp": None}]]
)
def test_what_github_would_not_say_is_an_error(listed: object) -> None:
    plays = {"HandBackTimes": words(), ACTIVITY: Answer.json(200, listed)}
    with playing(plays, broken=True) as script, pytest.raises(ForgeError, match="did not answer the way GitHub does"):
        ask(script)
