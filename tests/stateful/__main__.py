"""The long profile: `python -m tests.stateful --examples 1000 --seed 7`."""

from __future__ import annotations

import argparse

from tests.stateful.machine import explore

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="how many rows")
    parser.add_argument("--steps", type=int, default=25, help="the most steps of a row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--as-found", action="store_true", help="show what fails as it was found, without shrinking it")
    options = parser.parse_args()
    explore(examples=options.examples, seed=options.seed, steps=options.steps, shrinks=not options.as_found)
