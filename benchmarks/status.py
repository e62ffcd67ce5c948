"""What `status` and `audit` cost beside `promote --dry-run` and `git log` of the same repository, and the page beside
the JSON.

    python benchmarks/status.py [--pairs 300] [--history 1000] [--images 100] [--environments 20] [--runs 3]

Needs the tests' libraries (`pip install -e '.[test]'`), and what benchmarks/promote.py needs. CPU is user and system
time of the command and all of its children; medians over the runs, which take turns. The limits of CPU are 1.2 times
`promote --dry-run` for `status`, and the JSON of `status` plus 0.3 s for its page, which may have 400 KB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.history import PEER, verdict
from benchmarks.promote import counted, repository
from benchmarks.run import measured
from tests.counterparts.world import world

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.run import Figure
    from tests.counterparts.world import Deploy, World

_JSON, _HTML = ("status", "--output", "json"), ("status", "--output", "html")
_PROMOTE = ("promote", "staging", "production", "--dry-run")
_AUDIT = (("audit",), ("audit", "--keep-list"), ("audit", "--export", "csv"))
#: The size of the page, in KB.
_LARGEST = 400


class Limit(NamedTuple):
    """The CPU of a command: so many times that of another, and seconds more."""

    beside: Sequence[str]
    times: float
    more: float = 0.0


#: What is measured, and the limits.
_PAIRS: Mapping[Sequence[str], Limit | None] = {_PROMOTE: None, _JSON: Limit(_PROMOTE, 1.2), **dict.fromkeys(_AUDIT)}
_PAGE: Mapping[Sequence[str], Limit | None] = {_JSON: None, _HTML: Limit(_JSON, 1, 0.3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--history", type=int, default=1000)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--environments", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    print(f"{'command':<42}{'wall s':>8}{'CPU s':>8}{'MiB':>6}{'KB':>6}{'limit':>16}")
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch)) as running:
        print(f"{asked.pairs} pairs of overlays, {asked.history} commits")
        compare(repository(running, asked.pairs, asked.history, "pull-request"), _PAIRS, asked.runs)
        print(f"{asked.images} images in {asked.environments} environments, {asked.history} commits")
        compare(matrix(running, asked.images, asked.environments, asked.history), _PAGE, asked.runs)


def compare(deploy: Deploy, commands: Mapping[Sequence[str], Limit | None], runs: int) -> None:
    """Run the commands and git by turns, and print a line for each."""
    rounds = [
        [measured(PEER, deploy.remote.path), *(counted(deploy, words).figure for words in commands)]
        for _ in range(runs)
    ]
    peer, *figures = zip(*rounds, strict=True)
    print(row("git log --raw, blobs", peer), flush=True)
    cpu = {words: median(done, "cpu") for words, done in zip(commands, figures, strict=True)}
    for (words, limit), done in zip(commands.items(), figures, strict=True):
        size = len(deploy.bot(*words).out.encode()) / 1000
        most = None if limit is None else limit.times * cpu[limit.beside] + limit.more
        fits = words != _HTML or size <= _LARGEST
        told = "" if most is None else verdict(most, kept=fits and cpu[words] <= most)
        print(f"{row(' '.join(words), done)}{size:>6.0f}{told:>16}", flush=True)


def row(name: str, done: Sequence[Figure]) -> str:
    wall, cpu, memory = (median(done, part) for part in ("wall", "cpu", "memory"))
    return f"{name:<42}{wall:>8.2f}{cpu:>8.3f}{memory:>6.0f}"


def median(done: Sequence[Figure], part: str) -> float:
    return statistics.median(getattr(figure, part) for figure in done)


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
