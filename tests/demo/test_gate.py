from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import checks, conversation, gate
from gitops_bot.demo.hub import Check
from gitops_bot.demo.rules import Protection
from tests.counterparts.forge import commit
from tests.demo.sample import opened

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests

Step = Callable[["PullRequests", "Pull"], object]


def said(context: str, state: str) -> Step:
    """A status of the head commit."""
    return lambda pulls, pull: checks.report(pulls.hub, pull.head_sha, Check(context, state))


def review(user: str, event: str) -> Step:
    return lambda pulls, pull: conversation.review(pulls, pull, user=user, event=event, body="so", commit=None)


def base_moved(content: bytes) -> Step:
    def step(pulls: PullRequests, pull: Pull) -> None:
        commit(pulls.bare, "main", {"a.txt" if content else "new.txt": content}, onto="main")
        pulls.sync()

    return step


def draft(_pulls: PullRequests, pull: Pull) -> None:
    pull.draft = True


def closed(pulls: PullRequests, pull: Pull) -> None:
    pulls.close(pull)


ONE = "At least 1 approving review is required by reviewers with write access."

ROWS: dict[str, tuple[Protection | None, list[Step], str, str]] = {
    "nothing is asked for": (None, [], "CLEAN", ""),
    "a protection that asks for nothing": (Protection(), [], "CLEAN", ""),
    "a check that nobody needs is pending": (None, [said("ci", "pending")], "UNSTABLE", ""),
    "a check that nobody needs has failed": (Protection(), [said("ci", "failure")], "UNSTABLE", ""),
    "a check that nobody needs has passed": (None, [said("ci", "success")], "CLEAN", ""),
    "a required check is missing": (Protection(["ci"]), [], "BLOCKED", 'Required status check "ci" is expected.'),
    "a required check runs": (
        Protection(["ci"]),
        [said("ci", "pending")],
        "BLOCKED",
        'Required status check "ci" is pending.',
    ),
    "a required check has failed": (
        Protection(["ci"]),
        [said("ci", "failure")],
        "BLOCKED",
        'Required status check "ci" is failing.',
    ),
    "a required check has passed": (Protection(["ci"]), [said("ci", "success")], "CLEAN", ""),
    "a required check has passed and another has not": (
        Protection(["ci"]),
        [said("ci", "success"), said("lint", "failure")],
        "UNSTABLE",
        "",
    ),
    "two required checks are missing": (
        Protection(["ci", "lint"]),
        [],
        "BLOCKED",
        "2 of 2 required status checks are expected.",
    ),
    "two of three have not succeeded": (
        Protection(["ci", "lint", "unit"]),
        [said("ci", "success"), said("lint", "failure")],
        "BLOCKED",
        "2 of 3 required status checks have not succeeded: 1 expected and 1 failing.",
    ),
    "a review is missing": (Protection(approvals=1), [], "BLOCKED", ONE),
    "two reviews are missing": (
        Protection(approvals=2),
        [review("alice", "APPROVE")],
        "BLOCKED",
        "At least 2 approving reviews are required by reviewers with write access.",
    ),
    "two reviews approve": (
        Protection(approvals=2),
        [review("alice", "APPROVE"), review("bob", "APPROVE")],
        "CLEAN",
        "",
    ),
    "one person approves twice": (
        Protection(approvals=2),
        [review("alice", "APPROVE"), review("alice", "APPROVE")],
        "BLOCKED",
        "At least 2 approving reviews are required by reviewers with write access.",
    ),
    "a comment after the approval changes nothing": (
        Protection(approvals=1),
        [review("alice", "APPROVE"), review("alice", "COMMENT")],
        "CLEAN",
        "",
    ),
    "somebody asks for changes": (
        Protection(approvals=1),
        [review("alice", "APPROVE"), review("bob", "REQUEST_CHANGES")],
        "BLOCKED",
        "1 review requesting changes by reviewers with write access.",
    ),
    "somebody asks for changes where no review is required": (None, [review("bob", "REQUEST_CHANGES")], "CLEAN", ""),
    "review and check are missing": (
        Protection(["ci"], approvals=1),
        [],
        "BLOCKED",
        f'{ONE} Required status check "ci" is expected.',
    ),
    "a ruleset says it in its own form": (
        Protection(approvals=1, by_ruleset=True),
        [],
        "BLOCKED",
        f"Repository rule violations found\n\n{ONE}\n\n",
    ),
    "behind a base that asks for all of it": (
        Protection(strict=True),
        [base_moved(b"")],
        "BEHIND",
        "Head branch is out of date. Review and try the merge again.",
    ),
    "behind a base that does not mind": (Protection(), [base_moved(b"")], "CLEAN", ""),
    "in conflict": (None, [base_moved(b"1\nzwei\n3\n4\n5\n")], "DIRTY", "Pull Request is not mergeable"),
    "a draft": (Protection(["ci"]), [draft], "DRAFT", "Pull Request is still a draft"),
    "closed": (None, [closed], "UNKNOWN", "Pull Request is not mergeable"),
}


@pytest.mark.parametrize(("protection", "steps", "state", "why"), ROWS.values(), ids=ROWS.keys())
def test_what_stands_between_a_pull_request_and_its_merge(
    pulls: PullRequests, protection: Protection | None, steps: list[Step], state: str, why: str
) -> None:
    pull = opened(pulls)
    if protection is not None:
        pulls.hub.protected["main"] = protection
    for step in steps:
        step(pulls, pull)
    found = gate.standing(pulls, pull)
    assert (found.state, found.why) == (state, why)
    assert found.ready is (state in ("CLEAN", "UNSTABLE"))
    assert found.failed is ("failing" in why)


@pytest.mark.parametrize(
    ("approvals", "steps", "decision"),
    [
        (0, [], None),
        (0, [review("alice", "APPROVE")], None),
        (0, [review("alice", "REQUEST_CHANGES")], None),
        (1, [], "REVIEW_REQUIRED"),
        (1, [review("alice", "COMMENT")], "REVIEW_REQUIRED"),
        (1, [review("alice", "APPROVE")], "APPROVED"),
        (2, [review("alice", "APPROVE")], "REVIEW_REQUIRED"),
        (1, [review("alice", "APPROVE"), review("bob", "REQUEST_CHANGES")], "CHANGES_REQUESTED"),
        (1, [review("bob", "REQUEST_CHANGES"), review("bob", "APPROVE")], "APPROVED"),
    ],
)
def test_reviews_come_to_a_decision_only_where_the_base_asks_for_them(
    pulls: PullRequests, approvals: int, steps: list[Step], decision: str | None
) -> None:
    pull = opened(pulls)
    pulls.hub.protected["main"] = Protection(approvals=approvals)
    for step in steps:
        step(pulls, pull)
    assert gate.decision(pulls, pull) == decision
