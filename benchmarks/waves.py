"""What `plan` costs for examples/waves, 300 overlays in six waves, with its checks and without them.

    python benchmarks/waves.py [--runs 5]

Needs the tests' libraries (`pip install -e '.[test]'`), and what benchmarks/promote.py needs. Every wave is one release
behind the one before it, so that all 298 promotions are decided, and Argo CD has reported each of the 180 clusters that
they wait for. CPU is user and system time of the command and all of its children: the median of each, and of the ratio
of runs that take turns, which may be 1.5. `API` are the requests to the forge, of which there may be 10, `read`
conversations with git.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promote import conversations, counted
from tests.counterparts.world import world
from tests.examples.waves import Waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.promote import Run

_PLAN: Final = ("plan",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch)) as running:
        with_checks, without = (Waves.staggered(running, checks=checks).deploy for checks in (True, False))
        rounds = [(counted(with_checks, _PLAN), counted(without, _PLAN)) for _ in range(asked.runs + 1)][1:]
    print(f"{'plan':<24}{'wall s':>8}{'CPU s':>8}{'MiB':>6}{'read':>6}{'API':>6}")
    for name, done in zip(("with checks", "without"), zip(*rounds, strict=True), strict=True):
        print(row(name, done))
    ratios = [one.figure.cpu / other.figure.cpu for one, other in rounds]
    print(f"CPU with checks / without: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def row(name: str, done: Sequence[Run]) -> str:
    wall, cpu, memory = (
        statistics.median(getattr(run.figure, part) for run in done) for part in ("wall", "cpu", "memory")
    )
    read, api = {conversations(run.git, "upload-pack") for run in done}, {len(run.api) for run in done}
    counts = "".join(f"{'-'.join(map(str, sorted(each))):>6}" for each in (read, api))
    return f"{name:<24}{wall:>8.2f}{cpu:>8.2f}{memory:>6.0f}{counts}"


if __name__ == "__main__":
    main()
