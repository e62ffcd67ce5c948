"""A push that is only rehearsed: it tells who may not write, and sends nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.git import Credentials, git_versions
from gitops_bot.errors import ForgeError, GitError, Problem
from tests.counterparts.git_http import READER, GitServer, Remote
from tests.edges.git.remotes import BARE, opened

if TYPE_CHECKING:
    from pathlib import Path

BRANCH = "gitops-bot/doctor/all"


def rehearse(remote: Remote, **options: Any) -> None:
    with opened(remote, **options) as repository:
        repository.rehearse(BRANCH, repository.head("main"))


def test_a_writer_may_and_nothing_is_sent(server: GitServer) -> None:
    remote = server.create("acme/writer", {"a": b"1"})
    remote.commit(BRANCH, {"b": b"2"})
    before, asked = remote.branches(), len(server.requests())
    rehearse(remote)
    assert [line for line in server.requests()[asked:] if "receive-pack" in line] == [
        "GET /acme/writer.git/info/refs?service=git-receive-pack 200"
    ]
    assert remote.branches() == before


def test_a_reader_may_not(server: GitServer) -> None:
    remote = server.create("acme/reader", {"a": b"1"})
    with pytest.raises(GitError, match="no permission") as refused:
        rehearse(remote, credentials=Credentials(*READER))
    assert "contents: write" in refused.value.problem.next
    assert READER[1] not in str(refused.value)


def test_a_token_that_the_forge_does_not_give_is_a_failure_of_git_with_the_same_problem(server: GitServer) -> None:
    """What goes on after a failure of git goes on after this one."""
    problem = Problem("failed.forge", "the forge has a problem", "run again")

    def none(rejected: str | None = None, repository: str | None = None) -> str:
        raise ForgeError(problem)

    remote = server.create("acme/tokenless", {"a": b"1"})
    with opened(remote, credentials=Credentials("bot", token=none)) as repository:
        for ask in (lambda: repository.head("main"), repository.tags, repository.default_branch):
            with pytest.raises(GitError) as raised:
                ask()
            assert raised.value.problems == (problem,)


def test_a_folder_runs_no_hook(tmp_path: Path) -> None:
    remote = Remote.create(tmp_path / "deploy.git", {"a": b"1"})
    for name in ("pre-receive", "update", "post-receive", "reference-transaction"):
        remote.hook(name, f": > {tmp_path}/ran-{name}")
    before = remote.branches()
    rehearse(remote)
    assert remote.branches() == before
    assert list(tmp_path.glob("ran-*")) == []


def test_the_version_of_git_is_told_with_the_oldest_that_works(tmp_path: Path) -> None:
    version, oldest = git_versions(BARE, 60)
    assert version >= oldest == (2, 32)
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert git_versions({"PATH": f"{tmp_path}:{os.environ['PATH']}"}, 60) == ((0, 0), oldest)
