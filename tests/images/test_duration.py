from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images import duration
from tests.tables import rows


@rows("text seconds", {
    "none": ("0", 0),
    "seconds": ("90s", 90),
    "a day": ("1d", 86_400),
    "all of them": ("1d12h30m5s", 131_405),
    "the longest": ("366d", 31_622_400),
})  # fmt: skip
def test_a_span_is_read(text: str, seconds: int) -> None:
    assert duration.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2 h", "-2h", "2h1d", "1.5h", "2H", "2h\n", "PT2H", "٢h", "367d", "9999999m", "9" * 40 + "s"]
)
def test_anything_else_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|longer than 366 days") as caught:
        duration.parse(text)
    assert repr(text) in str(caught.value)


@given(st.integers(0, 366 * 86_400))
def test_what_is_written_is_read_again(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert duration.parse(duration.write(span)) == span


@rows("span expected", {
    "a part of a second is not nothing": (timedelta(milliseconds=1), "1s"),
    "less than nothing": (timedelta(seconds=-5), "0"),
    "units that are zero are left out": (timedelta(hours=36), "1d12h"),
})  # fmt: skip
def test_a_span_is_written(span: timedelta, expected: str) -> None:
    assert duration.write(span) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(seconds=-9), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1, minutes=59), "1 hour"),
        (timedelta(days=2, hours=23), "2 days"),
    ],
)
def test_people_are_told_the_greatest_unit(span: timedelta, expected: str) -> None:
    assert duration.roughly(span) == expected
