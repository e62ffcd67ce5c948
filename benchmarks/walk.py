"""Prints what one `update` of two entries passes: functions, their lines and modules, room by room.

    python benchmarks/walk.py [--list ROOM]

Needs the tests' libraries (`pip install -e '.[test]'`) and what they run with: git, nginx with fcgiwrap, and Debian's
`docker-registry`. Two ways are measured: commits to the base branch, and a pull request. A function counts once,
however often it is called; modules, class bodies, lambdas and comprehensions do not. A module counts when a function of
it was called. `--list` names the functions of a room, each with its lines, its calls and those who call it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.run import DockerRegistry  # noqa: F401 - says what to install where the tests' libraries are missing
from tests.commands.conftest import shop_files
from tests.commands.scene import configure
from tests.counterparts.world import world

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

#: Runs a command of the bot, and writes for each function that it passes its lines, its calls, and who calls it.
WALK = """
import inspect, json, sys, threading

passed = {}

def name(code):
    _, package, path = code.co_filename.rpartition("/gitops_bot/")
    return f"{path}:{code.co_qualname}" if package else ""

def note(frame, event, _):
    code = frame.f_code
    if event != "call" or not code.co_flags & inspect.CO_OPTIMIZED or code.co_name.startswith("<"):
        return
    if name(code):
        caller = frame.f_back
        while caller is not None and (caller.f_code.co_name.startswith("<") or not name(caller.f_code)):
            caller = caller.f_back
        # Threads note at the same time: this loses no call.
        passed.setdefault(code, []).append(name(caller.f_code) if caller is not None else "")

from gitops_bot.cli.main import main

out = sys.argv.pop(1)
threading.setprofile(note)
sys.setprofile(note)
ended = main(sys.argv[1:])
sys.setprofile(None)
with open(out, "w", encoding="utf-8") as file:
    lines = {code: len(inspect.getsourcelines(code)[0]) for code in passed}
    rows = {name(code): (lines[code], len(by), list(dict.fromkeys(by))) for code, by in passed.items()}
    json.dump(rows, file)
sys.exit(ended)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", metavar="ROOM", action="append", default=[])
    rooms = parser.parse_args().list
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch) / "world") as running:
        for way in ("commit", "pull-request"):
            deploy = running.deploy(shop_files)
            prepare(deploy, way)
            report(way, noted(WALK, deploy, Path(scratch) / "passed.json"), rooms)


def prepare(deploy: Deploy, way: str) -> None:
    """Two entries of the environment have something newer, which is proposed in this way."""
    configure(deploy, f"{{as: {way}}}")
    deploy.push("web", "1.1.0")
    deploy.push("api", "1.1.0")


def calls(deploy: Deploy, out: Path) -> dict[str, int]:
    """How often one `update` calls, or resumes, each function."""
    return {name: number for name, (_, number, _) in noted(WALK, deploy, out).items()}


def noted(code: str, deploy: Deploy, out: Path) -> Any:
    """What this code, which runs an `update`, writes to a file that is named before the command's own arguments."""
    command = [sys.executable, "-c", code, str(out), "update", "--repository", deploy.name]
    env = deploy.env | {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, cwd=deploy.folder, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise SystemExit(f"update ended with {done.returncode}:\n{done.stderr}")
    return json.loads(out.read_text("utf-8"))


def report(way: str, passed: dict[str, Any], rooms: list[str]) -> None:
    def room(name: str) -> str:
        first = name.partition(":")[0].split("/")
        return "/".join(first[:2]) if first[0] == "edges" and len(first) > 2 else first[0].removesuffix(".py")

    functions, lines = Counter(map(room, passed)), Counter[str]()
    for name, (length, _, _) in passed.items():
        lines[room(name)] += length
    modules = Counter(map(room, {name.partition(":")[0] + ":" for name in passed}))
    print(f"{way:<20}{'functions':>10}{'lines':>8}{'modules':>9}")
    for name, number in functions.most_common():
        print(f"{name:<20}{number:>10}{lines[name]:>8}{modules[name]:>9}")
    print(f"{'in all':<20}{functions.total():>10}{lines.total():>8}{modules.total():>9}", flush=True)
    for asked in rooms:
        for name, (length, calls, callers) in sorted(passed.items()):
            if room(name) == asked or name.startswith(f"{asked}/"):
                print(f"    {name}  {length} lines, {calls} calls, by {', '.join(callers)}")


if __name__ == "__main__":
    main()
