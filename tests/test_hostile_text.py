"""No text that a stranger writes hangs the bot: the work of a parser grows with the length of its text, not faster."""

from __future__ import annotations

import subprocess
import sys

from tests import hostile_text
from tests.conftest import PROJECT


def test_no_text_takes_longer_to_read_than_its_length_explains() -> None:
    left = list(hostile_text.texts())
    too_slow: list[str] = []
    while left:
        command = [sys.executable, "-m", "tests.hostile_text", left[0]]
        run = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
        finished = run.stdout.splitlines()
        assert finished == left[: len(finished)], run.stderr
        left = left[len(finished) :]
        if not left:
            break
        assert run.returncode < 0, f"{left[0]}: {run.stderr}"
        too_slow.append(left.pop(0))
    assert too_slow == []
