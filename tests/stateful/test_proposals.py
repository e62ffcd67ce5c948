"""Random rows of what people, pipelines, registries and runs do; the short profile is the same rows each time."""

from __future__ import annotations

import os

import pytest

from tests.stateful.machine import explore

EXAMPLES = 300 if os.environ.get("GITOPS_BOT_LONG") == "1" else 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_any_order_people_win_and_no_pin_is_lost(seed: int) -> None:
    explore(examples=EXAMPLES, seed=seed)
