from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counterparts.git_http import GitServer, git_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as running:
        yield running
