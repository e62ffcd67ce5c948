from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo import checks, conversation, landing
from gitops_bot.demo.hub import AutoMerge, Check
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection
from tests.counterparts.forge import commit, update_branch
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


@pytest.mark.parametrize(
    ("method", "setting", "why"),
    [
        ("merge", "allow_merge_commit", "Merge commits are not allowed on this repository."),
        ("squash", "allow_squash_merge", "Squash merges are not allowed on this repository."),
        ("rebase", "allow_rebase_merge", "Rebase merges are not allowed on this repository."),
    ],
)
def test_a_way_of_merging_that_the_repository_does_not_allow_is_refused(
    pulls: PullRequests, method: Method, setting: str, why: str
) -> None:
    pull, before = opened(pulls), main(pulls)
    setattr(pulls.hub.settings, setting, False)
    with pytest.raises(Invalid) as error:
        merge(pulls, pull, method)
    assert (error.value.status, error.value.message) == (405, why)
    assert main(pulls) == before


def test_another_head_than_the_expected_one_is_not_merged(pulls: PullRequests) -> None:
    pull, before = opened(pulls), main(pulls)
    with pytest.raises(Invalid, match="Head branch was modified") as error:
        landing.merge(pulls, pull, AutoMerge("alice", pulls.time(), "merge"), expected="0" * 40)
    assert (error.value.status, main(pulls)) == (409, before)


def test_a_branch_is_deleted_by_its_merge_where_the_repository_says_so(pulls: PullRequests) -> None:
    pulls.hub.settings.delete_branch_on_merge = True
    pull, other = opened(pulls), opened(pulls, "other", b"1\n2\n3\n4\nfive\n")
    merge(pulls, pull)
    assert sorted(pulls.bare.branches()) == ["main", "other"]
    landing.settle(pulls)
    assert (pull.merged_by, other.state) == ("alice", "open")


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


def test_its_text_is_the_one_that_was_given(pulls: PullRequests) -> None:
    pull = guarded(pulls)
    how = AutoMerge("bot", pulls.time(), "squash", "mine", "because")
    landing.enable_auto_merge(pulls, pull, how, expected=pull.head_sha)
    report(pulls, pull)
    landing.settle(pulls)
    assert pulls.bare.commit(main(pulls)).message == "mine\n\nbecause"


def test_a_new_push_waits_for_checks_of_its_own(pulls: PullRequests) -> None:
    pull, before = guarded(pulls), main(pulls)
    enable(pulls, pull)
    commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix")
    report(pulls, pull)
    landing.settle(pulls)
    assert (pull.state, main(pulls), pull.auto_merge is not None) == ("open", before, True)
    report(pulls, pull)
    landing.settle(pulls)
    assert pull.merged_at is not None


def test_two_that_become_ready_together_both_merge(pulls: PullRequests) -> None:
    first = guarded(pulls)
    second = opened(pulls, "other", b"1\n2\n3\n4\nfive\n")
    for pull in (first, second):
        enable(pulls, pull)
        report(pulls, pull)
    landing.settle(pulls)
    assert all(pull.merged_at for pull in (first, second))
    assert pulls.bare.git("cat-file", "blob", "main:a.txt") == b"1\ntwo\n3\n4\nfive\n"


def test_one_that_comes_into_conflict_waits_for_people(pulls: PullRequests) -> None:
    first = guarded(pulls)
    second = opened(pulls, "other", b"1\nzwei\n3\n4\n5\n")
    for pull in (first, second):
        enable(pulls, pull)
        report(pulls, pull)
    landing.settle(pulls)
    assert (first.state, second.state, second.auto_merge is not None) == ("closed", "open", True)


@pytest.mark.parametrize("way", ["close", "base"])
def test_it_is_off_after_what_people_do_to_the_pull_request(pulls: PullRequests, way: str) -> None:
    pull = guarded(pulls)
    pulls.bare.move("other", main(pulls), expected=None)
    enable(pulls, pull)
    state, base = ("closed", None) if way == "close" else (None, "other")
    pulls.edit(pull, title=None, body=None, state=state, base=base)
    assert pull.auto_merge is None


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("setting", "Pull request Auto merge is not allowed for this repository"),
        ("unprotected", "Pull request Protected branch rules not configured for this branch"),
        ("clean", "Pull request Pull request is in clean status"),
        ("unstable", "Pull request Pull request is in unstable status"),
        ("dirty", "Pull request Pull request is in dirty status"),
        ("draft", "Pull request Pull request is in draft status"),
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
        case "unstable":
            report(pulls, pull)
            report(pulls, pull, "pending", "lint")
        case "dirty":
            commit(pulls.bare, "main", {"a.txt": b"1\nzwei\n3\n4\n5\n"}, onto="main")
            pulls.sync()
        case "draft":
            pull.draft = True
        case "moved":
            expected = "0" * 40
        case "method":
            pulls.hub.settings.allow_merge_commit = False
        case "closed":
            pulls.close(pull)
    with pytest.raises(Invalid) as error:
        enable(pulls, pull, expected=expected)
    assert (error.value.message, pull.auto_merge) == (why, None)


def test_it_is_switched_off_once(pulls: PullRequests) -> None:
    pull = guarded(pulls)
    enable(pulls, pull)
    landing.disable_auto_merge(pulls, pull, "bot")
    report(pulls, pull)
    landing.settle(pulls)
    assert pull.state == "open"
    with pytest.raises(Invalid, match="Can't disable auto-merge"):
        landing.disable_auto_merge(pulls, pull, "bot")


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


def test_a_push_a_close_and_a_person_take_a_pull_request_out_of_the_queue(pulls: PullRequests) -> None:
    pull = guarded(pulls, merge_queue="merge")
    report(pulls, pull)
    landing.enqueue(pulls, pull, user="alice", expected=None)
    assert landing.dequeue(pulls, pull).number == 1
    with pytest.raises(Invalid, match="not in the queue"):
        landing.dequeue(pulls, pull)
    landing.enqueue(pulls, pull, user="alice", expected=None)
    commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix")
    landing.settle(pulls)
    assert pulls.hub.queue == []
    report(pulls, pull)
    landing.enqueue(pulls, pull, user="alice", expected=None)
    pulls.close(pull)
    assert (pulls.hub.queue, landing.advance(pulls)) == ([], ())


def test_what_waits_in_the_queue_takes_no_auto_merge(pulls: PullRequests) -> None:
    pull = guarded(pulls, merge_queue="squash")
    report(pulls, pull)
    landing.enqueue(pulls, pull, user="alice", expected=None)
    with pytest.raises(Invalid, match="Can't enable auto-merge"):
        enable(pulls, pull)
    assert pull.auto_merge is None
    assert landing.advance(pulls) == (pull.number,)


def test_auto_merge_goes_into_the_queue_as_soon_as_it_is_ready(pulls: PullRequests) -> None:
    pull = guarded(pulls, merge_queue="merge")
    pulls.hub.settings.allow_merge_commit = False
    enable(pulls, pull)
    assert (pulls.hub.queue, pull.auto_merge is not None) == ([], True)
    report(pulls, pull)
    landing.settle(pulls)
    assert ([entry.user for entry in pulls.hub.queue], pull.auto_merge) == (["bot"], None)
    landing.dequeue(pulls, pull)
    enable(pulls, pull)
    assert pulls.hub.queued(pull) is not None


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


# "Update branch"


def test_the_base_is_merged_into_the_branch(pulls: PullRequests) -> None:
    pull = opened(pulls)
    base = commit(pulls.bare, "main", {"c.txt": b"c"}, onto="main")
    pulls.sync()
    before = pull.head_sha
    made = update_branch(pulls, pull, user="alice", expected=before)
    told = pulls.bare.commit(made)
    assert (told.parents, told.message, told.author.name) == ((before, base), "Merge branch 'main' into fix", "alice")
    assert (pull.head_sha, pull.state) == (made, "open")
    assert pulls.bare.git("cat-file", "blob", "fix:a.txt") == b"1\ntwo\n3\n4\n5\n"


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("up to date", "There are no new commits on the base branch."),
        ("conflict", "merge conflict between base and head"),
        ("moved", "expected head sha didn't match current head ref."),
        ("closed", "Cannot update a pull request that is closed."),
    ],
)
def test_a_branch_that_cannot_be_updated_stays_where_it_is(pulls: PullRequests, way: str, why: str) -> None:
    pull = opened(pulls)
    if way == "conflict":
        commit(pulls.bare, "main", {"a.txt": b"1\nzwei\n3\n4\n5\n"}, onto="main")
        pulls.sync()
    elif way == "closed":
        pulls.close(pull)
    before = pulls.bare.branches()
    with pytest.raises(Invalid) as error:
        update_branch(pulls, pull, user="alice", expected="0" * 40 if way == "moved" else None)
    assert (error.value.status, error.value.message) == (422, why)
    assert pulls.bare.branches() == before
