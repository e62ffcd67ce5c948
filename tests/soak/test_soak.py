"""The short profile; with GITOPS_BOT_LONG=1, or by `python -m tests.soak`, the long one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.soak.__main__ import soak

if TYPE_CHECKING:
    from pathlib import Path

CYCLES = 200 if os.environ.get("GITOPS_BOT_LONG") == "1" else 30


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
def test_cycles_with_deaths_of_everything_lose_and_repeat_nothing(tmp_path: Path) -> None:
    shop = soak(tmp_path, CYCLES, seed=1)
    # It was no quiet night.
    assert {"push", "merge", "registry_away", "git_away", "killed"} <= shop.done.keys()
