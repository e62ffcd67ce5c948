"""How many `set` at once get through, and what a lost race costs.

    python benchmarks/races.py [--sets 15 30 50] [--how commit pull-request]

Every `set` is a process of its own, all are started before any is waited for, and each pins another service of one
file, so that all of them write to one branch. Git is served over HTTP by nginx, pull requests by the embedded GitHub
server, as in the tests (which need the extra `test`, docker-registry, nginx and fcgiwrap). `done` is what the branch
holds in the end. `reads` and `pushes` are requests that git's server got, `API` those of the GitHub server; CPU is
that of the commands and all of their children.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.counterparts.world import world

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

_CONFIG = """\
version: 1
policies: {{releases: {{semver: ">=1.0.0"}}}}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: releases
    propose: {{as: {how}}}
"""
_FILE = "apps/all/production/kustomization.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, nargs="+", default=[15, 30, 50])
    parser.add_argument("--how", nargs="+", default=["commit", "pull-request"])
    asked = parser.parse_args()
    heads = ("done", "gave up", "wall s", "CPU s", "reads", "pushes", "API")
    print(f"{'set at once':<14}{'as':<14}" + "".join(f"{head:>9}" for head in heads))
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as running:
        for how in asked.how:
            for number in asked.sets:
                _measure(running, number, how)


def _measure(running: World, number: int, how: str) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        host = f"{deploy.world.registry.host}/{deploy.name}"
        entries = "".join(
            f"- name: service-{one}\n  newName: {host}/service-{one}\n  newTag: 1.0.0\n" for one in range(number)
        )
        return {"gitops-bot.yaml": _CONFIG.format(how=how).encode(), _FILE: f"images:\n{entries}".encode()}

    deploy = running.deploy(files)
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    begun = len(running.forge.asked)
    log = running.git.folder / "access.log"
    seen = len(log.read_text().splitlines())
    processes = [
        deploy.start("set", "production", f"service-{one}=1.1.{one}@sha256:{one:064x}", "--output", "json")
        for one in range(number)
    ]
    codes = []
    for process in processes:
        _, err = process.communicate(timeout=1200)
        codes.append(process.returncode)
        if process.returncode:
            print(err[-400:], file=sys.stderr)
    wall, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    branch = "main" if how == "commit" else "gitops-bot/production/all"
    text = deploy.files(branch)[_FILE].decode()
    done = sum(f"newTag: 1.1.{one}\n" in text for one in range(number))
    assert done == codes.count(0), (done, codes)
    git = [line for line in log.read_text().splitlines()[seen:] if deploy.name in line]
    reads = sum("POST" in line and "git-upload-pack" in line for line in git)
    pushes = sum("POST" in line and "git-receive-pack" in line for line in git)
    figures = (done, number - done, f"{wall:.1f}", f"{cpu:.1f}", reads, pushes, len(running.forge.asked) - begun)
    print(f"{number:<14}{how:<14}" + "".join(f"{figure:>9}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
