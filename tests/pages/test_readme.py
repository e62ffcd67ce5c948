"""The first screen of the README: what it shows of `plan` is what the command prints."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from gitops_bot.demo import terminal
from gitops_bot.demo.site import REPOSITORY, begun, populate
from tests.conftest import PROJECT
from tests.pages.markdown import blocks, commands

if TYPE_CHECKING:
    from pathlib import Path

README = (PROJECT / "README.md").read_text(encoding="utf-8")
#: Lines that are wider are wrapped, or cut off in a browser.
WIDTH = 98


def without_hashes(text: str) -> str:
    """Commits depend on the time, and digests on how zlib compresses."""
    return re.sub(r"\b[0-9a-f]{10,}\b", lambda found: "#" * len(found.group()), text)


def test_the_plan_and_the_diff_of_the_readme_are_what_the_command_prints(tmp_path: Path) -> None:
    (shown,) = (command.shown for command in commands(README) if command.text.endswith(" gitops-bot plan"))
    (diff,) = blocks(README, "diff")
    with begun(tmp_path / "demo") as site:
        populate(site)
        site.push("web", "v1.4.2")
        environ = {name: text for name, text in os.environ.items() if not name.startswith(("GITHUB_", "GH_"))}
        command = [sys.executable, "-m", "gitops_bot", "plan", "--repository", REPOSITORY]
        ran = terminal.run(command, cwd=tmp_path, env=environ | site.environment, width=WIDTH, colours=False)
        printed = without_hashes("\n".join(ran.lines).replace(site.registry.host, "ghcr.io"))
    assert ran.code == 0
    assert len([line for line in shown if line]) == 12
    assert printed.startswith(without_hashes("\n".join(shown)))
    assert without_hashes(diff) in printed
