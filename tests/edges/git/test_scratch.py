"""The folder of a clone: deleted at the end, and by the next run where its process was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git import cache
from gitops_bot.edges.git.cache import scratch_folder
from gitops_bot.errors import GitError

if TYPE_CHECKING:
    from pathlib import Path

#: It kills processes.
pytestmark = pytest.mark.slow

MARK, NEW_MARK = ".gitops-bot-scratch", ".gitops-bot-scratch.new"
#: A process that makes a folder and is killed when it calls a function of this name for the given time.
KILLED = """
import os, signal, sys
from contextlib import ExitStack
from gitops_bot.edges.git.cache import scratch_folder

place, killer, left = sys.argv[1], sys.argv[2], int(sys.argv[3])

def watch(event, arguments):
    global left
    if event == killer and place in str(arguments):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
with ExitStack() as stack:
    data, _ = scratch_folder(stack, place, None)
    (data / "copy.git" / "objects").mkdir(parents=True)
    (data / "copy.git" / "HEAD").write_text("x")
os.kill(os.getpid(), signal.SIGKILL)
"""
#: What a process does to the folder, one after the other: each is a moment at which it may be killed.
MOMENTS = [
    ("os.mkdir", 2),
    ("open", 2),
    ("os.rename", 1),
    ("os.mkdir", 3),
    ("open", 3),
    ("os.rmdir", 1),
    ("os.remove", 2),
]


def made(place: Path, name: str = "gitops-bot-abcdefgh", *files: str, age: float = 0) -> Path:
    folder = place / name
    folder.mkdir()
    for file in files:
        (folder / file).write_text("x")
    moment = folder.stat().st_mtime - age
    os.utime(folder, (moment, moment))
    return folder


def swept(place: Path) -> list[str]:
    """What is there after one more run."""
    with ExitStack() as stack:
        scratch_folder(stack, str(place), None)
    return sorted(path.name for path in place.iterdir())


@pytest.mark.parametrize(("killer", "times"), MOMENTS)
def test_what_a_killed_process_left_is_gone_after_the_next_run(
    tmp_path: Path, killer: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), killer, str(times)], check=False)
    assert done.returncode == -9
    monkeypatch.setattr(cache, "_GRACE", -1.0)
    assert swept(tmp_path) == []


def test_only_an_empty_folder_has_to_wait_a_minute_for_that(tmp_path: Path) -> None:
    made(tmp_path, "gitops-bot-just_now")
    made(tmp_path, "gitops-bot-a_while_", age=61)
    made(tmp_path, "gitops-bot-whilenew", NEW_MARK, age=61)
    made(tmp_path, "gitops-bot-deadproc", MARK)
    assert swept(tmp_path) == ["gitops-bot-just_now"]


def test_the_folder_of_a_living_process_stays(tmp_path: Path) -> None:
    with ExitStack() as stack:
        data, configuration = scratch_folder(stack, str(tmp_path), None)
        os.utime(data.parent, (0, 0))
        assert swept(tmp_path) == [data.parent.name]
        assert configuration.is_file()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    precious = made(tmp_path, "precious", MARK, "data")
    made(tmp_path, "gitops-bot-checkout", "mine", age=10_000)
    made(tmp_path, "gitops-bot-demo-abc", MARK)
    (tmp_path / "gitops-bot-afile___").write_text(MARK)
    (tmp_path / "gitops-bot-alink___").symlink_to(precious)
    (made(tmp_path, "gitops-bot-linkmark") / MARK).symlink_to(precious / MARK)
    if os.geteuid() == 0:  # only root can give files away
        os.chown(made(tmp_path, "gitops-bot-somebody", MARK, age=10_000), 65534, 65534)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert swept(tmp_path) == before
    assert sorted(path.name for path in precious.iterdir()) == [MARK, "data"]


def test_a_link_inside_is_not_followed(tmp_path: Path) -> None:
    precious = made(tmp_path, "precious", "file")
    (made(tmp_path, "gitops-bot-abcdefgh", MARK) / "data").symlink_to(precious)
    assert swept(tmp_path) == ["precious"]
    assert (precious / "file").is_file()


def test_a_place_that_cannot_be_written_is_an_error_and_no_other_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("x")
    for place in ("missing", "a file"):
        with ExitStack() as stack, pytest.raises(GitError, match=rf"temporary folder in .*{place}") as failed:
            scratch_folder(stack, str(tmp_path / place), None)
        assert failed.value.problem.next == "Set TMPDIR to a writable folder."
