"""A benchmark measures no program that did nothing, and says what is missing in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import mutants, run
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


def test_a_peer_that_asked_nobody_ends_the_benchmark() -> None:
    assert run.peer("crane", 10, run.Figure(1.0, 0.5, 20.0, 3)).split() == ["crane", "10", "1.00", "0.500", "20", "3"]
    with pytest.raises(SystemExit, match="renovate: it sent the registry no request"):
        run.peer("renovate", 10, run.Figure(1.0, 0.5, 20.0, 0))


def test_a_benchmark_says_that_it_needs_the_tests_libraries(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\n\nsys.modules['pytest'] = None\n", "utf-8")
    done = subprocess.run(
        [sys.executable, PROJECT / "benchmarks" / "run.py", "--runs", "1"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    said = "the benchmarks need the tests' libraries, and pytest is not installed: pip install -e '.[test]'\n"
    assert done.stderr == said


def test_mutants_change_one_place_of_what_functions_do() -> None:
    source = """\
LIMIT = 5

def sort(items: list[int], most: int = 7) -> bool:
    \"\"\"Not this text.\"\"\"
    if len(items) < 2 and items:
        items.sort()
        return not items
    raise ValueError(f"{items}")
"""
    found = sorted((mutant.first, mutant.what, mutant.text.strip()) for mutant in mutants.mutants_of("x.py", source))
    assert found == [
        (5, "and/or", "if (len(items) < 2 or items):"),
        (5, "comparison", "if (len(items) <= 2) and items:"),
        (5, "condition", "if (not (len(items) < 2 and items)):"),
        (5, "constant", "if len(items) < (3) and items:"),
        (5, "one condition less", "if (items):"),
        (5, "one condition less", "if (len(items) < 2):"),
        (6, "statement", "pass"),
        (7, "no `not`", "return (items)"),
        (7, "return", "return None"),
        (8, "statement", "pass"),
    ]


def test_a_mutant_that_a_test_notices_is_killed_and_another_survives(tmp_path: Path) -> None:
    (tmp_path / "gitops_bot").mkdir()
    source = "def double(number):\n    return number + number\n"
    (tmp_path / "gitops_bot" / "__init__.py").touch()
    (tmp_path / "gitops_bot" / "x.py").write_text(source)
    test = "from gitops_bot.x import double\n\ndef test_it():\n    assert double({0}) == 2 * {0}\n"
    (tmp_path / "test_three.py").write_text(test.format(3))
    (tmp_path / "test_nothing.py").write_text(test.format(0))
    minus = next(each for each in mutants.mutants_of("x.py", source) if each.what == "arithmetic")
    assert not mutants.survives(minus, ["test_nothing.py::test_it", "test_three.py::test_it"], tmp_path)
    assert mutants.survives(minus, ["test_nothing.py::test_it"], tmp_path)
    assert mutants.survives(minus, [], tmp_path)
    assert (tmp_path / "gitops_bot" / "x.py").read_text() == source
