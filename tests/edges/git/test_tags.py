"""Annotated tags: created once, all of them or none, and read without trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git.store import TEXT_LIMIT
from gitops_bot.errors import GitError, LostRace
from gitops_bot.releases.history.releases import NewTag
from tests.counterparts.git_http import Remote
from tests.edges.git.remotes import BARE, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitops_bot.edges.git import Repository

WHO = ["-c", "user.name=ada", "-c", "user.email=a@b"]


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", {"README.md": b"# deploy\n"})


@pytest.fixture
def repository(remote: Remote) -> Iterator[Repository]:
    with opened(remote, environ=BARE | {"GIT_COMMITTER_NAME": "Bot"}) as repository:
        repository.head("main")
        yield repository


def new(remote: Remote, *names: str) -> list[NewTag]:
    return [NewTag(name, remote.branches()["main"], f"{name}\n\nümläut\0\n") for name in names]


def test_tags_are_annotated_by_who_commits(remote: Remote, repository: Repository) -> None:
    tags = new(remote, "release/a/1", "release/b/1")
    repository.create_tags(tags)
    assert repository.tags() == {tag.name: tag.commit for tag in tags}
    assert repository.tag_texts(["release/b/1", "none"]) == {"release/b/1": tags[1].text}
    assert b"tagger Bot <gitops-bot@noreply.invalid> " in remote.git("cat-file", "tag", "release/a/1")


def test_one_that_is_in_the_way_is_never_overwritten_and_nothing_else_is_written(
    remote: Remote, repository: Repository
) -> None:
    remote.git(*WHO, "tag", "-a", "-m", "mine", "release/a/2", "main")
    remote.git("tag", "release/b", "main")
    before = remote.git("for-each-ref")
    with pytest.raises(LostRace):
        repository.create_tags(new(remote, "release/a/1", "release/a/2", "release/a/3"))
    with pytest.raises(GitError, match="conflicts with this name") as refused:
        repository.create_tags(new(remote, "release/b/1"))
    assert not isinstance(refused.value, LostRace)
    assert remote.git("for-each-ref") == before


def test_texts_of_tags_are_bounded_and_may_be_anything(remote: Remote, repository: Repository) -> None:
    for name, text in {"long": b"x" * (TEXT_LIMIT + 1), "latin": b"caf\xe9", "fine": b"{}"}.items():
        remote.git(*WHO, "tag", "-a", "-F", "-", name, "main", stdin=text)
    remote.git("tag", "light", "main")
    remote.git(*WHO, "tag", "-a", "-m", "m", "of-a-tag", "fine")
    names = ["long", "latin", "fine", "light", "of-a-tag"]
    assert repository.tag_texts(names) == dict.fromkeys(names[1:]) | {"fine": "{}\n"}
