"""Checkouts on disk, and the commands that read nothing else: `check` and `init --offline`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Done


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write these files, and the folders that they are in."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def checkout(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a folder a checkout with these files; git is there only as a folder, and no network is needed."""
    write(folder, {".git/HEAD": "ref: refs/heads/main\n", **files})
    return folder


def check(folder: Path, files: Mapping[str, str], *args: str) -> Done:
    """Run `check` in a checkout with these files."""
    return run("check", *args, cwd=checkout(folder, files))


def places(done: Done) -> list[tuple[str | None, int | None, int | None]]:
    """Where the problems are that a command printed."""
    return [(problem["file"], problem["line"], problem["column"]) for problem in done.json["problems"]]


def init(folder: Path, *args: str) -> Done:
    """Run `init` in a checkout."""
    return run("init", "--offline", *args, cwd=folder)
