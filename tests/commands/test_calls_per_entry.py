"""What one `update` does for each entry, counted in the real command: nothing is decided twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.walk import calls, noted, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy

#: Runs a command of the bot, and writes the frames of the package between each request to a registry and the thread
#: that sends it.
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


def test_two_entries_are_each_decided_once(shop: Deploy, tmp_path: Path) -> None:
    prepare(shop, "pull-request")
    number = calls(shop, tmp_path / "passed.json")
    assert {name: number.get(name, 0) for name in ONCE} == dict.fromkeys(ONCE, 2)
    # A pin that is only carried on passes two gates again, `slot` is one of them; nothing is carried here.
    assert number.get("engine/arrange.py:_combine", 0) == 1


def test_a_request_is_twelve_frames_from_the_worker_that_asks(shop: Deploy, tmp_path: Path) -> None:
    prepare(shop, "pull-request")
    chains = noted(FRAMES, shop, tmp_path / "chains.json")
    assert len(chains) >= 6
    for chain in chains:
        assert chain[0].startswith("engine/workers.py:"), chain
        assert any(name.startswith("engine/drive.py:") for name in chain), chain
        assert chain[-1].startswith("edges/http/client.py:"), chain
        assert len(chain) <= 12, chain
