"""The world that fuzzed commands run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counterparts.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.world import World


@pytest.fixture(scope="session")
def worldwide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running
