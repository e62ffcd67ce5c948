from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import people
from gitops_bot.proposals.pull_request import Comment, PullRequest
from gitops_bot.proposals.text import body
from tests.proposals.sample import NEWER, change, pull, written

TEXT = written(change()).body
OPEN, CLOSED = pull(body=TEXT), pull("closed", body=TEXT, number=3)
WHY = Reason("nothing_new", "the base branch has it")
REMARK = Comment(5, body.person_comment(NEWER, "Ada", "it carries no plan"))


@pytest.mark.parametrize(
    "now",
    [
        pytest.param((), id="it is gone"),
        pytest.param((OPEN,), id="one that ended is gone"),
        pytest.param((pull(body=TEXT, number=9), OPEN, CLOSED), id="another one"),
        pytest.param((replace(OPEN, state="closed"), CLOSED), id="closed"),
        pytest.param((replace(OPEN, state="merged"), CLOSED), id="merged"),
        pytest.param((replace(OPEN, head=NEWER), CLOSED), id="pushed to"),
        pytest.param((replace(OPEN, labels=("Hold",)), CLOSED), id="held"),
        pytest.param((replace(OPEN, labels=("hand-back",)), CLOSED), id="handed back"),
        pytest.param((replace(OPEN, approved=True), CLOSED), id="approved"),
        pytest.param((replace(OPEN, queued=True), CLOSED), id="queued"),
        pytest.param((replace(OPEN, auto_merge=True), CLOSED), id="set to merge by itself"),
        pytest.param((replace(OPEN, body=body.with_closing_mark(TEXT, WHY)), CLOSED), id="another run closes it"),
        pytest.param((replace(OPEN, comments=(REMARK,)), CLOSED), id="told by another run"),
        pytest.param((OPEN, replace(CLOSED, state="open")), id="reopened"),
        pytest.param((OPEN, replace(CLOSED, body=body.with_closing_mark(TEXT, WHY))), id="no decline after all"),
    ],
)
def test_whatever_may_decide_what_is_done_is_seen(now: tuple[PullRequest, ...]) -> None:
    assert people.have_changed((OPEN, CLOSED), now)


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(replace(OPEN, title="mine", body=f"{TEXT}\nmine"), id="words"),
        pytest.param(replace(OPEN, labels=("release",)), id="a label that says nothing"),
        pytest.param(replace(OPEN, auto_merge=True, checks_failed=True), id="merging by itself, and failing"),
        pytest.param(replace(OPEN, draft=True, created_at=datetime(2026, 1, 2, tzinfo=UTC)), id="a draft"),
    ],
)
def test_what_decides_nothing_costs_no_other_plan(now: PullRequest) -> None:
    assert not people.have_changed((OPEN,), (now,))


def test_another_branch_counts_by_what_is_open_and_may_be_touched() -> None:
    for other in ((), (CLOSED,), (replace(OPEN, approved=True),), (replace(OPEN, labels=("hold",)),), (OPEN, OPEN)):
        assert people.have_changed((OPEN, CLOSED), other, beside=True)
    # The run itself may have pushed there just now.
    assert not people.have_changed((OPEN, CLOSED), (replace(OPEN, head=NEWER, body=""),), beside=True)
    assert not people.have_changed((CLOSED,), (), beside=True)
