from __future__ import annotations

from dataclasses import replace

from gitops_bot.images.reason import Reason
from gitops_bot.proposals import people
from gitops_bot.proposals.pull_request import Comment, PullRequest
from gitops_bot.proposals.text import body
from tests.proposals.sample import NEWER, change, pull, written
from tests.tables import rows

TEXT = written(change()).body
OPEN, CLOSED = pull(body=TEXT), pull("closed", body=TEXT, number=3)
WHY = Reason("nothing_new", "the base branch has it")
REMARK = Comment(5, body.person_comment(NEWER, "Ada", "it carries no plan"))


@rows("now", {
    "it is gone": (),
    "another one": (pull(body=TEXT, number=9), OPEN, CLOSED),
    "pushed to": (replace(OPEN, head=NEWER), CLOSED),
    "held": (replace(OPEN, labels=("Hold",)), CLOSED),
    "handed back": (replace(OPEN, labels=("hand-back",)), CLOSED),
    "approved": (replace(OPEN, approved=True), CLOSED),
    "another run closes it": (replace(OPEN, body=body.with_closing_mark(TEXT, WHY)), CLOSED),
    "told by another run": (replace(OPEN, comments=(REMARK,)), CLOSED),
    "reopened": (OPEN, replace(CLOSED, state="open")),
    "no decline after all": (OPEN, replace(CLOSED, body=body.with_closing_mark(TEXT, WHY))),
})  # fmt: skip
def test_whatever_may_decide_what_is_done_is_seen(now: tuple[PullRequest, ...]) -> None:
    assert people.have_changed((OPEN, CLOSED), now)


def test_auto_merge_that_is_a_persons_now_is_not_taken_back() -> None:
    by_bot = replace(OPEN, auto_merge=True, merges_by_bot=True)
    assert people.have_changed((by_bot,), (replace(by_bot, merges_by_bot=False),))
    assert not people.have_changed((by_bot,), (replace(by_bot, title="mine"),))


@rows("now", {
    "words": replace(OPEN, title="mine", body=f"{TEXT}\nmine"),
    "a label that says nothing": replace(OPEN, labels=("release",)),
    "merging by itself, and failing": replace(OPEN, auto_merge=True, checks_failed=True),
})  # fmt: skip
def test_what_decides_nothing_costs_no_other_plan(now: PullRequest) -> None:
    assert not people.have_changed((OPEN,), (now,))


def test_another_branch_counts_by_what_is_open_and_may_be_touched() -> None:
    for other in ((), (CLOSED,), (replace(OPEN, approved=True),), (replace(OPEN, labels=("hold",)),), (OPEN, OPEN)):
        assert people.have_changed((OPEN, CLOSED), other, beside=True)
    # The run itself may have pushed there just now.
    assert not people.have_changed((OPEN, CLOSED), (replace(OPEN, head=NEWER, body=""),), beside=True)
    assert not people.have_changed((CLOSED,), (), beside=True)
