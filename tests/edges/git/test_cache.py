"""A cache only saves time: with a broken, busy or missing one everything goes on as without."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git import Repository
from gitops_bot.edges.git import cache as git_cache
from gitops_bot.errors import GitError
from tests.counterparts.git_http import Remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BARE = {"PATH": os.environ["PATH"]}
BRANCH = "gitops-bot/production/all"
FILES = {f"apps/{name}/k.yaml": name.encode() * 100 for name in ("web", "api", "db")}


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", FILES)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def visit(remote: Remote, cache: Path) -> dict[str, bytes]:
    """Everything that a run does."""
    with Repository(remote.file_url, cache=cache, environ=BARE) as repository:
        head = repository.head("main")
        found = repository.read(head, FILES)
        branch = repository.branch(BRANCH, head)
        expected = branch.head if branch else None
        files = {"new.yaml": os.urandom(8)}
        repository.publish(BRANCH, parent=head, files=files, message="m", expected=expected)
        return found


def copy_in(cache: Path) -> Path:
    (copy,) = cache.glob("git/*/copy.git")
    return copy


def objects(copy: Path) -> set[str]:
    return {path.name for path in (copy / "objects").rglob("*") if path.is_file()}


def test_the_next_run_goes_on_with_what_is_there(remote: Remote, cache: Path) -> None:
    visit(remote, cache)
    before = objects(copy_in(cache))
    remote.commit("main", {"apps/web/k.yaml": b"newer"})

    assert visit(remote, cache) == FILES | {"apps/web/k.yaml": b"newer"}
    assert before <= objects(copy_in(cache))


def test_only_its_owner_may_look_into_it(remote: Remote, cache: Path) -> None:
    visit(remote, cache)

    assert stat.S_IMODE(copy_in(cache).parent.stat().st_mode) == 0o700


def test_each_repository_has_a_copy_of_its_own(remote: Remote, cache: Path, tmp_path: Path) -> None:
    other = Remote.create(tmp_path / "other.git", {"x": b"x"})
    visit(remote, cache)
    with Repository(other.file_url, cache=cache, environ=BARE) as repository:
        assert repository.tree(repository.head("main")) == {"x": "100644"}

    assert len(list(cache.glob("git/*/copy.git"))) == 2


def test_a_copy_that_another_process_uses_is_left_alone(remote: Remote, cache: Path) -> None:
    with Repository(remote.file_url, cache=cache, environ=BARE) as first:
        head = first.head("main")
        before = objects(copy_in(cache))
        assert visit(remote, cache) == FILES
        assert objects(copy_in(cache)) == before
        assert first.read(head, FILES) == FILES

    assert visit(remote, cache) == FILES


def _empty_objects(copy: Path) -> None:
    for file in (copy / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")


def _flip_packs(copy: Path) -> None:
    for file in (copy / "objects").rglob("*.pack"):
        file.chmod(0o644)
        data = bytearray(file.read_bytes())
        data[12:-20] = bytes(byte ^ 0x55 for byte in data[12:-20])
        file.write_bytes(data)


def _stale_locks(copy: Path) -> None:
    for name in ("shallow.lock", "packed-refs.lock", f"refs/remotes/gitops-bot/{BRANCH}.lock"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()


def _another_file(copy: Path) -> None:
    shutil.rmtree(copy)
    copy.write_text("x")


BREAKS: dict[str, Callable[[Path], object]] = {
    "no objects": lambda copy: shutil.rmtree(copy / "objects"),
    "empty objects": _empty_objects,
    "flipped bytes": _flip_packs,
    "half a shallow file": lambda copy: (copy / "shallow").write_text("0123456789"),
    "a shallow file of something else": lambda copy: (copy / "shallow").write_text("0" * 40 + "\n"),
    "locks of a killed run": _stale_locks,
    "broken configuration": lambda copy: (copy / "config").write_text("[core\n"),
    "a broken ref": lambda copy: (copy / "refs/remotes/gitops-bot/main").write_text("0123"),
    "no HEAD": lambda copy: (copy / "HEAD").unlink(),
    "no packs": lambda copy: shutil.rmtree(copy / "objects" / "pack"),
    "something else": _another_file,
}


@pytest.mark.parametrize("damage", BREAKS.values(), ids=BREAKS)
def test_a_broken_copy_is_thrown_away_and_made_anew(
    remote: Remote, cache: Path, damage: Callable[[Path], object]
) -> None:
    visit(remote, cache)
    damage(copy_in(cache))

    assert visit(remote, cache) == FILES
    assert visit(remote, cache) == FILES, "and is whole from then on"
    assert remote.log(BRANCH, "%P")[0] == remote.branches()["main"]


def test_a_remote_that_is_away_is_no_reason_to_throw_the_copy_away(remote: Remote, cache: Path) -> None:
    visit(remote, cache)
    before = objects(copy_in(cache))
    remote.path.rename(remote.path.with_name("away"))

    with Repository(remote.file_url, cache=cache, environ=BARE) as repository, pytest.raises(GitError):
        repository.head("main")

    assert objects(copy_in(cache)) == before


@pytest.mark.parametrize("kind", ["a file", "below a file"])
def test_a_cache_that_cannot_be_written_is_done_without(remote: Remote, tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("mine")

    assert visit(remote, tmp_path / "file" if kind == "a file" else tmp_path / "file" / "below") == FILES
    assert (tmp_path / "file").read_text() == "mine"


def test_a_worn_copy_is_made_anew(remote: Remote, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_cache, "_PACK_LIMIT", 3)
    for _ in range(4):
        visit(remote, cache)
        packs = len(list(copy_in(cache).glob("objects/pack/*.pack")))
        remote.commit("main", {path: os.urandom(100) for path in FILES})
        remote.commit("main", FILES)

    assert packs <= 3 + 3, "the limit, and what one run adds"


def test_a_remote_that_was_made_again_in_another_format_is_followed(remote: Remote, cache: Path) -> None:
    visit(remote, cache)
    shutil.rmtree(remote.path)
    Remote.create(remote.path, FILES, object_format="sha256")

    assert visit(remote, cache) == FILES

    shutil.rmtree(remote.path)
    Remote.create(remote.path, FILES)

    assert visit(remote, cache) == FILES
