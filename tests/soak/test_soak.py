"""The short profile; `python -m tests.soak` is the long one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.soak.profile import soak

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
def test_thirty_cycles_with_deaths_of_everything_lose_and_repeat_nothing(tmp_path: Path) -> None:
    shop = soak(tmp_path, 30, seed=1)
    # It was no quiet night.
    assert {"push", "merge", "registry_away", "git_away", "killed"} <= shop.done.keys()
