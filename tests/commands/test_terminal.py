"""What reaches the terminal: nothing that it could take for a command, nothing that a pipe would choke on."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB
from tests.conftest import PROJECT
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done, World

HOSTILE = {
    "escape characters": r'"1.0.0\e[2J\e]0;owned\a"',
    "a command of Actions on a line of its own": r'"1.0.0\n::error title=x::owned"',
    "a command of Actions from the start": '"::error title=x::owned"',
    "an older command of Actions": '"x ##[error]owned"',
    "another line break": r'"1.0.0\r\n::error::owned\u2028::error::owned\x85::error::owned"',
    "an eight-bit escape": r'"1.0.0\x9b2J"',
    "text that runs backwards": '"1.0.0\u202egnp\u2066"',
}


def assert_harmless(done: Done) -> None:
    """No character that a terminal obeys, and no line that GitHub Actions does: it strips the blanks before `::`."""
    for text in (done.out, done.err):
        assert all(char.isprintable() or char in "\n\t" for char in text), ascii(text)
        assert not any(line.lstrip().startswith("::") or "##[" in line for line in text.splitlines()), text


def test_a_hostile_pin_or_name_never_reaches_the_terminal_raw(shop: Deploy) -> None:
    host, files = shop.image("web"), {}
    for at, value in enumerate(HOSTILE.values()):
        files[f"apps/t{at}/production/kustomization.yaml"] = f"images:\n- name: {host}\n  newTag: {value}\n".encode()
        files[f"apps/n{at}/production/kustomization.yaml"] = f"images:\n- name: {value}\n  newTag: 1.0.0\n".encode()
    shop.remote.commit("main", files)
    digest = shop.push("web", "1.1.0")
    plan = shop.bot("plan")
    assert_harmless(plan)
    assert plan.out.count("owned") > len(HOSTILE)
    assert_harmless(shop.bot("update"))

    (shop.folder / ".git").mkdir()
    (shop.folder / ".git" / "HEAD").touch()
    for path, data in files.items():
        file = shop.folder / path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        if path.startswith("apps/t"):
            assert_harmless(run("edit", "--dry-run", str(file), f"{host}=1.1.0@{digest}", cwd=shop.folder))
    assert_harmless(run("check", cwd=shop.folder))


def test_a_hostile_line_beside_a_pin_never_reaches_the_terminal_raw(tmp_path: Path) -> None:
    file = tmp_path / "kustomization.yaml"
    file.write_text(
        "images:\n- name: web\n  newTag: 1.0.0\n"
        "configMapGenerator:\n- name: x\n  literals:\n  - |\n    ::error::owned\n    \u202eowned\n"
        "  - name: y\n",
        encoding="utf-8",
    )
    near = tmp_path / "near.yaml"
    near.write_text("images:\n- name: web\n  newTag: 1.0.0\n  other: |\n    ::error::owned \u202e\n", encoding="utf-8")
    for path in (file, near):
        done = run("edit", "--dry-run", str(path), "web=1.1.0", cwd=tmp_path)
        assert done.code == 0
        assert "+  newTag: 1.1.0" in done.out
        assert_harmless(done)
    assert "owned" in done.out


def test_a_repository_without_environments_says_so(worldwide: World) -> None:
    deploy = worldwide.deploy(lambda _: {"README.md": b"# nothing here\n"})
    plan = deploy.bot("plan")
    assert plan.code == 0
    assert "No environments found: there is no gitops-bot.yaml" in plan.out
    assert "Name environments and their overlays in gitops-bot.yaml." in plan.out


def seen(deploy: Deploy, *more: str, env: Mapping[str, str], errors: bool = False) -> tuple[str, str]:
    """What `plan` shows on a terminal, and what goes elsewhere: its output to the one, its errors to the other."""
    controller, terminal = pty.openpty()
    words = [sys.executable, "-m", "gitops_bot", "plan", "--repository", deploy.name, *more]
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8", "TERM": "xterm"}
    ends = (subprocess.PIPE, terminal) if errors else (terminal, subprocess.PIPE)
    with subprocess.Popen(
        words, cwd=deploy.folder, env=clean | dict(env), stdin=subprocess.DEVNULL, stdout=ends[0], stderr=ends[1]
    ) as process:
        os.close(terminal)
        shown = b""
        # Linux ends the reading of a terminal that nobody writes to any more with an error.
        with contextlib.suppress(OSError):
            while chunk := os.read(controller, 65536):
                shown += chunk
        piped = process.stdout or process.stderr
        assert piped is not None
        rest = piped.read().decode()
    os.close(controller)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n"), rest


@pytest.mark.parametrize("more", [(), ("--quiet",)])
def test_on_a_terminal_long_work_is_told_of_and_standard_output_has_nothing_of_it(
    shop: Deploy, more: tuple[str, ...]
) -> None:
    shown, out = seen(shop, *more, env=shop.env, errors=True)
    assert "2 unchanged" in out
    assert "\x1b" not in out
    if more:
        assert shown == ""
    else:
        assert "fetching the repository ..." in shown
        assert "querying 1 registry: 2 of 2 ..." in shown
        assert shown.endswith("\x1b[2K")


def test_on_a_narrow_terminal_a_change_is_a_block_and_the_diff_has_colours(shop: Deploy) -> None:
    before, digest = shop.push("web", "1.0.0"), shop.push("web", "1.1.0")
    env = shop.env | {"COLUMNS": "80"}
    text, _ = seen(shop, env=env)
    block = f"""
    \x1b[1m{shop.image("web")}\x1b[0m
      1.0.0@{before[:19]} -> 1.1.0@{digest[:19]}
      {WEB}:7
"""
    assert block in text
    assert "\x1b[32m+    newTag: 1.1.0\x1b[0m\n" in text
