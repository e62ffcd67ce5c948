"""What choosing among 100,000 tags costs: process CPU time in milliseconds, the least and the median of seven runs.

    python benchmarks/policies.py [RUNS]

The lists are made from a fixed seed. Each run is the whole of `choose`, from the registry's list to the decision.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gitops_bot.images.kinds import Follow, Pattern, Policy, Semver
from gitops_bot.images.order import rank
from gitops_bot.images.policy import choose
from gitops_bot.images.reference import Pin

if TYPE_CHECKING:
    from collections.abc import Callable

TAGS = 100_000


def lists() -> dict[str, list[str]]:
    """A hundred thousand tags of each kind that registries hold."""
    dice = random.Random(20240105)  # noqa: S311 - the same lists at every run, nothing secret

    def version() -> str:
        return f"{dice.randrange(4)}.{dice.randrange(60)}.{dice.randrange(400)}"

    def commit() -> str:
        return f"{dice.getrandbits(28):07x}"

    def mixed() -> str:
        kind = dice.choice(("", "", "", "", "", "v", "-rc", "-rc", "sha-", "-alpine"))
        return f"sha-{commit()}" if kind == "sha-" else f"v{version()}" if kind == "v" else version() + kind

    builds = [1_700_000_000 + 7 * number for number in range(TAGS)]
    dice.shuffle(builds)
    return {
        "versions": [version() for _ in range(TAGS)],
        "mixed": [mixed() for _ in range(TAGS)],
        "pre-releases": [f"{version()}-rc.{dice.randrange(100)}" for _ in range(TAGS)],
        "numbers": [str(build) for build in builds],
        "builds": [f"build-{build}" for build in builds],
        "branches": [f"main-{commit()}-{build}" for build in builds],
        "dates": [
            f"20{dice.randrange(10, 26)}.{dice.randrange(1, 13):02}.{dice.randrange(1, 29):02}-{build % 86400}"
            for build in builds
        ],
        "long": [f"{build}".rjust(128, "9") for build in builds],
    }


#: The name, the list, the present tag, the policy, and the CPU that it may cost (milliseconds, none for hostile lists).
CASES: list[tuple[str, str, str, Policy, int | None]] = [
    ("semver, all in shape", "versions", "1.2.3", Semver(">=1.0.0 <3"), 120),
    ("semver, as registries are", "mixed", "1.2.3", Semver(">=1.0.0 <3"), 120),
    ("semver, two groups", "mixed", "1.2.3", Semver("^1.2 !=1.3 || >=2.0.0-0 <3"), 120),
    ("semver, pre-releases", "pre-releases", "1.2.3", Semver(">=1.0.0-0 <3"), 120),
    ("semver, user's pattern", "mixed", "1.2.3", Semver("*", pattern="^(?P<version>.+)-alpine$"), 300),
    ("numerical, all numbers", "numbers", "1", Pattern("^[0-9]+$", order="numerical"), 40),
    ("numerical, after a prefix", "builds", "1", Pattern("^build-(?P<n>[0-9]+)$", order="numerical"), 40),
    ("numerical, user's pattern", "branches", "1", Pattern("^main-[0-9a-f]+-(?P<n>[0-9]+)$", order="numerical"), 300),
    ("alphabetical, all tags", "mixed", "0", Pattern(".*", order="alphabetical"), 20),
    ("alphabetical, user's pattern", "branches", "0", Pattern("^(?:main|dev)-", order="alphabetical"), 300),
    ("semver, a suffix", "mixed", "1.2.3", Semver("*", prefer=("-alpine",)), 120),
    ("semver, without some", "mixed", "1.2.3", Semver("*", exclude=("-(?:alpine|rc)$", "^sha-")), 500),
    ("calver", "dates", "2020.01.02", Pattern("^20", order="calver"), 300),
    (
        "numerical, two named groups",
        "branches",
        "1",
        Pattern("^main-[0-9a-f]+-(?P<m>[0-9]{5})(?P<n>[0-9]+)$", order="numerical"),
        500,
    ),
    ("digest", "mixed", "main", Follow("main"), None),
    ("hostile: 128 digits by version", "long", "1", Semver("*"), None),
    ("hostile: 128 digits by number", "long", "1", Pattern("", order="numerical"), None),
    ("hostile: nested repeats", "long", "1", Pattern("^(9+)+x", order="numerical"), None),
]


def cost(run: Callable[[], object], runs: int) -> tuple[float, float]:
    """The least and the median CPU time of a run, in milliseconds."""
    taken = []
    for _ in range(runs):
        start = time.process_time()
        run()
        taken.append(1000 * (time.process_time() - start))
    return min(taken), statistics.median(taken)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    tags = lists()
    print(f"{'choosing among ' + format(TAGS, ','):34} {'min':>7} {'median':>7} {'limit':>6}  milliseconds of CPU")
    for name, listed, present, policy, limit in CASES:
        least, median = cost(partial(choose, policy, tags[listed], Pin(present)), runs)
        print(f"{name:34} {least:7.1f} {median:7.1f} {limit or '-':>6}")
    least, median = cost(partial(rank, Semver("*"), tags["mixed"], 10), runs)
    print(f"{'ranked: the best ten by semver':34} {least:7.1f} {median:7.1f} {'-':>6}")


if __name__ == "__main__":
    main()
