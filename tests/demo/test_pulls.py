from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import conversation
from gitops_bot.demo.hub import AutoMerge, Check, Hub, Queued
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.rules import Protection, Settings, Team
from tests.counterparts.forge import commit
from tests.demo.sample import merge, opened

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.pulls import PullRequests
    from gitops_bot.demo.rules import Method


def refusal(error: pytest.ExceptionInfo[Invalid]) -> object:
    first = error.value.errors[0]
    return first.get("message") if isinstance(first, dict) else first


def test_a_branch_that_goes_back_to_its_base_is_no_merge(pulls: PullRequests) -> None:
    pull, heads = opened(pulls), pulls.bare.branches()
    pulls.bare.move("fix", heads["main"], expected=heads["fix"])
    assert pulls.sync()
    assert (pull.state, pull.merged_at) == ("open", None)


def test_it_is_not_reopened_after_a_force_push(pulls: PullRequests) -> None:
    pull = opened(pulls)
    pulls.edit(pull, title=None, body=None, state="closed", base=None)
    commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="main")
    with pytest.raises(Invalid) as error:
        pulls.edit(pull, title=None, body=None, state="open", base=None)
    assert refusal(error) == "state cannot be changed. The fix branch was force-pushed or recreated."


def test_it_is_not_reopened_beside_another_that_is_open(pulls: PullRequests) -> None:
    pull = opened(pulls)
    pulls.edit(pull, title=None, body=None, state="closed", base=None)
    other = pulls.create(user="bot", title="Again", body=None, head="fix", base="main", draft=False)
    with pytest.raises(Invalid) as error:
        pulls.edit(pull, title=None, body=None, state="open", base=None)
    assert refusal(error) == "state cannot be changed. There is already an open pull request from acme:fix."
    assert [each.number for each in pulls.list(state="open", head=None, base=None)] == [other.number]


@pytest.mark.parametrize(
    ("method", "title", "message", "expected"),
    [
        ("squash", None, "two", "Title (#1)\n\n* fix: it\n\nwhy\n\n* two"),
        ("merge", None, None, "Merge pull request #1 from acme/fix\n\nTitle"),
        ("squash", None, None, "fix: it (#1)\n\nwhy"),
        ("squash", "mine", None, "mine\n\nwhy"),
        ("squash", "mine", "", "mine"),
        ("merge", "mine", "because", "mine\n\nbecause"),
    ],
)
def test_a_merge_has_githubs_message_or_the_one_that_is_given(
    pulls: PullRequests, method: Method, title: str | None, message: str | None, expected: str
) -> None:
    pull = opened(pulls, message="fix: it\n\nwhy\n")
    if message == "two":  # a second commit
        commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix", message="two\n")
        pulls.sync()
        message = None
    assert pulls.bare.commit(merge(pulls, pull, method, title, message)).message == expected
    assert (pull.state, pull.merged_by) == ("closed", "alice")


def test_a_base_that_moved_at_the_last_moment_is_not_overwritten(pulls: PullRequests) -> None:
    pull = opened(pulls)
    base = commit(pulls.bare, "main", {"c.txt": b"c"}, onto="main")
    with pytest.raises(Invalid, match="Base branch was modified"):
        merge(pulls, pull)
    assert (pull.state, pulls.bare.branches()["main"]) == ("open", base)


def test_the_state_survives_its_file(pulls: PullRequests, tmp_path: Path) -> None:
    pull = opened(pulls)
    conversation.label(pulls, pull, ["a", "b", "a"])
    conversation.comment(pulls, pull, user="alice", body="hm ä")
    conversation.review(pulls, pull, user="bob", event="APPROVE", body="", commit=None)
    pull.auto_merge = AutoMerge("bot", pulls.time(), "squash", title="T")
    pull.assignees, pull.teams = ["bob"], ["platform"]
    pulls.hub.settings = Settings(allow_auto_merge=True, archived=True)
    pulls.hub.protected["main"] = Protection(["ci"], approvals=2, merge_queue="rebase", by_ruleset=True)
    pulls.hub.teams["platform"] = Team(7, "platform", ["alice"])
    pulls.hub.queue.append(Queued(8, pull.number, "alice", pulls.time()))
    pulls.hub.checks[pull.head_sha] = [Check("ci", "pending")]
    pulls.hub.save(tmp_path / "hub.json")
    assert Hub.load(tmp_path / "hub.json") == pulls.hub
    assert [path.name for path in tmp_path.glob("hub*")] == ["hub.json"]


def test_a_workflow_may_not_propose_where_the_repository_says_so(pulls: PullRequests) -> None:
    commit(pulls.bare, "fix", {"a.txt": b"x"}, onto="main")
    pulls.hub.settings.actions_may_propose = False
    with pytest.raises(Invalid, match="GitHub Actions is not permitted to create or approve pull requests") as error:
        pulls.create(user="github-actions[bot]", title="t", body=None, head="fix", base="main", draft=False)
    assert (error.value.status, pulls.hub.pulls) == (403, {})
    assert pulls.create(user="alice", title="t", body=None, head="fix", base="main", draft=False).number == 1


def test_commits_that_reach_the_base_by_a_push_are_a_merge(pulls: PullRequests) -> None:
    pull, heads = opened(pulls), pulls.bare.branches()
    pulls.bare.move("main", heads["fix"], expected=heads["main"])
    assert pulls.sync()
    assert (pull.state, pull.merge_commit_sha, pull.merged_by) == ("closed", heads["fix"], None)
    assert pull.merged_at is not None
