"""Pull requests to try rules on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import landing
from gitops_bot.demo.hub import AutoMerge
from tests.counterparts.forge import commit

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests
    from gitops_bot.demo.rules import Method


def opened(
    pulls: PullRequests, branch: str = "fix", content: bytes = b"1\ntwo\n3\n4\n5\n", message: str = "fix\n"
) -> Pull:
    commit(pulls.bare, branch, {"a.txt": content}, onto="main", message=message)
    return pulls.create(user="bot", title="Title", body="Body", head=branch, base="main", draft=False)


def merge(
    pulls: PullRequests, pull: Pull, method: Method = "merge", title: str | None = None, message: str | None = None
) -> str:
    return landing.merge(pulls, pull, AutoMerge("alice", pulls.time(), method, title, message), expected=None)
