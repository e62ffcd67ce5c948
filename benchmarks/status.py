"""What `status` costs beside `promote --dry-run` of the same repository, and its page beside its JSON.

    python benchmarks/status.py [--pairs 300] [--history 1000] [--images 100] [--environments 20] [--runs 3]

Needs the tests' libraries (`pip install -e '.[test]'`), and what benchmarks/promote.py needs. CPU is user and system
time of the command and all of its children; medians over the runs, which take turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promote import counted, repository
from tests.counterparts.world import world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.counterparts.world import Deploy, World

#: What is measured: beside what it is compared with.
_PAIRS = (("promote", "staging", "production", "--dry-run"), ("status", "--output", "json"))
_PAGE = (("status", "--output", "json"), ("status", "--output", "html"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--history", type=int, default=1000)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--environments", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    print(f"{'command':<40}{'wall s':>8}{'CPU s':>8}{'MiB':>6}{'KB':>6}")
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch)) as running:
        print(f"{asked.pairs} pairs of overlays, {asked.history} commits")
        compare(repository(running, asked.pairs, asked.history, "pull-request"), _PAIRS, asked.runs)
        print(f"{asked.images} images in {asked.environments} environments, {asked.history} commits")
        compare(matrix(running, asked.images, asked.environments, asked.history), _PAGE, asked.runs)


def compare(deploy: Deploy, commands: Sequence[Sequence[str]], runs: int) -> None:
    """Run the commands by turns, and print a line for each."""
    figures = [[counted(deploy, words).figure for words in commands] for _ in range(runs)]
    for words, done in zip(commands, zip(*figures, strict=True), strict=True):
        wall, cpu, memory = (
            statistics.median(getattr(run, name) for run in done) for name in ("wall", "cpu", "memory")
        )
        size = len(deploy.bot(*words).out.encode()) / 1000
        print(f"{' '.join(words):<40}{wall:>8.2f}{cpu:>8.3f}{memory:>6.0f}{size:>6.0f}", flush=True)


def matrix(running: World, images: int, environments: int, history: int) -> Deploy:
    """Every image in every environment, each promoted from the one before and one pin behind it."""

    def file(deploy: Deploy, image: int, tag: int) -> bytes:
        name = deploy.image(f"image-{image}")
        digest = f"sha256:{image * 1000 + tag:064x}"
        return f"images:\n  - name: {name}\n    newTag: v1.{tag}.0\n    digest: {digest}\n".encode()

    def files(deploy: Deploy) -> dict[str, bytes]:
        lines = ["version: 1", 'policies: {releases: {semver: ">=1"}}', "environments:"]
        for at in range(environments):
            source = f"promote_from: stage-{at - 1}" if at else "policy: releases"
            lines.append(f'  stage-{at}: {{overlays: ["apps/*/stage-{at}"], {source}}}')
        found = {"gitops-bot.yaml": "\n".join(lines).encode()}
        for at in range(environments):
            for image in range(images):
                found[f"apps/{image}/stage-{at}/kustomization.yaml"] = file(deploy, image, environments - at)
        return found

    deploy = running.deploy(files)
    stream = [b"feature done\n"]
    for number in range(history):
        at = 1_700_000_000 + number * 600
        stream.append(b"commit refs/heads/main\ncommitter Ada <ada@example.test> %d +0000\ndata 1\nx\n" % at)
        stream += [b"from refs/heads/main^0\n"] if not number else []
        image, stage = number % images, number // images % environments
        text = file(deploy, image, environments - stage + 1)
        place = f"apps/{image}/stage-{stage}/kustomization.yaml"
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (place.encode(), len(text), text))
    deploy.remote.git("fast-import", "--quiet", "--force", stdin=b"".join([*stream, b"done\n"]))
    deploy.remote.git("gc", "--quiet")
    return deploy


if __name__ == "__main__":
    main()
