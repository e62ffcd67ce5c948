"""The long profile: `python -m tests.stateful --examples 1000 --seed 7`. It prints what came of every rule."""

from __future__ import annotations

import argparse
import os
import sys

from tests.stateful.machine import TALLY, explore


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="how many rows")
    parser.add_argument("--steps", type=int, default=25, help="the most steps of a row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--as-found", action="store_true", help="show what fails as it was found, without shrinking it")
    options = parser.parse_args(argv)
    try:
        explore(examples=options.examples, seed=options.seed, steps=options.steps, shrinks=not options.as_found)
    finally:
        for what, count in sorted(TALLY.items()):
            print(f"{count:7} {what}")  # noqa: T201
        spent = sum(os.times()[:4])
        print(f"{TALLY.total()} events, {spent:.0f} s of CPU, git's included")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
