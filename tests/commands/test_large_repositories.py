"""What a repository costs grows with its overlays, and no faster: in work, which is counted, and in memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml.nodes import Node

from gitops_bot import config
from gitops_bot.engine.read import Snapshot, read_disk
from tests.counterparts.world import overlay
from tests.migration.trees import NOW, Tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

CONFIG = """\
version: 1
policies: {releases: {semver: ">=1"}}
environments:
  production: {overlays: ["apps/*"], policy: releases, propose: {as: pull-request, group: overlay}}
"""
#: Bytes that may stay of a file with one entry: today 1,700. Its composed nodes alone would take over 6,000.
MOST_BYTES = 2_500
#: Runs a command of the bot, and writes how often the package called or resumed something, also of C.
COUNT = """
import sys

ours, number = {}, 0

def note(frame, event, _):
    global number
    code = frame.f_code
    if event in ("call", "c_call"):
        if code not in ours:
            ours[code] = "/gitops_bot/" in code.co_filename
        number += ours[code]

from gitops_bot.cli.main import main

out = sys.argv.pop(1)
sys.setprofile(note)
ended = main(sys.argv[1:])
sys.setprofile(None)
with open(out, "w", encoding="utf-8") as file:
    file.write(str(number))
sys.exit(ended)
"""


@pytest.mark.parametrize("command", ["plan", "status"])
def test_twice_the_overlays_take_twice_the_work(worldwide: World, tmp_path: Path, command: str) -> None:
    few, more, most = (calls(repository(worldwide, size), tmp_path, command) for size in (20, 40, 80))
    # What every run does, whatever there is, is in all three of them; twice the overlays squared would be four times.
    assert 0 < most - more < 2.2 * (more - few)


def repository(worldwide: World, size: int) -> Deploy:
    """So many overlays with one entry each, all of which have something newer."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        old, _ = deploy.push("web", "1.0.0"), deploy.push("web", "1.1.0")
        pins = f"newName: {deploy.image('web')}; newTag: 1.0.0; digest: {old}"
        names = {f"apps/app-{number}/kustomization.yaml": f"app-{number}" for number in range(size)}
        return {"gitops-bot.yaml": CONFIG.encode()} | {path: overlay([(name, pins)]) for path, name in names.items()}

    return worldwide.deploy(files)


def calls(deploy: Deploy, tmp_path: Path, command: str) -> int:
    out = tmp_path / "calls"
    words = [sys.executable, "-c", COUNT, str(out), command, "--output", "json", "--repository", deploy.name]
    env = deploy.env | {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, env=env, cwd=deploy.folder, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    if command == "plan":  # each overlay has a proposal of its own
        assert done.stdout.count('"action": "open"') == deploy.remote.git("ls-tree", "main:apps").count(b"\n")
    return int(out.read_text("ascii"))


def on_disk(size: int) -> Snapshot:
    files = {
        f"apps/app-{number}/kustomization.yaml": overlay([(f"app-{number}", "newTag: 1.0.0")]).decode()
        for number in range(size)
    }
    tree = Tree(files)
    return read_disk(tree, tree.modes, config.read(CONFIG, "gitops-bot.yaml"), NOW)


def alive() -> int:
    gc.collect()
    return sum(isinstance(item, Node) for item in gc.get_objects())


def test_no_composed_node_outlives_the_reading() -> None:
    before = alive()
    snapshot = on_disk(3)
    assert len(snapshot.states["production"].entries) == 3
    assert alive() <= before
    kept = snapshot.layout.pin_file("apps/app-0/kustomization.yaml")
    assert kept.entries
    assert alive() > before  # so that what is counted is what a parsed file consists of


def test_an_overlay_keeps_a_bounded_number_of_bytes() -> None:
    on_disk(1)  # what is made once
    sizes: list[int] = []
    kept = []
    tracemalloc.start()
    try:
        for size in (200, 400):
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            kept.append(on_disk(size))
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert 0 < (sizes[1] - sizes[0]) / 200 < MOST_BYTES
