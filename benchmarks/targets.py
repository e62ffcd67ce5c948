"""Prints what reading and editing files of each target costs, each edit proved.

    python benchmarks/targets.py [--files 1000] [--runs 5]

CPU of this process, for so many files with one image each, in turns; medians over the runs. `of` is the ratio to
kustomizations in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets import read
from gitops_bot.targets.pin_file import edit

OLD, NEW = "sha256:" + "0" * 64, "sha256:" + "1" * 64
#: The name of a file, and its text with the number of the image.
FILES = {
    "kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - ../../base\n"
        f"images:\n  # one of many\n  - name: ghcr.io/bench/image-%d\n    newTag: v1.0.0\n    digest: {OLD}\n"
    ),
    "values.yaml": (
        "replicaCount: 2\nnameOverride: web\n"
        f"image:\n  # one of many\n  repository: ghcr.io/bench/image-%d\n  tag: v1.0.0\n  digest: {OLD}\n"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    spent: dict[str, list[float]] = {name: [] for name in FILES}
    for _ in range(asked.runs):
        for name, text in FILES.items():
            spent[name].append(cpu(name, [(text % number).encode() for number in range(asked.files)]))
    first = statistics.median(next(iter(spent.values())))
    print(f"{'file':<22}{'files':>7}{'CPU s':>8}{'of':>7}")
    for name, times in spent.items():
        median = statistics.median(times)
        print(f"{name:<22}{asked.files:>7}{median:>8.3f}{median / first:>7.2f}")


def cpu(name: str, files: list[bytes]) -> float:
    """Read each file, and pin its one image anew."""
    began = time.process_time()
    for data in files:
        pins = read(data, name)
        (entry,) = pins.entries
        if edit(pins, [Assignment(entry.name, Pin("v2.0.0", NEW))]) == data:
            raise SystemExit(f"{name}: nothing was edited")
    return time.process_time() - began


if __name__ == "__main__":
    main()
