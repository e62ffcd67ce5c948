"""What `plan` and `status` cost on a very large repository, beside the limits that are meant for them.

    python benchmarks/scale.py [--entries 20000] [--files 20000 1000 200] [--images 100] [--runs 1]

Needs the tests' libraries (`pip install -e '.[test]'`), and what benchmarks/promote.py needs. Every entry is one minor
version behind, so `plan` changes each of them; `plan (text)` prints their diff. So many entries are in so many files:
reading and proving a file costs more than an entry of it. CPU is user and system time of the command and all of its
children; medians over the runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.history import verdict
from benchmarks.promote import counted
from benchmarks.status import median
from tests.counterparts.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.counterparts.world import Deploy, World

_CONFIG = """\
version: 1
policies: {releases: {semver: ">=1"}}
environments:
  production: {overlays: ["apps/*"], policy: releases, propose: {%s}}
"""
_COMMANDS = (("plan", "--output", "json"), ("plan",), ("status", "--output", "json"), ("status",))
_PROPOSE = {
    "commit": "as: commit",
    "pull-request": "as: pull-request",
    "overlay": "as: pull-request, group: overlay",
}
#: Seconds of CPU, and MiB.
_MOST_SECONDS, _MOST_MEMORY = 15, 200


class Shape(NamedTuple):
    """So many entries of so many images in so many files."""

    entries: int
    files: int
    images: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--files", type=int, nargs="+", default=[20_000, 1_000, 200])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--propose", default="commit", choices=_PROPOSE, help="overlay: one for each file")
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    print(f"{'command':<24}{'entries':>9}{'files':>8}{'wall s':>9}{'CPU s':>8}{'MiB':>6}{'limit':>16}")
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch)) as running:
        for files in asked.files:
            shape = Shape(asked.entries, files, asked.images)
            for line in figures(repository(running, shape, asked.propose), shape, asked.runs):
                print(line, flush=True)


def figures(deploy: Deploy, shape: Shape, runs: int) -> Iterator[str]:
    """Each command on a repository of this shape."""
    for words in _COMMANDS:
        done = [counted(deploy, words).figure for _ in range(runs)]
        wall, cpu, memory = (median(done, part) for part in ("wall", "cpu", "memory"))
        told = verdict(_MOST_SECONDS, kept=cpu <= _MOST_SECONDS and memory <= _MOST_MEMORY)
        name = words[0] if len(words) > 1 else f"{words[0]} (text)"
        yield f"{name:<24}{shape.entries:>9}{shape.files:>8}{wall:>9.2f}{cpu:>8.2f}{memory:>6.0f}{told:>16}"


def repository(running: World, shape: Shape, how: str) -> Deploy:
    """Every entry at 1.0.0, with 1.1.0 in the registry."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        old = [deploy.push(f"image-{number}", "v1.0.0") for number in range(shape.images)]
        for number in range(shape.images):
            deploy.push(f"image-{number}", "v1.1.0")
        each = -(-shape.entries // shape.files)
        contents = {"gitops-bot.yaml": (_CONFIG % _PROPOSE[how]).encode()}
        for file in range(shape.files):
            numbers = range(file * each, min((file + 1) * each, shape.entries))
            contents[f"apps/app-{file}/kustomization.yaml"] = kustomization(deploy, old, numbers)
        return contents

    return running.deploy(files)


def kustomization(deploy: Deploy, digests: Sequence[str], numbers: Sequence[int]) -> bytes:
    lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "images:"]
    for number in numbers:
        image = number % len(digests)
        lines += [f"  - name: app-{number}", f"    newName: {deploy.image(f'image-{image}')}"]
        lines += ["    newTag: v1.0.0", f"    digest: {digests[image]}"]
    return "\n".join([*lines, ""]).encode()


if __name__ == "__main__":
    main()
