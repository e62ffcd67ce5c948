"""The world that the examples run in: git, registry and GitHub server as everywhere, one repository for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counterparts.world import world
from tests.examples.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.world import World


@pytest.fixture(scope="session")
def worldwide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def place(worldwide: World) -> Place:
    """The repository that the examples are about, at 1.0.0 in both environments."""
    return Place.make(worldwide, "examples/gitops-bot.yaml")
