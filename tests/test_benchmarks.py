"""A benchmark measures no program that did nothing, and says what is missing in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import run
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


def test_a_peer_that_asked_nobody_ends_the_benchmark() -> None:
    assert run.peer("crane", 10, run.Figure(1.0, 0.5, 20.0, 3)).split() == ["crane", "10", "1.00", "0.500", "20", "3"]
    with pytest.raises(SystemExit, match="renovate: it sent the registry no request"):
        run.peer("renovate", 10, run.Figure(1.0, 0.5, 20.0, 0))


def test_renovate_is_told_of_the_registry_by_its_host() -> None:
    settings = dict(word.split("=", 1) for word in run.renovate("127.0.0.1:5000") if word.isupper() or "=" in word)
    (rule,) = json.loads(settings["RENOVATE_CONFIG"])["hostRules"]
    assert rule == {"matchHost": "127.0.0.1:5000", "insecureRegistry": True}


@pytest.mark.parametrize("name", ["run", "promote", "action", "newest", "history", "status", "walk"])
def test_a_benchmark_says_that_it_needs_the_tests_libraries(name: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\n\nsys.modules['pytest'] = None\n", "utf-8")
    done = subprocess.run(
        [sys.executable, PROJECT / "benchmarks" / f"{name}.py", "--runs", "1"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    said = "the benchmarks need the tests' libraries, and pytest is not installed: pip install -e '.[test]'\n"
    assert done.stderr == said
