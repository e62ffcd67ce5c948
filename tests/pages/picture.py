"""`docs/images/pull-request.png`: the demo's page of a pull request that the bot opened, as a browser shows it.

    python -m tests.pages.picture docs/images/pull-request.png

Needs Chromium, and pngquant where it is there. The page is as the demo serves it, but for the address of its registry,
which reads `ghcr.io`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from gitops_bot.demo.site import REPOSITORY, begun, populate

#: What a pipeline pushes, for the bot to find.
NEWS = (("web", "v1.4.2"), ("api", "v2.7.4"))
WIDTH, HEIGHT = 1120, 806
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)


def page(folder: Path) -> str:
    """The page of the pull request for production."""
    with begun(folder) as site:
        populate(site)
        for image, tag in NEWS:
            site.push(image, tag)
        command = [sys.executable, "-m", "gitops_bot", "update", "production", "--repository", REPOSITORY]
        subprocess.run(command, env=os.environ | site.environment, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"{site.forge.url}/{REPOSITORY}/pull/1", timeout=30) as answer:
            text = answer.read().decode()
        return re.sub(re.escape(site.registry.host), "ghcr.io", text)


def shoot(file: Path, target: str, width: int, height: int, *, dark: bool = False) -> None:
    """A picture of a page, as a window of this size shows it."""
    frame = file.with_name("frame.html")
    # A browser without a screen lays out no window that is narrower than 500 pixels, but it does a frame.
    style = f"display:block;border:0;width:{width}px;height:{height}px"
    frame.write_text(f'<body style="margin:0"><iframe src="{file.name}" style="{style}"></iframe>', encoding="utf-8")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    shown = [f"--user-data-dir={file.parent}/profile", f"--window-size={width},{height}", f"--screenshot={target}"]
    subprocess.run(["chromium", *QUIET.split(), *scheme, *shown, frame.as_uri()], check=True, capture_output=True)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--output", target, "--", target], check=True)


def main(target: str) -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "demo").mkdir()
        file = folder / "page.html"
        file.write_text(page(folder / "demo"), encoding="utf-8")
        shoot(file, target, WIDTH, HEIGHT)


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()))
