from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitops_bot.config import Propose
from gitops_bot.engine import budget
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.proposals.pull_request import RateLimit
from gitops_bot.proposals.reconcile import Action, Close, Leave, Nothing, Open, Refresh, Remark
from gitops_bot.proposals.text import body
from tests.proposals.sample import change, pull, written

WHY = Reason("chosen", "new")
#: A text that is there is read again right before it is written.
AGAIN = 2
PLAIN, LABELS = Propose(), Propose(labels=("release", "prod"))
FULL = Propose(labels=("release",), reviewers=("alice", "bob", "team:platform"), assignees=("bob",), auto_merge=True)
TEXT = written(change()).body
DONE, UNFINISHED = pull(body=TEXT), pull(body=body.unfinished(TEXT))


@pytest.mark.parametrize(
    ("action", "propose", "expected"),
    [
        pytest.param(Open(WHY), PLAIN, 1, id="open"),
        pytest.param(Open(WHY, push=False), PLAIN, 1, id="open, the branch is there"),
        pytest.param(Open(WHY), LABELS, 1 + 1 + AGAIN, id="open, labels, the text again"),
        pytest.param(Open(WHY), Propose(reviewers=("alice",)), 1 + 2 + AGAIN, id="open, reviewers, the text again"),
        pytest.param(Open(WHY), Propose(reviewers=("team:platform",)), 1 + 2 + AGAIN, id="open, teams, the text again"),
        pytest.param(Open(WHY), Propose(assignees=("bob",)), 1 + 1 + AGAIN, id="open, assignees, the text again"),
        pytest.param(
            Open(WHY), Propose(auto_merge="without-checks"), 1 + 3 + AGAIN, id="open, auto-merge, the text again"
        ),
        pytest.param(Open(WHY), FULL, 1 + 4 + 1 + 3 + AGAIN, id="open with everything"),
        pytest.param(Open(WHY), Propose(draft=True), 1 + 1, id="open a draft, or none where there are none"),
        pytest.param(Refresh(DONE, WHY), PLAIN, AGAIN, id="refresh"),
        pytest.param(Refresh(DONE, WHY), Propose(draft=True), AGAIN, id="refresh a draft"),
        pytest.param(Refresh(DONE, WHY), LABELS, AGAIN, id="refresh: labels were added once"),
        pytest.param(Refresh(DONE, WHY), FULL, AGAIN + 3, id="refresh with auto-merge"),
        pytest.param(Refresh(UNFINISHED, WHY, push=False), LABELS, AGAIN + 1, id="finish what died"),
        pytest.param(Refresh(UNFINISHED, WHY, push=False), FULL, AGAIN + 4 + 1 + 3, id="finish what died, everything"),
        pytest.param(Refresh(DONE, WHY, takes_back=True), PLAIN, AGAIN + 1 + AGAIN, id="take a branch back"),
        pytest.param(Close(DONE, WHY), FULL, AGAIN + 2, id="close"),
        pytest.param(Leave(None, WHY), FULL, 0, id="leave"),
        pytest.param(Leave(DONE, WHY, Remark("said")), FULL, 1, id="leave, and say so"),
        pytest.param(Leave(DONE, WHY, Remark("said", edits=5)), FULL, 2, id="leave, and edit what was said"),
        pytest.param(Nothing(DONE, WHY), FULL, 0, id="nothing"),
    ],
)
def test_what_an_action_takes_at_most(action: Action, propose: Propose, expected: int) -> None:
    assert budget.needed(action, propose) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(Open(WHY), 1 + 5, id="open"),
        pytest.param(Refresh(DONE, WHY), AGAIN + 5, id="refresh"),
        pytest.param(Close(DONE, WHY), AGAIN + 2, id="a closing has no text of its own"),
        pytest.param(Nothing(DONE, WHY), 0, id="nothing is looked up for nothing"),
        pytest.param(Leave(DONE, WHY, Remark("said")), 1, id="nor for a comment"),
    ],
)
def test_what_is_looked_up_for_a_text_counts(action: Action, expected: int) -> None:
    assert budget.needed(action, PLAIN, compared=5) == expected


LEFT = RateLimit(12, datetime(2026, 11, 23, 14, 5, 59, tzinfo=UTC))


@pytest.mark.parametrize("needed", [0, 1, 12])
def test_what_is_enough_is_no_problem(needed: int) -> None:
    assert budget.short(needed, LEFT) is None


def test_too_little_stops_before_anything_is_written_and_says_when_to_run_again() -> None:
    assert budget.short(13, LEFT) == Problem(
        "failed.forge",
        "this run needs up to 13 requests, but the rate limit has 12 left until 14:05 UTC: no pull request was touched",
        "run it again after 14:05 UTC, or for fewer environments",
    )


@pytest.mark.parametrize("remaining", [0, -3])
def test_nothing_left_is_said_in_words(remaining: int) -> None:
    problem = budget.short(1, replace(LEFT, remaining=remaining))
    assert problem is not None
    assert "the rate limit has none left until 14:05 UTC" in problem.message
