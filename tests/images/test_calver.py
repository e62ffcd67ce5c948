from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.version import parse_date as parse

READ = [
    ("2025.01.31-13.45", (2025, 1, 31, 13, 45)),
    ("v2025.1.31", (2025, 1, 31)),
    ("2025-01-31", (2025, 1, 31)),
    ("2025_01_31", (2025, 1, 31)),
    ("2025.1", (2025, 1)),
    ("24.04", (2024, 4)),
    ("25.04.2", (2025, 4, 2)),
    ("202501", (2025, 1)),
    ("20250131", (2025, 1, 31)),
    ("20250131.3", (2025, 1, 31, 3)),
    ("20250131-1345", (2025, 1, 31, 1345)),  # a number, since nothing says that it is a time
    ("202501311345", (2025, 1, 31, 13, 45)),
    ("20250131134501", (2025, 1, 31, 13, 45, 1)),
    ("2025-01-31T134501Z", (2025, 1, 31, 13, 45, 1)),
    ("2025-01-31T13-45-01Z", (2025, 1, 31, 13, 45, 1)),
    ("20250131t1345z", (2025, 1, 31, 13, 45)),
    ("20250131T1345-2", (2025, 1, 31, 13, 45, 2)),
    ("2025.31.99", (2025, 31, 99)),  # a week and a count: only together are digits held to be a date
    ("2025.1.0" + "9" * 100, (2025, 1, int("9" * 100))),
]
NOT_READ = [
    "", "v", "2025", "1.2.3", "12345678", "20251301", "20250132", "1700000000", "2025.01.31-abc123", "2025.01.31-rc.1",
    "2024.12.0b3", "2025..1", "2025.1.", ".2025.1", "2025.1\n", "vv2025.1", "2025.1-", "20250131T25", "20250131TZ",
    "2025.1+1", "1899.1", "2200.1", "\uff12\uff10\uff12\uff15.1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), READ)
def test_a_calendar_version_is_its_numbers(text: str, key: tuple[int, ...]) -> None:
    assert parse(text) == key


@pytest.mark.parametrize("text", NOT_READ)
def test_whatever_else_a_text_may_be_is_none(text: str) -> None:
    assert parse(text) is None


@given(st.text(alphabet="0123456789v.-_TZtzr", max_size=24))
def test_a_text_keeps_its_digits(one: str) -> None:
    key = parse(one)
    if key is not None:
        assert re.fullmatch(r"[vTtZz0-9._-]+", one)
        assert "".join(map(str, key)).replace("0", "") in ("20" + one).translate({ord(c): None for c in "v.-_TZtz0"})
