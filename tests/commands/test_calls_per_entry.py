"""What one `update` does for each entry, counted in the real command: nothing is decided twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

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
#: Likewise, but writes the frames of the package between each request to a registry and the thread that sends it.
FRAMES = """
import json, sys, threading

chains = []

def note(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_qualname == "ConnectionPool.handle_request":
        chains.append([])
        while (frame := frame.f_back) is not None:
            _, package, path = frame.f_code.co_filename.rpartition("/gitops_bot/")
            if package:
                chains[-1].insert(0, f"{path}:{frame.f_code.co_qualname}")

from gitops_bot.cli.main import main

out = sys.argv.pop(1)
threading.setprofile(note)
code = main(sys.argv[1:])
with open(out, "w", encoding="utf-8") as file:
    json.dump(chains, file)
sys.exit(code)
"""
#: The tags put in order, the choice among them, and gates that ask nothing, each for both entries.
ONCE = (
    *("images/order.py:admit", "images/order.py:candidates", "images/policy.py:choose"),
    *(f"engine/gates.py:{gate}" for gate in ("tag_moved", "slot", "declared_hold")),
    "engine/followers.py:describe_release",
)
#: What a promotion passes besides.
PROMOTED = tuple(f"engine/gates.py:{gate}" for gate in ("source_tag_moved", "absent", "source_hold", "soak"))


def noted(code: str, deploy: Deploy, folder: Path) -> Any:
    """What this code notes of an `update` in which nothing goes wrong."""
    out = folder / "noted.json"
    command = [sys.executable, "-c", code, str(out), "update", "--repository", deploy.name]
    env = deploy.env | {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, cwd=deploy.folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text("utf-8"))


@pytest.mark.parametrize("way", ["commit", "pull-request"])
def test_two_entries_are_each_decided_once(shop: Deploy, tmp_path: Path, way: str) -> None:
    configure(shop, f"{{as: {way}}}")
    shop.push("web", "1.1.0")
    shop.push("api", "1.1.0")
    calls = noted(COUNT, shop, tmp_path)
    assert {name: calls.get(name, 0) for name in ONCE} == dict.fromkeys(ONCE, 2)
    assert not calls.keys() & set(PROMOTED)
    # A pin that is only carried on passes two gates again, `slot` is one of them; nothing is carried here.
    assert calls["engine/arrange.py:_lay"] == 1 if way == "pull-request" else "engine/arrange.py:_lay" not in calls


def test_two_promoted_entries_pass_each_gate_once(worldwide: World, tmp_path: Path) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", apps=("web", "api"))
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0")
    calls = noted(COUNT, stages.deploy, tmp_path)
    # The entries of staging are decided too: nothing keeps them current.
    own = ("engine/gates.py:slot", "engine/gates.py:declared_hold")
    assert {name: calls[name] for name in (*PROMOTED, *own)} == dict.fromkeys(PROMOTED, 2) | dict.fromkeys(own, 4)


@pytest.mark.parametrize("way", ["commit", "pull-request"])
def test_a_request_is_twelve_frames_from_the_worker_that_asks(shop: Deploy, tmp_path: Path, way: str) -> None:
    configure(shop, f"{{as: {way}}}")
    shop.push("web", "1.1.0")
    shop.push("api", "1.1.0")
    chains = noted(FRAMES, shop, tmp_path)
    assert len(chains) >= 6
    for chain in chains:
        assert chain[0].startswith("engine/workers.py:"), chain
        assert any(name.startswith("engine/ask.py:") for name in chain), chain
        assert chain[-1].startswith("edges/http/client.py:"), chain
        assert len(chain) <= 12, chain
