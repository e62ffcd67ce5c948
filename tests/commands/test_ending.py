"""How a command ends when it is told to, when nobody reads it, and when there is no room for what it says."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.conftest import CONFIG, WEB
from tests.commands.killed import kill_at
from tests.conftest import PROJECT
from tests.counterparts.world import ended, run, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

FILE = b"images:\n- name: web\n  newTag: 1.0.0\n"


def test_what_a_killed_run_left_is_deleted_by_the_next_one_of_any_command(shop: Deploy) -> None:
    scratch = shop.folder / "scratch"
    scratch.mkdir()
    env = shop.env | {"TMPDIR": str(scratch)}
    shop.push("web", "1.1.0")
    kill_at(shop, "POST /graphql", done=False, env=env)
    assert list(scratch.rglob("copy.git/objects"))
    assert shop.bot("status", env=env).code == 0
    assert list(scratch.iterdir()) == []


def test_a_git_that_cannot_be_executed_is_an_error(tmp_path: Path) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_bytes(b"\0\1\2")
    git.chmod(0o755)
    words = ("--repository", "https://github.test/acme/deploy", "--output", "json")
    done = run("plan", *words, cwd=tmp_path, env={"PATH": str(git.parent)})
    (problem,) = done.json["problems"]
    assert done.code == 1
    assert problem["message"].startswith("git cannot be executed: ")
    assert problem["next"] == "Install git 2.32 or newer."


def test_a_folder_for_temporary_files_that_cannot_be_written_is_an_error(shop: Deploy) -> None:
    (shop.folder / "file").write_text("x")
    done = shop.ask("plan", env=shop.env | {"TMPDIR": str(shop.folder / "file")})
    (problem,) = done.json["problems"]
    assert (done.code, problem["next"]) == (1, "Set TMPDIR to a writable folder.")
    assert f"cannot create a temporary folder in {shop.folder}/file: " in problem["message"]


def test_a_run_that_is_told_to_end_says_so_and_leaves_no_files(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    scratch = shop.folder / "scratch"
    scratch.mkdir()
    running: list[subprocess.Popen[str]] = []
    kept: list[int] = []
    begun = threading.Event()

    def told(request: Request, go: Callable[[], Answer]) -> Answer:
        begun.wait()
        kept.append(len(list(scratch.iterdir())))
        running[0].send_signal(signal.SIGTERM)
        running[0].wait()
        return Answer(500, b"nobody is there to read this")

    shop.gate(told)
    with shop.watching() as seen:
        running.append(shop.start("update", env=shop.env | {"TMPDIR": str(scratch)}))
        begun.set()
        done = ended(running[0])
    assert (done.code, done.err.strip()) == (130, "interrupted")
    assert seen.before == seen.after
    # There was something to leave behind.
    assert kept[0] > 0
    assert list(scratch.iterdir()) == []


def test_one_interrupt_ends_a_plan_whose_registries_never_answer(worldwide: World) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        entries = "".join(f"- name: 127.0.0.1:{each.getsockname()[1]}/acme/web\n  newTag: 1.0.0\n" for each in silent)
        deploy = worldwide.deploy(lambda _: {"gitops-bot.yaml": CONFIG, WEB: f"images:\n{entries}".encode()})
        scratch = deploy.folder / "scratch"
        scratch.mkdir()
        process = deploy.start("plan", env=deploy.env | {"TMPDIR": str(scratch)})
        # One question to each registry is under way, and none of them is ever answered.
        for each in silent:
            stack.enter_context(each.accept()[0])
        process.send_signal(signal.SIGINT)
        done = ended(process)
        for each in silent:
            each.setblocking(False)
            # Nothing was asked a second time: nobody waited until the questions were given up.
            with pytest.raises(BlockingIOError):
                each.accept()
    assert (done.code, done.err.strip(), done.out) == (130, "interrupted", "")
    assert list(scratch.iterdir()) == []


def sh(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which `$BOT` is the command."""
    return subprocess.run(
        ["/bin/sh", "-c", script.replace("$BOT", shlex.join([sys.executable, "-m", "gitops_bot"]))],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def repository(folder: Path) -> None:
    """What `edit` and `check` want: a kustomization here, and one of an environment."""
    for name in ("dev", ".git"):
        (folder / name).mkdir()
    (folder / ".git" / "HEAD").touch()
    for name in (".", "dev"):
        (folder / name / "kustomization.yaml").write_bytes(FILE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    "command", ["schema", "edit . web=1.1.0 --output json", "plan --output json", "plan --bogus --output json"]
)
def test_no_room_for_the_output_is_a_failure_in_a_sentence(tmp_path: Path, command: str) -> None:
    repository(tmp_path)
    done = sh(f"$BOT {command} >/dev/full", tmp_path)
    # Nothing was wrong with the command but for `plan`, which has no repository here or no such option.
    assert done.returncode == (2 if command.startswith("plan") else 1)
    assert "error: No space left on device: not everything could be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if command.startswith("edit"):
        # What was to be done is done; what failed is the word of it.
        assert (tmp_path / "kustomization.yaml").read_bytes() == FILE.replace(b"1.0.0", b"1.1.0")


@pytest.mark.parametrize("command", ["edit . web=1.1.0 >&- 2>&-", "check >&-", "plan --output json 2>&-"])
def test_a_closed_output_changes_nothing_but_that_nothing_is_read(tmp_path: Path, command: str) -> None:
    repository(tmp_path)
    done = sh(f"$BOT {command}", tmp_path)
    assert done.returncode == (2 if command.startswith("plan") else 0)
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stdout + done.stderr
    if command.startswith("edit"):
        assert (tmp_path / "kustomization.yaml").read_bytes() == FILE.replace(b"1.0.0", b"1.1.0")


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    process = start("schema", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    done = ended(process)
    assert (done.code, done.err) == (0, "")


def test_a_demo_without_git_says_what_is_missing(tmp_path: Path) -> None:
    told = run("demo", cwd=tmp_path, env={"TMPDIR": str(tmp_path), "PATH": str(tmp_path)})
    assert (told.code, told.out) == (1, "")
    assert told.err == "error: git is not installed, or not on PATH\n  next: Install git 2.32 or newer.\n"
    assert not list(tmp_path.iterdir())


def test_a_demo_without_its_libraries_says_how_to_install_them(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\n\nsys.modules['markdown_it'] = None\n", "utf-8")
    told = run("demo", cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{PROJECT}"})
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        "error: `gitops-bot demo` needs the library markdown-it-py, which is not installed\n"
        "  next: Install the extra `demo`: pip install 'gitops-bot[demo]' (in a checkout: pip install '.[demo]').\n"
    )
