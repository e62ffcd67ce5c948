from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import conversation
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection
from tests.counterparts.forge import commit
from tests.demo.sample import opened
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.demo.pulls import PullRequests


@rows("dismisses change state", {
    "where the base does not say so it stays": (False, True, "APPROVED"),
    "a push that changes the diff": (True, True, "DISMISSED"),
    "a push that changes nothing of the diff": (True, False, "APPROVED"),
})  # fmt: skip
def test_a_push_ends_an_approval_only_where_the_base_says_so(
    pulls: PullRequests, dismisses: bool, change: bool, state: str
) -> None:
    pulls.hub.protected["main"] = Protection(dismiss_stale=dismisses)
    pull = opened(pulls)
    conversation.review(pulls, pull, user="alice", event="APPROVE", body="", commit=None)
    conversation.review(pulls, pull, user="bob", event="REQUEST_CHANGES", body="no", commit=None)
    commit(pulls.bare, "fix", {"b.txt": b"b"} if change else {}, onto="fix", message="more\n")
    pulls.sync()
    assert [review.state for review in pull.reviews] == [state, "CHANGES_REQUESTED"]


def test_a_workflow_may_not_approve_where_the_repository_says_so(pulls: PullRequests) -> None:
    pull = opened(pulls)
    pulls.hub.settings.actions_may_propose = False
    with pytest.raises(Invalid) as error:
        conversation.review(pulls, pull, user="github-actions[bot]", event="APPROVE", body="", commit=None)
    assert error.value.errors == ("GitHub Actions is not permitted to approve pull requests.",)
    assert pull.reviews == []
