"""What a command imports: whole packages that it has no use for stay out, which is most of what starting it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.commands.conftest import shop_files
from tests.commands.scene import configure
from tests.conftest import PROJECT
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import World

#: Runs a command, and writes the modules that it imported, and the dataclasses that these define.
LOADED = """
import json, sys

from gitops_bot.cli.main import main

out = sys.argv.pop(1)
ended = main(sys.argv[1:])
modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "gitops_bot"}
classes = {
    name
    for module in modules.values()
    for name, value in vars(module).items()
    if isinstance(value, type) and "__dataclass_fields__" in vars(value) and value.__module__ == module.__name__
}
with open(out, "w", encoding="utf-8") as file:
    json.dump([sorted(sys.modules), sorted(modules), sorted(classes)], file)
sys.exit(ended)
"""
#: What a run with nothing new has no use for; of a package, all that is in it.
UNUSED = (
    "gitops_bot.commands.draft.", "gitops_bot.commands.init.", "gitops_bot.demo.", "gitops_bot.doctor.",
    "gitops_bot.engine.candidates.promote.", "gitops_bot.engine.candidates.roll_back.",
    "gitops_bot.engine.carry_out.", "gitops_bot.engine.describe.", "gitops_bot.engine.records.",
    "gitops_bot.migration.", "gitops_bot.proposals.content.", "gitops_bot.releases.history.record.",
    "gitops_bot.releases.history.releases.", "gitops_bot.report.document.", "gitops_bot.report.history.",
    "gitops_bot.report.page.", "gitops_bot.report.status.", "gitops_bot.results.checkout.",
    "gitops_bot.results.waiting.", "gitops_bot.server.", "jinja2.", "structlog.", "wcwidth.",
)  # fmt: skip


@rows("command most_modules most_dataclasses unused", {
    "update": (["update"], 188, 221, UNUSED),
    "plan": (["plan"], 200, 251, ("gitops_bot.demo.", "gitops_bot.doctor.", "gitops_bot.server.")),
    "version": (["--version"], 15, 3, ("gitops_bot.engine.", "httpx.", "ruamel.", "re2.")),
})  # fmt: skip
def test_a_command_imports_what_it_needs(
    worldwide: World,
    tmp_path: Path,
    command: list[str],
    most_modules: int,
    most_dataclasses: int,
    unused: tuple[str, ...],
) -> None:
    deploy = worldwide.deploy(shop_files)
    configure(deploy, "{as: commit}")
    for name in ("web", "api"):
        deploy.push(name, "1.0.0")
    out = tmp_path / "loaded.json"
    words = command if command[0].startswith("-") else [*command, "--repository", deploy.name]
    env = deploy.env | {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    arguments = [sys.executable, "-c", LOADED, str(out), *words]
    done = subprocess.run(arguments, check=False, env=env, cwd=deploy.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    every, ours, dataclasses = json.loads(out.read_text("utf-8"))
    assert [name for name in every if f"{name}.".startswith(unused)] == []
    assert len(ours) <= most_modules
    assert len(dataclasses) <= most_dataclasses
