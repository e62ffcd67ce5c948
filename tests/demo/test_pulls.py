from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.bare import Bare
from gitops_bot.demo.hub import Hub, Pull
from gitops_bot.demo.pulls import Invalid, PullRequests
from tests.counterparts.forge import commit

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.merging import Method


@pytest.fixture
def pulls(tmp_path: Path) -> PullRequests:
    bare = Bare.create(tmp_path / "r.git")
    commit(bare, "main", {"a.txt": b"1\n2\n3\n4\n5\n"}, onto=None)
    ticks = iter(range(1000))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    hub = Hub("acme", "deploy", 1, "2026-01-01T00:00:00Z")
    return PullRequests(hub, bare, people=("alice", "bob"), now=lambda: begin + timedelta(seconds=next(ticks)))


def opened(
    pulls: PullRequests, branch: str = "fix", content: bytes = b"1\ntwo\n3\n4\n5\n", message: str = "fix\n"
) -> Pull:
    commit(pulls.bare, branch, {"a.txt": content}, onto="main", message=message)
    return pulls.create(user="bot", title="Title", body="Body", head=branch, base="main", draft=False)


def merge(
    pulls: PullRequests, pull: Pull, method: Method = "merge", title: str | None = None, message: str | None = None
) -> str:
    return pulls.merge(pull, user="alice", method=method, title=title, message=message, expected=None)


def refusal(error: pytest.ExceptionInfo[Invalid]) -> object:
    first = error.value.errors[0]
    return first.get("message") if isinstance(first, dict) else first


def test_an_open_pull_request_follows_its_branches(pulls: PullRequests) -> None:
    pull = opened(pulls)
    assert not pulls.sync()
    head = commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix")
    base = commit(pulls.bare, "main", {"c.txt": b"c"}, onto="main")
    assert pulls.sync()
    assert (pull.state, pull.head_sha, pull.base_sha) == ("open", head, base)


@pytest.mark.parametrize("branch", ["fix", "main"])
def test_a_deleted_branch_closes_its_pull_request(pulls: PullRequests, branch: str) -> None:
    pull, heads = opened(pulls), pulls.bare.branches()
    pulls.bare.delete(branch, expected=heads[branch])
    assert pulls.sync()
    assert (pull.state, pull.merged_at, pull.head_sha) == ("closed", None, heads["fix"])
    assert pull.closed_at is not None


def test_commits_that_reach_the_base_by_a_push_are_a_merge(pulls: PullRequests) -> None:
    pull, heads = opened(pulls), pulls.bare.branches()
    pulls.bare.move("main", heads["fix"], expected=heads["main"])
    assert pulls.sync()
    assert (pull.state, pull.merge_commit_sha, pull.merged_by) == ("closed", heads["fix"], None)
    assert pull.merged_at is not None


def test_a_branch_that_goes_back_to_its_base_is_no_merge(pulls: PullRequests) -> None:
    pull, heads = opened(pulls), pulls.bare.branches()
    pulls.bare.move("fix", heads["main"], expected=heads["fix"])
    assert pulls.sync()
    assert (pull.state, pull.merged_at) == ("open", None)


def test_a_closed_pull_request_follows_nothing(pulls: PullRequests) -> None:
    pull = opened(pulls)
    pulls.edit(pull, title=None, body=None, state="closed", base=None)
    before = pull.head_sha
    commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix")
    assert not pulls.sync()
    assert pull.head_sha == before


def test_it_is_reopened_at_the_present_head(pulls: PullRequests) -> None:
    pull = opened(pulls)
    pulls.edit(pull, title=None, body=None, state="closed", base=None)
    head = commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix")
    pulls.edit(pull, title=None, body=None, state="open", base=None)
    assert (pull.state, pull.closed_at, pull.head_sha) == ("open", None, head)


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
    ("state", "head", "base", "found"),
    [
        ("open", None, None, [3, 2]),
        ("closed", None, None, [1]),
        ("all", None, None, [3, 2, 1]),
        ("all", "acme:two", None, [2]),
        ("all", "ACME:two", None, [2]),
        ("all", "mallory:two", None, []),
        ("all", "two", None, [3, 2, 1]),
        ("all", None, "other", []),
        ("", None, "main", [3, 2]),
    ],
)
def test_a_list_is_filtered_as_github_filters(
    pulls: PullRequests, state: str, head: str | None, base: str | None, found: list[int]
) -> None:
    first = opened(pulls, "one")
    opened(pulls, "two")
    opened(pulls, "three")
    pulls.edit(first, title=None, body=None, state="closed", base=None)
    assert [pull.number for pull in pulls.list(state=state, head=head, base=base)] == found


@pytest.mark.parametrize(
    ("method", "title", "message", "expected"),
    [
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
    assert pulls.bare.commit(merge(pulls, pull, method, title, message)).message == expected
    assert (pull.state, pull.merged_by) == ("closed", "alice")


def test_a_squash_of_several_commits_lists_them(pulls: PullRequests) -> None:
    pull = opened(pulls, message="one\n")
    commit(pulls.bare, "fix", {"b.txt": b"b"}, onto="fix", message="two\n\nbody\n")
    pulls.sync()
    told = pulls.bare.commit(merge(pulls, pull, "squash"))
    assert told.message == "Title (#1)\n\n* one\n\n* two\n\nbody"
    assert (told.author.name, told.committer.name) == ("bot", "alice")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_what_conflicts_is_not_merged(pulls: PullRequests, method: Method) -> None:
    pull = opened(pulls)
    base = commit(pulls.bare, "main", {"a.txt": b"1\nzwei\n3\n4\n5\n"}, onto="main")
    pulls.sync()
    with pytest.raises(Invalid, match="Pull Request is not mergeable") as error:
        merge(pulls, pull, method)
    assert error.value.status == 405
    assert (pull.state, pulls.bare.branches()["main"]) == ("open", base)


def test_a_base_that_moved_at_the_last_moment_is_not_overwritten(pulls: PullRequests) -> None:
    pull = opened(pulls)
    base = commit(pulls.bare, "main", {"c.txt": b"c"}, onto="main")
    with pytest.raises(Invalid, match="Base branch was modified"):
        merge(pulls, pull)
    assert (pull.state, pulls.bare.branches()["main"]) == ("open", base)


def test_the_state_survives_its_file(pulls: PullRequests, tmp_path: Path) -> None:
    pull = opened(pulls)
    pulls.label(pull, ["a", "b", "a"])
    pulls.comment(pull, user="alice", body="hm ä")
    pulls.review(pull, user="bob", event="APPROVE", body="", commit=None)
    pulls.hub.save(tmp_path / "hub.json")
    assert Hub.load(tmp_path / "hub.json") == pulls.hub
    assert [path.name for path in tmp_path.glob("hub*")] == ["hub.json"]
