"""`docs/images/status*.png`: the status page of a repository where production waits for much.

    python -m tests.pages.status_pictures docs/images [--services 33] [--all]

Needs what picture.py needs. `--all` makes a picture of every width in both schemes, and writes the page beside them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from gitops_bot.report import page
from tests.pages.picture import shoot
from tests.report.services import services

#: Names, widths, heights, and whether the scheme is dark.
PICTURES = (("status", 1400, 1000, False), ("status-narrow", 360, 800, True))
SIZES = ((360, 800), (800, 1000), (1400, 1000), (2560, 1440))


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--services", type=int, default=33)
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    target, count = asked.folder.resolve(), asked.services
    target.mkdir(exist_ok=True)
    every = [(f"{count}-{w}{'-dark' if dark else ''}", w, h, dark) for w, h in SIZES for dark in (False, True)]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "page.html"
        file.write_text(page.html(services(count)), encoding="utf-8")
        if asked.all:
            (target / f"{count}.html").write_bytes(file.read_bytes())
        for picture, width, height, dark in every if asked.all else PICTURES:
            shoot(file, str(target / f"{picture}.png"), width, height, dark=dark)


if __name__ == "__main__":
    main()
