"""Tests as tables of labelled rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows(names: str, table: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test for each row of a table: a tuple of what is `names`, or the value itself where that is one name."""
    params = [
        pytest.param(*row, id=label) if " " in names and isinstance(row, tuple) else pytest.param(row, id=label)
        for label, row in table.items()
    ]
    return pytest.mark.parametrize(names.split(), params)
