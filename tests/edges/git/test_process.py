"""How git is run: environment, bounds, and what its words look like. A script plays git where git would not do it."""

from __future__ import annotations

import os
import resource
import select
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git.process import Git
from gitops_bot.edges.git.remote import Credentials
from gitops_bot.errors import GitError
from tests.conftest import program

if TYPE_CHECKING:
    from pathlib import Path

#: It waits for processes that hang.
pytestmark = pytest.mark.slow

PATH = os.environ["PATH"]


def python(code: str) -> str:
    """A line of shell that becomes Python: a machine may have no other program."""
    return f'exec {shlex.quote(sys.executable)} -I -c {shlex.quote(code)} "$@"'


COPY = python("import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)")
ENDLESS = python("import os\nwhile True: os.write(1, bytes(65536))")
WAITS = python("import time; time.sleep(600)")
VARIABLES = python("import os; os.write(1, b'\\0'.join(b'='.join(pair) for pair in os.environb.items()))")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The folder in which `play` puts a git."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def play(folder: Path, text: str, **options: object) -> Git:
    (folder / "git").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "git").chmod(0o755)
    return Git({"PATH": f"{folder}:{PATH}"}, **options)


def variables(git: Git, *settings: tuple[str, str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in git.run("x", settings=settings).out.decode().split("\0") if line)


class TestRun:
    def test_gives_status_output_and_complaints(self, script: Path) -> None:
        answer = play(script, f'({COPY}); echo "$@"; echo oh no >&2; exit 3').run("a b", "--c", "*", stdin=b"\x00in\n")

        assert (answer.status, answer.out, answer.err) == (3, b"\x00in\na b --c *\n", "oh no")

    def test_input_and_output_larger_than_any_pipe_do_not_block_nor_does_a_reader_that_goes_away(
        self, script: Path
    ) -> None:
        data = os.urandom(3_000_000)

        assert play(script, COPY).run("x", stdin=data).out == data
        answer = play(script, "exec 0<&-; echo done; exit 1").run("x", stdin=data)
        assert (answer.status, answer.out) == (1, b"done\n")

    def test_what_takes_too_long_is_killed_with_its_helpers(self, script: Path, tmp_path: Path) -> None:
        line = tmp_path / "line"
        os.mkfifo(line)
        reading = os.open(line, os.O_RDONLY | os.O_NONBLOCK)
        git = play(script, f"({WAITS}) 3> {line} & wait", timeout=1)

        with pytest.raises(GitError, match=r"git fetch took longer than 1 s and was stopped"):
            git.run("fetch")

        assert select.select([reading], [], [], 30)[0], "the helper holds the line"
        assert os.read(reading, 1) == b""
        os.close(reading)

    def test_too_much_output_is_an_error_or_cut(self, script: Path) -> None:
        with pytest.raises(GitError, match="more than 1 MiB"):
            play(script, ENDLESS).run("ls-tree", limit=1 << 20)
        assert play(script, ENDLESS).run("cat-file", limit=10, cut=True).out == b"\0" * 10

    def test_within_bounds_what_was_printed_in_time_is_kept(
        self, script: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.process.BOUNDED_TIMEOUT", 1.0)

        answer = play(script, f"echo first; {WAITS}").run("diff-tree", bounded=True)

        assert answer.out == b"first\n"
        assert answer.status != 0

    @pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
    @pytest.mark.parametrize("code", ["b'x' * (1 << 30)", "exec('while True: pass')"], ids=["memory", "time"])
    def test_within_bounds_a_process_ends_at_them(
        self, script: Path, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        bounds = ((resource.RLIMIT_DATA, 128 * 1024 * 1024), (resource.RLIMIT_CPU, 1))
        monkeypatch.setattr("gitops_bot.edges.git.process._BOUNDS", bounds)

        answer = play(script, f"echo first; {python('import sys; sys.stdin.read(); ' + code)}").run("x", bounded=True)

        assert answer.out == b"first\n"
        assert answer.status != 0

    def test_endless_complaints_are_not_kept(self, script: Path) -> None:
        git = play(script, python("import sys; sys.stderr.write('x' * 50_000_000)"))

        assert 1000 < len(git.run("x").err) < 100_000

    def test_git_alone_is_needed_on_the_given_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(GitError, match="git is not installed"):
            Git({"PATH": str(tmp_path)}).run("version")
        (tmp_path / "git").symlink_to(program("git"))
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("NOT_FOR_GIT", "1")

        assert Git({"PATH": str(tmp_path)}).version() >= (2, 0)

    def test_no_git_is_started_with_more_than_its_own_environment_in_a_new_process_either(self, script: Path) -> None:
        git = play(script, f'echo "$*:$NOT_FOR_GIT" >> {script}/log; exec {program("git")} "$@"')
        code = f"from gitops_bot.edges.git.process import Git; Git({git.environ!r}).version()"
        environ = {**os.environ, "PATH": git.environ["PATH"], "NOT_FOR_GIT": "1"}
        subprocess.run([sys.executable, "-c", code], env=environ, check=True)

        assert (script / "log").read_text() == "version:\n"

    @pytest.mark.parametrize(
        ("said", "expected"),
        [("git version 2.39.5 (Apple Git-154)", (2, 39)), ("git version 2.50.windows.1", (2, 50)), ("x", (0, 0))],
    )
    def test_the_version_is_read(self, script: Path, said: str, expected: tuple[int, int]) -> None:
        assert play(script, f"echo '{said}'").version() == expected


class TestEnvironment:
    def test_what_leads_to_a_connection_is_kept_and_what_leads_elsewhere_or_was_not_handed_in_is_not(
        self, script: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = {"HTTPS_PROXY": "http://p:1", "GIT_SSL_CAINFO": "/ca.pem", "GIT_SSH_COMMAND": "ssh -i /key"}
        lost = (
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_TRACE_CURL",
            "GIT_CONFIG",
            "GIT_CONFIG_PARAMETERS",
            "GIT_EXTERNAL_DIFF",
        )
        lost += ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_TRACE_REDACT", "SSH_ASKPASS")
        monkeypatch.setenv("GIT_NAMESPACE", "/elsewhere")
        monkeypatch.setenv("GITHUB_TOKEN", "secret")
        base = play(script, VARIABLES)

        found = variables(base)
        assert "PATH" in found
        assert {"GIT_NAMESPACE", "GITHUB_TOKEN", "HOME"}.isdisjoint(found)
        assert "BatchMode=yes" in found["GIT_SSH_COMMAND"], "ssh asks no questions"

        found = variables(Git(dict(base.environ) | kept | dict.fromkeys(lost, "/x")))
        assert {key: found.get(key) for key in (*kept, *lost)} == dict.fromkeys(lost) | kept | {"SSH_ASKPASS": ""}
        assert "GIT_SSH_COMMAND" not in variables(Git(dict(base.environ) | {"GIT_SSH": "/usr/bin/plink"}))

    @pytest.mark.parametrize(("count", "first"), [("2", 2), ("", 0), ("x", 0), ("-1", 0), ("\u00b2", 0)])
    def test_settings_come_after_those_of_the_user_and_win(self, script: Path, count: str, first: int) -> None:
        mine = {"GIT_CONFIG_COUNT": count, "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "mine"}
        base = play(script, VARIABLES)

        found = variables(Git(dict(base.environ) | mine), ("c.d", "ours"))

        assert found[f"GIT_CONFIG_KEY_{first}"] == "core.hooksPath"
        last = int(found["GIT_CONFIG_COUNT"]) - 1
        assert (found[f"GIT_CONFIG_KEY_{last}"], found[f"GIT_CONFIG_VALUE_{last}"]) == ("c.d", "ours")
        assert f"GIT_CONFIG_KEY_{last + 1}" not in found
        assert (found["GIT_CONFIG_KEY_0"] == "a.b") is (first == 2)

    def test_real_git_reads_them(self) -> None:
        git = Git({"PATH": PATH})

        assert git.run("config", "--get", "x.y", settings=[("x.y", "a\nb = 'c'")]).out == b"a\nb = 'c'\n"
        assert git.run("config", "--get", "core.hooksPath").out == b"/dev/null\n"


class TestPrintable:
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            (b"remote: no\r\n", "remote: no"),
            (b"10%\r20%\rdone", "10%\n20%\ndone"),
            (b"\x1b[31mred\x1b[0m", "[31mred[0m"),
            (b"\x1b]0;title\x07x\x08\x7f\x00", "]0;titlex"),
            ("a\u202etxt\u2066\u200b\ufeff".encode(), "atxt"),
            (b"\xff\xfe", "\ufffd\ufffd"),
            (b"https://me:hunter2@h/x and ssh://git@h/x", "https://***@h/x and ssh://***@h/x"),
            (b"token is hunter2!", "token is ***!"),
            (b"Basic bWU6aHVudGVyMg== and bWU6aHVudGVyMg==", "Basic *** and ***"),
        ],
    )
    def test_has_no_secret_and_no_control_character(self, said: bytes, expected: str) -> None:
        git = Git({}, secrets=Credentials("me", "hunter2").secrets())

        assert git.printable(said) == expected


def test_credentials_show_only_the_user() -> None:
    assert repr(Credentials("me", "hunter2")) == "Credentials(username='me')"
