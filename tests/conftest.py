"""What every test may use: the real counterparts, and the corpus."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.registry import DockerRegistry

PROJECT = Path(__file__).resolve().parent.parent
#: With this switch (set by .ci/run) a missing counterpart or corpus fails instead of skipping.
INSIST = os.environ.get("GITOPS_BOT_INSIST") == "1"


def absent(what: str) -> None:
    """Skip the test that needs `what`, or fail where the run insists on every counterpart."""
    if INSIST:
        pytest.fail(f"{what} is missing, and GITOPS_BOT_INSIST=1 asks for every counterpart")
    pytest.skip(f"{what} is not installed")


def program(name: str) -> str:
    """The path of a program that a test needs: on PATH, beside this Python, or where Debian puts servers."""
    places = (None, str(Path(sys.executable).parent), "/usr/sbin:/sbin")
    found = next((path for place in places if (path := shutil.which(name, path=place))), None)
    if found is None:
        absent(name)
        raise AssertionError
    return found


def library(name: str) -> Any:
    """A Python package that only .ci/run brings along."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        absent(name)
        raise


# A loaded machine is no fault of the code: no test may depend on how long an example takes.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files: GITOPS_BOT_CORPUS, else `../shared/corpus` beside the project."""
    if os.environ.get("GITOPS_BOT_CORPUS") == "":
        pytest.skip("GITOPS_BOT_CORPUS is empty: this machine has no corpus")
    folder = Path(os.environ.get("GITOPS_BOT_CORPUS", PROJECT.parent / "shared" / "corpus"))
    if not (folder / "INDEX.jsonl").is_file():
        absent(f"the corpus ({folder})")
    return folder


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A real registry, open to everybody; tests share it and take repositories of their own."""
    from tests.counterparts.registry import docker_registry

    with docker_registry(tmp_path_factory.mktemp("registry")) as server:
        yield server
