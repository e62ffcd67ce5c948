"""The long profile: `python -m tests.soak --cycles 200 --seed 1`. It prints what happened, and what it cost."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.soak.profile import SETTLED, soak


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200, help="half of them in one life")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        done = soak(Path(folder), options.cycles, options.seed)
    life = done.lives[0]
    settled = life.rss[SETTLED]
    seconds = sorted(cycle["seconds"] for cycle in done.cycles)
    results = Counter(cycle["result"] for cycle in done.cycles)
    for line in (
        f"{len(done.cycles)} cycles: {dict(results)}",
        f"what happened: {dict(done.done)}",
        f"first life: {len(life.rss)} cycles; open files {min(life.files)} to {max(life.files)}",
        f"RSS in KiB: {settled >> 10} after {SETTLED + 1}, {life.rss[-1] >> 10} last, {max(life.rss) >> 10} at most",
        f"cycles took {seconds[len(seconds) // 2]:.2f} s in the middle, {seconds[-1]:.2f} s at most",
    ):
        print(line)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
