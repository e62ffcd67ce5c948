"""A machine that gives no more threads or processes: what can go on does, the rest is told as the machine's limit."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB, pinned
from tests.conftest import PROJECT
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.git_http import Remote

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy

#: It reads pages of 16 MiB.
pytestmark = pytest.mark.slow

#: Runs a command and says how much memory it took at most, in KiB.
MEASURED = """\
import sys
from gitops_bot.cli.main import main
try:
    sys.exit(main())
finally:
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print("peak", status["VmHWM"].split()[0], file=sys.stderr)
"""

#: A stack of that size has no place in any memory: Python says what it says where a limit is reached.
NO_THREADS = "import _thread\n_thread.stack_size(1 << 46)\n"
NO_PROCESSES = """\
import errno, os, subprocess

def refuse(*_, **__):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

subprocess.Popen._execute_child = refuse
"""


def limited(deploy: Deploy, folder: Path, limit: str) -> dict[str, str]:
    """The environment of a bot whose machine is like that."""
    (folder / "sitecustomize.py").write_text(limit)
    return deploy.env | {"PYTHONPATH": f"{folder}:{PROJECT}"}


def test_without_threads_every_image_is_asked_one_after_the_other(shop: Deploy, tmp_path: Path) -> None:
    digest = shop.push("web", "1.1.0")
    done = shop.ask("update", env=limited(shop, tmp_path, NO_THREADS))

    assert done.code == 0
    assert shop.files("gitops-bot/production/all")[WEB] == pinned(
        shop.files("main")[WEB],
        ("newTag: 1.0.0", "newTag: 1.1.0"),
        (shop.push("web", "1.0.0"), digest),
    )


def test_without_threads_the_doctor_asks_one_question_after_the_other(shop: Deploy, tmp_path: Path) -> None:
    done = shop.ask("doctor", env=limited(shop, tmp_path, NO_THREADS))

    assert done.code == 0


def test_without_threads_there_are_no_probes(shop: Deploy, tmp_path: Path) -> None:
    env = limited(shop, tmp_path, NO_THREADS)
    done = shop.bot("run", "--every", "5m", "--listen", "127.0.0.1:0", env=env)

    assert done.code == 1
    assert "this machine cannot start more threads" in done.err
    assert "ulimit -a" in done.err
    assert "bug" not in done.err


def test_without_processes_git_cannot_be_started(shop: Deploy, tmp_path: Path) -> None:
    done = shop.ask("update", env=limited(shop, tmp_path, NO_PROCESSES))

    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.git"
    assert problem["message"] == "git cannot be started: this machine cannot start more processes"
    assert "ulimit -a" in problem["next"]


def peak(folder: Path, page: bytes) -> int:
    """KiB of memory that `plan` takes at most for twelve images, with this page as the list of tags of each."""
    with broken_server([answer("200 OK", page, "Content-Type: application/json")]) as registry:
        file = "images:\n- name: {}/x{}\n  newTag: 1.0.0\n"
        files = {f"apps/{at}/kustomization.yaml": file.format(registry.host, at).encode() for at in range(12)}
        policy = b"policy: {semver: '>=1'}, propose: {as: commit}"
        files["gitops-bot.yaml"] = b"version: 1\nenvironments: {production: {overlays: [apps/*], %s}}\n" % policy
        remote = Remote.create(folder / f"{len(page)}.git", files)
        command = [sys.executable, "-c", MEASURED, "plan", "--repository", str(remote.path)]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "12 failed: see below" in done.stdout
    return int(done.stderr.split("peak ")[1])


def test_large_pages_of_twelve_images_take_little_memory(tmp_path: Path) -> None:
    nested = b'{"a":' * 400 + b"1" + b"}" * 400
    page = b'{"tags": [' + b",".join([nested] * ((1 << 24) // (len(nested) + 1) - 20)) + b"]}"
    assert peak(tmp_path, page) - peak(tmp_path, b"{}") < 150 * 1024
