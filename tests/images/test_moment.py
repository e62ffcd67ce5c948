"""Times of others are times in UTC, or a ValueError and nothing else."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images import moment
from gitops_bot.images.reason import rfc3339


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.678+02:00", "2026-01-02T01:04:05Z"),
        ("9990-12-31T23:59:59-14:00", "9991-01-01T13:59:59Z"),
    ],
)
def test_a_time_with_a_zone_is_read_in_utc(text: str, expected: str) -> None:
    assert rfc3339(moment.parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-02T03:04:05", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z", "x"],
)
def test_what_is_no_time_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"format|zone|out of range|month"):
        moment.parse(text)


@given(st.text() | st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()))
def test_every_text_is_a_time_or_refused(text: str) -> None:
    with suppress(ValueError):
        at = moment.parse(text)
        assert rfc3339(at + timedelta(days=366)) > rfc3339(at - timedelta(days=366))


@given(st.integers() | st.floats())
def test_so_is_every_number_of_seconds(seconds: float) -> None:
    with suppress(ValueError):
        assert rfc3339(moment.of_seconds(seconds)).endswith("Z")
