from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pip
import pytest

from tests.conftest import PROJECT, absent, program
from tests.container.engine import Engine, Image

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS = {"SOURCE": "https://github.com/acme/gitops-bot", "VERSION": "1.2.3", "REVISION": "0f" * 20}


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder that every user may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="gitops-bot-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not open_to_all(folder):
            absent("a temporary folder that other users can look into", "let TMPDIR name one, such as /tmp")
        yield folder


@pytest.fixture(scope="session")
def image(ground: Path) -> Image:
    """The image of this checkout, built once."""
    if os.geteuid() != 0:
        absent("the right to start a process as another user", "run the tests as root")
    program("apt-get")
    context(ground / "context")
    # What an engine would download each time, pip may keep here from one run to the next.
    keep = {"PIP_NO_CACHE_DIR": "0", "PIP_CACHE_DIR": _pip_cache()}
    engine = Engine(ground, ground / "context", python_image, keep)
    return engine.build((PROJECT / "Dockerfile").read_text(encoding="utf-8"), LABELS)


def context(target: Path) -> None:
    """Copy what .dockerignore leaves in: it names all that is, and folders of caches below."""
    rules = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    left_out = [rule.removeprefix("**/") for rule in rules[1:] if not rule.startswith("!")]
    assert rules[0] == "*"
    target.mkdir()
    for name in (rule.removeprefix("!") for rule in rules if rule.startswith("!")):
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, target / name, ignore=shutil.ignore_patterns(*left_out))
        else:
            shutil.copy2(PROJECT / name, target / name)


def _pip_cache() -> str:
    words = [sys.executable, "-m", "pip", "cache", "dir"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def python_image(root: Path, name: str) -> None:
    """What `python:*-slim` brings, by this machine's Python: `python`, `pip`, and a library that is not compiled."""
    assert name.startswith("python:")
    python = next(
        (each for each in map(Path, (sys._base_executable, "/usr/bin/python3")) if open_to_all(each.resolve())), None
    )
    if python is None:
        absent("a Python that other users may run", "apt-get install python3")
        raise AssertionError
    library = root / "usr" / "local" / "lib" / f"python3.{sys.version_info[1]}"
    shutil.copytree(
        Path(pip.__file__).parent, library / "site-packages" / "pip", ignore=shutil.ignore_patterns("*.pyc")
    )
    for stand_in in ("ensurepip", "json"):
        shutil.copytree(Path(os.__file__).parent / stand_in, library / stand_in, ignore=shutil.ignore_patterns("*.pyc"))
    programs = root / "usr" / "local" / "bin"
    programs.mkdir(parents=True)
    for link in ("python", "python3"):
        (programs / link).symlink_to(python)
    (programs / "pip").write_text(
        f"#!{programs / 'python'} -B\nimport sys\n\nsys.path.insert(0, {str(library / 'site-packages')!r})\n"
        "from pip._internal.cli.main import main\n\nsys.exit(main())\n",
        encoding="utf-8",
    )
    (programs / "pip").chmod(0o755)


def open_to_all(path: Path) -> bool:
    return path.exists() and all(place.stat().st_mode & 0o001 for place in (path, *path.parents))
