"""`gitops-bot demo` from its first line to Ctrl-C: a story that fits a screen, and servers to go on with."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from html import unescape
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from gitops_bot.demo import terminal
from tests.conftest import PROJECT
from tests.counterparts.world import ended, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.counterparts.world import Done


@contextmanager
def serving(*arguments: str, folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """A demo that waits: the lines of its output so far, and those that come once Ctrl-C has ended it with 0."""
    # A script that starts it in the background lets it ignore Ctrl-C at first.
    command = ["/bin/sh", "-c", 'trap \'\' INT; exec "$0" "$@"', sys.executable, "-m", "gitops_bot", "demo", *arguments]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(PROJECT), "TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8")
    assert process.stdout is not None
    lines, rest = [process.stdout.readline().rstrip()], []
    while "Press Ctrl-C" not in lines[-1]:
        assert process.poll() is None, lines
        lines.append(process.stdout.readline().rstrip())
    try:
        yield lines, rest
    finally:
        process.send_signal(signal.SIGINT)
        done = ended(process)
        assert (done.code, done.err) == (0, "")
        rest += done.out.splitlines()


def environment(lines: list[str]) -> dict[str, str]:
    """The variables that a user is asked to export."""
    return dict(shlex.split(line)[1].split("=", 1) for line in lines if line.startswith("  export "))


def ask(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        connection.request(method, parts.path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def shell(line: str, *, cwd: Path) -> None:
    """What a user pastes, with a home that knows nothing, and nobody there to ask for a password."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_TERMINAL_PROMPT": "0"}
    env |= {"GIT_AUTHOR_NAME": "alice", "GIT_AUTHOR_EMAIL": "alice@example.com"}
    env |= {"GIT_COMMITTER_NAME": "alice", "GIT_COMMITTER_EMAIL": "alice@example.com"}
    done = subprocess.run(["/bin/sh", "-c", line], cwd=cwd, env=env, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_story_fits_a_screen_and_its_servers_take_merges_and_pushes_until_ctrl_c(tmp_path: Path) -> None:
    with serving("--keep", folder=tmp_path) as (lines, rest):
        story = lines[: lines.index("Read and merge in a browser:")]
        assert len(story) <= 100
        assert [line for line in story if len(line) > 100] == []
        told = "\n".join(story)
        for part in (
            "opened #1 ",
            "alice merges #1",
            "opened #2 ",
            "alice merges #2",
            "held.reverted: rolled back to ",
        ):
            assert part in told
        # It ends on a promotion, of what production's policy admits and of nothing else.
        last = told[told.index("$ gitops-bot promote staging production") :]
        proposed, held = last.split("    held:\n")
        assert "opened #3 " in proposed
        assert re.findall(r"-> (v[^@]+)@sha256:\w+\n\s+apps/(\w+)/overlays", proposed) == [("v1.5.0", "web")]
        assert "held.policy: v2.8.0-rc.2 " in held

        env = environment(lines)
        (home,) = (line.strip() for line in lines if line.endswith("/acme/deploy"))
        status, text = ask("GET", f"{home}/status")
        assert (status, "acme/web" in text, "v1.5.0" in text) == (200, True, True)
        assert f'href="{home}"' in text
        assert f"{home}/pull/3" in text
        (page,) = (line.strip() for line in lines if line.endswith("/pull/3"))
        status, text = ask("GET", page)
        assert (status, "<strong>production</strong>" in text, "gitops-bot:" in text) == (200, True, False)
        form = {name: unescape(value) for name, value in re.findall(r"type=hidden name=(\w+) value='([^']*)'", text)}
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": env["GITHUB_SERVER_URL"]}
        assert ask("POST", f"{page}/merge", urlencode(form).encode(), kind)[0] == 303
        plan = run("plan", "--repository", "acme/deploy", "--exit-code", cwd=tmp_path, env=env)
        assert plan.code == 0, plan.out

        (clone,) = (line for line in lines if line.startswith("  git clone http://127.0.0.1:"))
        assert not any(secret in clone for secret in (env["GITHUB_TOKEN"], "@"))
        shell(clone, cwd=tmp_path)
        shell("git commit --quiet --allow-empty --message=mine && git push --quiet", cwd=tmp_path / "deploy")
        shell(
            'git fetch --quiet && test "$(git rev-parse HEAD)" = "$(git rev-parse origin/main)"',
            cwd=tmp_path / "deploy",
        )

    (folder,) = tmp_path.glob("gitops-bot-demo-*")
    assert rest[-1] == f"  gitops-bot demo --resume {folder}"
    assert not list(folder.glob("git-*")), "no credentials are left"

    with serving("--resume", str(folder), folder=tmp_path) as (lines, rest):
        env = environment(lines)
        assert run("plan", "--repository", "acme/deploy", "--exit-code", cwd=tmp_path, env=env).code == 4
        shell("git commit --quiet --allow-empty --message=more && git push --quiet", cwd=tmp_path / "deploy")
        updated = run("update", "--repository", "acme/deploy", cwd=tmp_path, env=env)
        assert (updated.code, "opened #4 " in updated.out) == (0, True)


@pytest.mark.slow
def test_the_full_story_cuts_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    done: Done = run("demo", "--full", cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    assert (done.code, done.err) == (0, "")
    assert "more lines" not in done.out
    assert done.out.count("\n$ gitops-bot ") == 7
    assert done.out.count("\n  +++ b/apps/web/overlays/production/kustomization.yaml\n") == 3
    diff = re.compile(r"  [ +-]")
    assert [line for line in done.out.splitlines() if len(line) > 100 and not diff.match(line)] == []
    assert "--keep" in done.out.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_what_can_not_be_resumed_says_so(tmp_path: Path) -> None:
    done = run("demo", "--resume", str(tmp_path), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "has no kept demo" in done.err


@pytest.mark.parametrize("terminals", [True, False])
def test_a_command_is_shown_as_on_a_terminal_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminals: bool
) -> None:
    if not terminals:
        monkeypatch.delattr("os.openpty")
    code = "import sys; print(sys.stdout.isatty()); sys.exit('failed')"
    ran = terminal.run([sys.executable, "-c", code], cwd=tmp_path, env={}, width=72, colours=True)
    assert ran == terminal.Ran((str(terminals), "failed"), 1)
