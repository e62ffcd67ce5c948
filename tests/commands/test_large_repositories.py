"""What a repository costs grows with its overlays, and no faster: in work, which is counted, and in memory."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from gitops_bot import config
from gitops_bot.engine.read import Snapshot, read_disk
from tests.counterparts.world import overlay
from tests.migration.trees import NOW, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

#: It makes large repositories.
pytestmark = pytest.mark.slow

CONFIG = """\
version: 1
policies: {releases: {semver: ">=1"}}
environments:
  production: {overlays: ["apps/*"], policy: releases, propose: {PROPOSE}}
"""
EACH, TOGETHER = "as: pull-request, group: overlay", "as: commit"
#: Bytes that may stay of a file with one entry: today 1,700. Its composed nodes alone would take over 6,000.
MOST_BYTES = 2_500
#: Runs a command of the bot, and writes how often each function of the package called or resumed something, also of C.
COUNT = """
import collections, json, sys

names, numbers = {}, collections.Counter()

def note(frame, event, _):
    code = frame.f_code
    if event in ("call", "c_call"):
        if code not in names:  # by the module: what dataclasses generate has no file
            names[code] = f"{frame.f_globals.get('__name__')}.{code.co_qualname}"
        numbers[names[code]] += 1

from gitops_bot.cli.main import main

out = sys.argv.pop(1)
sys.setprofile(note)
ended = main(sys.argv[1:])
sys.setprofile(None)
with open(out, "w", encoding="utf-8") as file:
    json.dump({name: number for name, number in numbers.items() if name.startswith("gitops_bot.")}, file)
sys.exit(ended)
"""
#: Calls that one function may have more than in proportion: what is sorted or cut into pieces takes some.
SPARE = 100


@pytest.mark.parametrize(("words", "propose"), [(("plan", "--output", "json"), EACH), (("status",), TOGETHER)])
def test_twice_the_overlays_take_twice_the_work(
    worldwide: World, tmp_path: Path, words: Sequence[str], propose: str
) -> None:
    few, more, most = (calls(repository(worldwide, size, propose), tmp_path, words) for size in (6, 12, 24))
    # What every run does, whatever there is, is in all three of them; twice the overlays squared would be four times.
    # How often a pipe has something to read is the machine's to say.
    names = most.keys() - {"gitops_bot.edges.git.process._exchange"}
    steps = {name: (most[name] - more.get(name, 0), more.get(name, 0) - few.get(name, 0)) for name in names}
    assert {name: step for name, step in steps.items() if step[0] > 2.2 * max(step[1], 0) + SPARE} == {}
    assert sum(step[0] for step in steps.values()) > 0


def repository(worldwide: World, size: int, propose: str) -> Deploy:
    """So many overlays with one entry each, all of which have something newer."""
    configuration = CONFIG.replace("PROPOSE", propose).encode()

    def files(deploy: Deploy) -> dict[str, bytes]:
        old, _ = deploy.push("web", "1.0.0"), deploy.push("web", "1.1.0")
        pins = f"newName: {deploy.image('web')}; newTag: 1.0.0; digest: {old}"
        names = {f"apps/app-{number}/kustomization.yaml": f"app-{number}" for number in range(size)}
        return {"gitops-bot.yaml": configuration} | {path: overlay([(name, pins)]) for path, name in names.items()}

    return worldwide.deploy(files)


def calls(deploy: Deploy, tmp_path: Path, given: Sequence[str]) -> dict[str, int]:
    out = tmp_path / "calls"
    words = [sys.executable, "-c", COUNT, str(out), *given, "--repository", deploy.name]
    env = deploy.env | {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, env=env, cwd=deploy.folder, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    if given[0] == "plan":  # all of them would be changed
        overlays = deploy.remote.git("ls-tree", "main:apps").count(b"\n")
        assert overlays <= done.stdout.count("1.1.0@") + done.stdout.count('"tag": "1.1.0"')
    counted: dict[str, int] = json.loads(out.read_text("utf-8"))
    return counted


def on_disk(size: int) -> Snapshot:
    files = {
        f"apps/app-{number}/kustomization.yaml": overlay([(f"app-{number}", "newTag: 1.0.0")]).decode()
        for number in range(size)
    }
    tree = Tree(files)
    return read_disk(tree, tree.modes, config.read(CONFIG.replace("PROPOSE", EACH), "gitops-bot.yaml"), NOW)


def test_an_overlay_keeps_a_bounded_number_of_bytes() -> None:
    on_disk(1)  # what is made once
    sizes: list[int] = []
    kept = []
    tracemalloc.start()
    try:
        for size in (100, 200):
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            kept.append(on_disk(size))
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert 0 < (sizes[1] - sizes[0]) / 100 < MOST_BYTES
