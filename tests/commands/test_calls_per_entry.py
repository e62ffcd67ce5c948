"""What one `update` does for each entry, counted in the real command: nothing is decided twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.scene import configure
from tests.commands.stages import Stages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

#: Runs a command of the bot and writes how often each function of the package was called, or resumed.
COUNT = """
import collections, json, sys, threading

calls = collections.Counter()

def count(frame, event, _):
    _, package, path = frame.f_code.co_filename.rpartition("/gitops_bot/")
    if event == "call" and package:
        calls[f"{path}:{frame.f_code.co_qualname}"] += 1

from gitops_bot.cli.main import main

out = sys.argv.pop(1)
threading.setprofile(count)
sys.setprofile(count)
code = main(sys.argv[1:])
sys.setprofile(None)
with open(out, "w", encoding="utf-8") as file:
    json.dump(calls, file)
sys.exit(code)
"""
#: The tags put in order, the choice among them, and gates that ask nothing, each for both entries.
ONCE = (
    *("images/order.py:admitted", "images/order.py:candidates", "images/policy.py:choose"),
    *(f"engine/gates.py:{gate}" for gate in ("tag_moved", "slot", "declared_hold")),
    "engine/followers.py:describe_release",
)
#: What a promotion passes besides.
PROMOTED = tuple(f"engine/gates.py:{gate}" for gate in ("source_tag_moved", "absent", "source_hold", "soak"))


def counted(deploy: Deploy, folder: Path) -> dict[str, int]:
    """How often each function was called by an `update` in which nothing went wrong."""
    out = folder / "calls.json"
    command = [sys.executable, "-c", COUNT, str(out), "update", "--repository", deploy.name]
    env = deploy.env | {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, cwd=deploy.folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    calls: dict[str, int] = json.loads(out.read_text("utf-8"))
    return calls


@pytest.mark.parametrize("way", ["commit", "pull-request"])
def test_two_entries_are_each_decided_once(shop: Deploy, tmp_path: Path, way: str) -> None:
    configure(shop, f"{{as: {way}}}")
    shop.push("web", "1.1.0")
    shop.push("api", "1.1.0")
    calls = counted(shop, tmp_path)
    assert {name: calls.get(name, 0) for name in ONCE} == dict.fromkeys(ONCE, 2)
    assert not calls.keys() & set(PROMOTED)
    # A pin that is only carried on passes two gates again, `slot` is one of them; nothing is carried here.
    assert calls["engine/arrange.py:_lay"] == 1 if way == "pull-request" else "engine/arrange.py:_lay" not in calls


def test_two_promoted_entries_pass_each_gate_once(worldwide: World, tmp_path: Path) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", apps=("web", "api"))
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0")
    calls = counted(stages.deploy, tmp_path)
    # The entries of staging are decided too: nothing keeps them current.
    own = ("engine/gates.py:slot", "engine/gates.py:declared_hold")
    assert {name: calls[name] for name in (*PROMOTED, *own)} == dict.fromkeys(PROMOTED, 2) | dict.fromkeys(own, 4)
