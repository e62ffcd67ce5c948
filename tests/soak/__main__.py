"""So many cycles in one life, then as many with deaths, and what must hold at the end.

`python -m tests.soak --cycles 200 --seed 1` prints what happened, and what it cost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.soak.shop import IMAGES, pin, soaking

if TYPE_CHECKING:
    from tests.soak.shop import Life, Soak

#: Cycles of a life after which memory is what it will be: everything was imported, and was asked for once.
SETTLED = 5
#: Bytes by which memory may be more in the second half of a life than in the first.
GROWTH = 4 << 20
#: Seconds that a cycle may take while servers come and go: five tries of a registry are the most of it.
LONGEST = 60.0


def soak(folder: Path, cycles: int, seed: int) -> Soak:
    """Run it, and insist on all of it.

    Raises:
        AssertionError: something did not hold.
    """
    with soaking(folder, seed) as shop:
        before = shop.proposed()
        pins = {name: pin(before[path]) for name, path in IMAGES.items()}
        shop.quiet()
        # Half of it is one life, in which nothing may add up.
        while len(shop.cycles) < cycles // 2:
            shop.happen(deadly=False)
            shop.cycle()
        _flat(shop.lives[0])
        while len(shop.cycles) < cycles:
            shop.happen(deadly=True)
            shop.cycle()
        shop.quiet()
        assert shop.end() == 0

        assert shop.proposed() == shop.expected(before, pins)
        assert len(shop.deploy.pulls()) <= 1
        repeated = {pins: pulls for pins, pulls in shop.proposals().items() if len(pulls) > 1}
        assert not repeated
        assert max(cycle["seconds"] for cycle in shop.cycles) < LONGEST
        assert {cycle["result"] for cycle in shop.cycles} <= {"done", "partial", "failed"}
        assert not any("traceback" in cycle for cycle in shop.cycles)
        # What a killed process leaves behind nobody can take away; all others leave nothing.
        assert len(list(shop.scratch.iterdir())) <= len(shop.lives) - 1
        return shop


def _flat(life: Life) -> None:
    # A look may fall into the next cycle, which has files open: what adds up shows in the middle of many looks.
    half = (SETTLED + len(life.rss)) // 2
    assert median(life.rss[half:]) - median(life.rss[SETTLED:half]) < GROWTH, life.rss
    assert median(life.files[half:]) <= median(life.files[SETTLED:half]), life.files


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
