"""A cache only saves time: with a broken, busy or missing one everything goes on as without."""

from __future__ import annotations

import json
import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git import cache as git_cache
from gitops_bot.errors import GitError
from tests.counterparts.git_http import Remote
from tests.edges.git.remotes import BRANCH, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: It makes many repositories.
pytestmark = pytest.mark.slow

FILES = {f"apps/{name}/k.yaml": name.encode() * 100 for name in ("web", "api", "db")}


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", FILES)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def visit(remote: Remote, cache: Path) -> dict[str, bytes]:
    """Everything that a run does."""
    with opened(remote, cache=cache) as repository:
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


def test_each_repository_has_a_copy_of_its_own_into_which_only_its_owner_may_look(
    remote: Remote, cache: Path, tmp_path: Path
) -> None:
    visit(remote, cache)
    assert stat.S_IMODE(copy_in(cache).parent.stat().st_mode) == 0o700
    other = Remote.create(tmp_path / "other.git", {"x": b"x"})
    with opened(other, cache=cache) as repository:
        assert repository.tree(repository.head("main")) == {"x": "100644"}

    assert len(list(cache.glob("git/*/copy.git"))) == 2


def test_a_copy_that_another_process_uses_is_left_alone(remote: Remote, cache: Path) -> None:
    with opened(remote, cache=cache) as first:
        head = first.head("main")
        before = objects(copy_in(cache))
        assert visit(remote, cache) == FILES
        assert objects(copy_in(cache)) == before
        assert first.read(head, FILES) == FILES

    assert visit(remote, cache) == FILES


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


def _pipe(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def _link(file: Path) -> None:
    elsewhere = file.rename(file.parents[3] / "elsewhere")
    file.symlink_to(elsewhere)


def _armed(copy: Path, ran: Path) -> None:
    """What git would run or follow when it reads a repository that somebody else prepared."""
    shutil.rmtree(copy / "refs")  # then git asks for the refs of the alternates
    (copy / "refs").mkdir()
    elsewhere = copy.parent / "elsewhere.git"
    shutil.copytree(copy, elsewhere)
    (copy / "objects" / "info").mkdir(exist_ok=True)
    (copy / "objects" / "info" / "alternates").write_text(f"{elsewhere}/objects\n")
    with (copy / "config").open("a") as config:
        config.write(f'[core]\n\talternateRefsCommand = "touch {ran}; echo"\n')
    hook = copy / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n: > {ran}\n")
    hook.chmod(0o755)


BREAKS: dict[str, Callable[[Path], object]] = {
    "no objects": lambda copy: shutil.rmtree(copy / "objects"),
    "flipped bytes": _flip_packs,
    "half a shallow file": lambda copy: (copy / "shallow").write_text("0123456789"),
    "locks of a killed run": _stale_locks,
    "another common folder": lambda copy: (copy / "commondir").write_text("/nonexistent\n"),
    "a broken ref": lambda copy: (copy / "refs/remotes/gitops-bot/main").write_text("0123"),
    "no HEAD": lambda copy: (copy / "HEAD").unlink(),
    "something else": _another_file,
    "a pipe": lambda copy: _pipe(copy / "packed-refs"),
    "a pack elsewhere": lambda copy: _link(next((copy / "objects/pack").glob("*.pack"))),
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


def test_what_a_killed_fetch_left_is_deleted_and_a_damaged_configuration_costs_no_new_copy(
    remote: Remote, cache: Path
) -> None:
    visit(remote, cache)
    before = objects(copy_in(cache))
    leftover = copy_in(cache) / "objects" / "pack" / "tmp_pack_Ab12Cd"
    leftover.write_bytes(b"PACK")
    for damage in (b"\xff[[", b"[core\n"):
        (copy_in(cache) / "config").write_bytes(damage)

        assert visit(remote, cache) == FILES
        assert not leftover.exists()
        assert before <= objects(copy_in(cache))


def test_nothing_that_a_copy_says_is_run_or_followed(remote: Remote, cache: Path, tmp_path: Path) -> None:
    visit(remote, cache)
    _armed(copy_in(cache), tmp_path / "ran")

    assert visit(remote, cache) == FILES
    assert not (tmp_path / "ran").exists()
    assert not list(copy_in(cache).glob("hooks")) + list(copy_in(cache).glob("objects/info/alternates"))


@pytest.mark.parametrize("part", [".", "git", "git/*", "git/*/copy.git"])
def test_what_belongs_to_another_user_or_others_may_write_to_is_not_used(
    remote: Remote, cache: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    visit(remote, cache)
    folder = next(cache.glob(part)) if part != "." else cache
    before = objects(copy_in(cache))
    newer = FILES | {"apps/web/k.yaml": b"newer"}
    remote.commit("main", newer)
    mode = {".": 0o720, "git": 0o702, "git/*": 0o1777}.get(part)
    if mode is not None:
        folder.chmod(mode)
        assert visit(remote, cache) == newer
    unused = ("cache.unused", str(folder), "other users may write to it")
    assert told(capsys) == ([] if mode is None else [unused])
    if os.geteuid() == 0:  # only root can give files away
        folder.chmod(0o700)
        os.chown(folder, 65534, 65534)
        assert visit(remote, cache) == newer
        assert told(capsys) == [("cache.unused", str(folder), "it belongs to another user")]
    assert objects(copy_in(cache)) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_copy_with_a_file_of_another_user_is_made_anew(remote: Remote, cache: Path) -> None:
    visit(remote, cache)
    for path in copy_in(cache).glob("objects/pack/*.pack"):
        os.chown(path, 65534, 65534)

    assert visit(remote, cache) == FILES
    assert {path.stat().st_uid for path in copy_in(cache).rglob("*")} == {0}


def test_a_generous_umask_makes_no_cache_that_is_refused_later(
    remote: Remote, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = os.umask(0)
    try:
        visit(remote, cache)
        visit(remote, cache)
    finally:
        os.umask(before)

    assert told(capsys) == []


def test_a_lock_or_a_copy_that_is_a_link_is_not_followed(
    remote: Remote, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visit(remote, cache)
    copy, lock = copy_in(cache), copy_in(cache).parent / "lock"
    (tmp_path / "precious").write_text("mine")
    lock.unlink()
    lock.symlink_to(tmp_path / "precious")
    assert visit(remote, cache) == FILES
    assert (tmp_path / "precious").read_text() == "mine"
    assert [(name, folder) for name, folder, _ in told(capsys)] == [("cache.unused", str(lock))]

    lock.unlink()
    copy.rename(tmp_path / "mine.git")
    (tmp_path / "mine.git" / "config").write_text("mine")
    copy.symlink_to(tmp_path / "mine.git")
    assert visit(remote, cache) == FILES
    assert (tmp_path / "mine.git" / "config").read_text() == "mine"
    assert not copy.is_symlink()


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    """The events of the log: name, folder and reason."""
    events = map(json.loads, capsys.readouterr().err.splitlines())
    return [(event["event"], event["folder"], event["reason"]) for event in events]


def test_a_remote_that_is_away_is_no_reason_to_throw_the_copy_away(remote: Remote, cache: Path) -> None:
    visit(remote, cache)
    before = objects(copy_in(cache))
    remote.path.rename(remote.path.with_name("away"))

    with opened(remote, cache=cache) as repository, pytest.raises(GitError):
        repository.head("main")

    assert objects(copy_in(cache)) == before


def test_a_cache_that_cannot_be_written_is_done_without(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    assert visit(remote, tmp_path / "file") == visit(remote, tmp_path / "file" / "below") == FILES
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
    before = objects(copy_in(cache))
    assert visit(remote, cache) == FILES
    assert before <= objects(copy_in(cache)), "a copy of either format is used again"

    shutil.rmtree(remote.path)
    Remote.create(remote.path, FILES)

    assert visit(remote, cache) == FILES
