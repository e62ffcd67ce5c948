"""The profile of a soak: so many cycles in one life, then as many with deaths, and what must hold at the end."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from tests.soak.shop import IMAGES, pin, soaking

if TYPE_CHECKING:
    from pathlib import Path

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
