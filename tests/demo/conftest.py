"""A repository with pull requests, without a server before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.bare import Bare
from gitops_bot.demo.hub import Hub
from gitops_bot.demo.pulls import PullRequests
from tests.counterparts.forge import commit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pulls(tmp_path: Path) -> PullRequests:
    bare = Bare.create(tmp_path / "r.git")
    commit(bare, "main", {"a.txt": b"1\n2\n3\n4\n5\n"}, onto=None)
    ticks = iter(range(1000))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    hub = Hub("acme", "deploy", 1, "2026-01-01T00:00:00Z")
    people = ("alice", "bob", "github-actions[bot]")
    return PullRequests(hub, bare, people=people, now=lambda: begin + timedelta(seconds=next(ticks)))
