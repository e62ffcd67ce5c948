"""When people spoke and when a branch was pushed last, as GitHub's own clock has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.proposals.pull_request import HandBackTimes
from tests.edges.github.scripted import playing, unreadable
from tests.tables import rows

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
    told = {"id": 1, "node_id": "PSH_1", "before": ZERO, "after": HEAD, "ref": f"refs/heads/{BRANCH}", "actor": None}
    return Answer.json(200, [told | {"timestamp": moment, "activity_type": "push"} for moment in moments])


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


NOTHING = Answer.json(404, {"message": "Not Found"})


@rows("told activity expected", {
    "no pushes kept": (words(("hand-back", "2026-01-02T01:00:00Z")), NOTHING, HandBackTimes(at(1))),
    "nothing said or pushed": (words(), pushed(), HandBackTimes()),
    "no GraphQL": (NOTHING, NOTHING, HandBackTimes()),
})  # fmt: skip
def test_what_nobody_said_or_a_server_does_not_keep_has_no_time(
    told: Answer, activity: Answer, expected: HandBackTimes
) -> None:
    with playing({"HandBackTimes": told, ACTIVITY: activity}) as script:
        assert ask(script) == expected


@pytest.mark.parametrize("listed", [{}, [{}], [{"after": HEAD, "timestamp": None}]])
def test_what_github_would_not_say_is_an_error(listed: object) -> None:
    plays = {"HandBackTimes": words(), ACTIVITY: Answer.json(200, listed)}
    with unreadable(plays) as script:
        ask(script)
