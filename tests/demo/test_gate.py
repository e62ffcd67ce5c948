from __future__ import annotations

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


def happen(pulls: PullRequests, pull: Pull, event: str) -> None:
    """A status of the head commit (`ci=failure`), a review (`alice:APPROVE`), or something else."""
    context, status, state = event.partition("=")
    user, review, opinion = event.partition(":")
    if status:
        checks.report(pulls.hub, pull.head_sha, Check(context, state))
    elif review:
        conversation.review(pulls, pull, user=user, event=opinion, body="so", commit=None)
    elif event == "draft":
        pull.draft = True
    elif event == "closed":
        pulls.close(pull)
    else:
        files = {"new.txt": b""} if event == "moved" else {"a.txt": b"1\nzwei\n3\n4\n5\n"}
        commit(pulls.bare, "main", files, onto="main")
        pulls.sync()


ONE = "At least 1 approving review is required by reviewers with write access."
TWO = "At least 2 approving reviews are required by reviewers with write access."
EXPECTED = 'Required status check "ci" is expected.'
THREE = "2 of 3 required status checks have not succeeded: 1 expected and 1 failing."
#: What the base asks for, what happened, and what stands between the pull request and its merge.
ROWS: dict[str, tuple[Protection | None, str, str, str]] = {
    "nothing is asked for": (None, "", "CLEAN", ""),
    "a check that nobody needs has failed": (Protection(), "ci=failure", "UNSTABLE", ""),
    "a check that nobody needs has passed": (None, "ci=error ci=success", "CLEAN", ""),
    "a required check is missing": (Protection(["ci"]), "", "BLOCKED", EXPECTED),
    "a required check runs": (Protection(["ci"]), "ci=pending", "BLOCKED", 'Required status check "ci" is pending.'),
    "a required check has passed and another has not": (Protection(["ci"]), "ci=success lint=failure", "UNSTABLE", ""),
    "two are missing": (Protection(["ci", "lint"]), "", "BLOCKED", "2 of 2 required status checks are expected."),
    "two of three": (Protection(["ci", "lint", "unit"]), "ci=success lint=failure", "BLOCKED", THREE),
    "one person approves twice": (Protection(approvals=2), "alice:APPROVE alice:APPROVE", "BLOCKED", TWO),
    "two approve, and one comments": (Protection(approvals=2), "alice:APPROVE bob:APPROVE alice:COMMENT", "CLEAN", ""),
    "somebody asks for changes": (
        Protection(approvals=1),
        "alice:APPROVE bob:REQUEST_CHANGES",
        "BLOCKED",
        "1 review requesting changes by reviewers with write access.",
    ),
    "somebody asks for changes where no review is required": (None, "bob:REQUEST_CHANGES", "CLEAN", ""),
    "review and check are missing": (Protection(["ci"], approvals=1), "", "BLOCKED", f"{ONE} {EXPECTED}"),
    "a ruleset says it in its own form": (
        Protection(approvals=1, by_ruleset=True),
        "",
        "BLOCKED",
        f"Repository rule violations found\n\n{ONE}\n\n",
    ),
    "behind a base that asks for all of it": (
        Protection(strict=True),
        "moved",
        "BEHIND",
        "Head branch is out of date. Review and try the merge again.",
    ),
    "in conflict": (None, "conflict", "DIRTY", "Pull Request is not mergeable"),
    "a draft": (Protection(["ci"]), "draft", "DRAFT", "Pull Request is still a draft"),
    "closed": (None, "closed", "UNKNOWN", "Pull Request is not mergeable"),
}
#: What reviews come to, where the base asks for them.
DECISIONS = {
    "one person approves twice": "REVIEW_REQUIRED",
    "two approve, and one comments": "APPROVED",
    "somebody asks for changes": "CHANGES_REQUESTED",
}


@pytest.mark.parametrize("row", ROWS)
def test_what_stands_between_a_pull_request_and_its_merge(pulls: PullRequests, row: str) -> None:
    pull, (protection, events, state, why) = opened(pulls), ROWS[row]
    if protection is not None:
        pulls.hub.protected["main"] = protection
    for event in events.split():
        happen(pulls, pull, event)
    found = gate.standing(pulls, pull)
    assert (found.state, found.why) == (state, why)
    assert found.ready is (state in ("CLEAN", "UNSTABLE"))
    assert found.failed is ("failing" in why)
    assert gate.decision(pulls, pull) == DECISIONS.get(row, "REVIEW_REQUIRED" if ONE in why else None)


def test_check_runs_of_one_name_replace_each_other_within_their_suite_alone(pulls: PullRequests) -> None:
    for state, suite in (("failure", 1), ("queued", 2), ("success", 2)):
        checks.report(pulls.hub, "c" * 40, Check("test", state, app="github-actions", suite=suite))
    assert [check.state for check in checks.latest(pulls.hub, "c" * 40)] == ["failure", "success"]
    assert checks.rollup(pulls.hub, "c" * 40) == "FAILURE"
