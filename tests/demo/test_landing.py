from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo import checks, conversation, landing
from gitops_bot.demo.hub import AutoMerge, Check
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection
from tests.demo.sample import merge, opened

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests
    from gitops_bot.demo.rules import Method


def report(pulls: PullRequests, pull: Pull, state: str = "success", context: str = "ci") -> None:
    checks.report(pulls.hub, pull.head_sha, Check(context, state))


def approve(pulls: PullRequests, pull: Pull, user: str = "alice") -> None:
    conversation.review(pulls, pull, user=user, event="APPROVE", body="", commit=None)


def guarded(pulls: PullRequests, **rules: Any) -> Pull:
    """An open pull request whose base asks for a check, in a repository with auto-merge."""
    pulls.hub.settings.allow_auto_merge = True
    pulls.hub.protected["main"] = Protection(["ci"], **rules)
    return opened(pulls)


def enable(pulls: PullRequests, pull: Pull, method: Method = "merge", *, expected: str | None = None) -> None:
    landing.enable_auto_merge(pulls, pull, AutoMerge("bot", pulls.time(), method), expected=expected)


def main(pulls: PullRequests) -> str:
    return pulls.bare.branches()["main"]


# A merge by hand


@pytest.mark.parametrize(
    ("rules", "method", "status", "why"),
    [
        ({}, "merge", 405, 'Required status check "ci" is expected.'),
        ({"merge_queue": "merge"}, "merge", 405, "Changes must be made through the merge queue"),
        (
            {"merge_queue": "merge", "by_ruleset": True},
            "squash",
            405,
            "Repository rule violations found\n\nChanges must be made through the merge queue\n\n",
        ),
    ],
)
def test_a_rule_of_the_base_refuses_a_merge_in_githubs_words(
    pulls: PullRequests, rules: dict[str, Any], method: Method, status: int, why: str
) -> None:
    pull, before = guarded(pulls, **rules), main(pulls)
    with pytest.raises(Invalid) as error:
        merge(pulls, pull, method)
    assert (error.value.status, error.value.message) == (status, why)
    assert (pull.state, main(pulls)) == ("open", before)


# Auto-merge


def test_it_merges_when_the_last_thing_that_is_required_is_there(pulls: PullRequests) -> None:
    pull, before = guarded(pulls, approvals=1), main(pulls)
    enable(pulls, pull, "squash")
    assert not landing.settle(pulls)
    report(pulls, pull)
    assert not landing.settle(pulls)
    assert (pull.state, main(pulls)) == ("open", before)
    approve(pulls, pull)
    assert landing.settle(pulls)
    assert (pull.state, pull.merged_by, pull.auto_merge) == ("closed", "bot", None)
    assert pulls.bare.commit(main(pulls)).parents == (before,)
    assert main(pulls) == pull.merge_commit_sha
    with pytest.raises(Invalid, match="Can't disable auto-merge"):
        landing.disable_auto_merge(pulls, pull, "bot")


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("setting", "Pull request Auto merge is not allowed for this repository"),
        ("unprotected", "Pull request Protected branch rules not configured for this branch"),
        ("clean", "Pull request Pull request is in clean status"),
        ("moved", "Head branch was modified. Review and try the merge again."),
        ("method", "Merge commits are not allowed on this repository."),
        ("closed", "Pull request Can't enable auto-merge for this pull request."),
    ],
)
def test_github_says_why_it_does_not_merge_by_itself(pulls: PullRequests, way: str, why: str) -> None:
    pull, expected = guarded(pulls), None
    match way:
        case "setting":
            pulls.hub.settings.allow_auto_merge = False
        case "unprotected":
            del pulls.hub.protected["main"]
        case "clean":
            report(pulls, pull)
        case "moved":
            expected = "0" * 40
        case "method":
            pulls.hub.settings.allow_merge_commit = False
        case "closed":
            pulls.close(pull)
    with pytest.raises(Invalid) as error:
        enable(pulls, pull, expected=expected)
    assert (error.value.message, pull.auto_merge) == (why, None)


# The merge queue


def test_a_queue_merges_in_order_and_by_its_own_method(pulls: PullRequests) -> None:
    first, before = guarded(pulls, merge_queue="squash"), main(pulls)
    second = opened(pulls, "other", b"1\n2\n3\n4\nfive\n")
    for pull in (second, first):
        report(pulls, pull)
        landing.enqueue(pulls, pull, user="alice", expected=pull.head_sha)
    assert (landing.settle(pulls), main(pulls)) == (False, before)
    assert landing.advance(pulls) == (second.number, first.number)
    told = pulls.bare.commits(before, main(pulls))
    assert [each.message for each in told] == [f"fix (#{second.number})", f"fix (#{first.number})"]
    assert [len(each.parents) for each in told] == [1, 1]
    assert {each.committer.name for each in told} == {"github-merge-queue[bot]"}
    assert pulls.hub.queue == []


def test_one_whose_checks_run_again_holds_up_those_behind_it_and_one_that_failed_leaves(pulls: PullRequests) -> None:
    first = guarded(pulls, merge_queue="merge")
    second = opened(pulls, "other", b"1\n2\n3\n4\nfive\n")
    for pull in (first, second):
        report(pulls, pull)
        landing.enqueue(pulls, pull, user="alice", expected=None)
    report(pulls, first, "pending")
    assert landing.advance(pulls) == ()
    assert [entry.number for entry in pulls.hub.queue] == [1, 2]
    report(pulls, first, "failure")
    assert landing.advance(pulls) == (2,)
    assert (first.state, pulls.hub.queue) == ("open", [])


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("none", "Pull request The merge queue is not enabled for this branch"),
        ("twice", "Pull request is already in the queue"),
        ("not ready", 'Pull request Required status check "ci" is expected.'),
        ("moved", "Head branch was modified. Review and try the merge again."),
        ("closed", "Pull request is closed"),
    ],
)
def test_github_says_why_it_does_not_queue(pulls: PullRequests, way: str, why: str) -> None:
    pull = guarded(pulls, merge_queue=None if way == "none" else "merge")
    if way == "twice":
        report(pulls, pull)
        landing.enqueue(pulls, pull, user="alice", expected=None)
    elif way == "closed":
        pulls.close(pull)
    before = list(pulls.hub.queue)
    with pytest.raises(Invalid) as error:
        landing.enqueue(pulls, pull, user="alice", expected="0" * 40 if way == "moved" else None)
    assert (error.value.message, pulls.hub.queue) == (why, before)
