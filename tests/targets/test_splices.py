from __future__ import annotations

import pytest

from gitops_bot.targets.writing import Splice, apply, break_at, break_before, line_end
from tests.tables import rows


@rows("splices expected", {
    "replaced": ([Splice(1, 2, "X")], "aXcdef"),
    "inserted": ([Splice(3, 3, "X")], "abcXdef"),
    "cut": ([Splice(1, 4, "")], "aef"),
    "in any order": ([Splice(4, 5, "Y"), Splice(0, 1, "XX")], "XXbcdYf"),
    "an insertion stands before a cut": ([Splice(2, 4, ""), Splice(2, 2, "X")], "abXef"),
    "an insertion behind a replacement": ([Splice(1, 2, "X"), Splice(2, 2, "Y")], "aXYcdef"),
})  # fmt: skip
def test_splices_are_applied_to_the_positions_of_the_original(splices: list[Splice], expected: str) -> None:
    assert apply("abcdef", splices) == expected


@rows("splices", {
    "overlapping": [Splice(1, 4, "X"), Splice(3, 5, "Y")],
    "beyond the end": [Splice(5, 7, "X")],
    "before the start": [Splice(-1, 2, "X")],
    "backwards": [Splice(3, 2, "X")],
})  # fmt: skip
def test_splices_that_cannot_be_meant_are_refused(splices: list[Splice]) -> None:
    with pytest.raises(ValueError, match="overlaps another one or leaves the text"):
        apply("abcdef", splices)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_every_kind_of_line_break_ends_a_line(newline: str) -> None:
    text = f"ab{newline}cd"

    assert line_end(text, 0) == 2
    assert break_at(text, 2) == newline
    assert break_before(text, 2 + len(newline)) == newline
    assert line_end(text, len(text) - 1) == len(text)
    assert (break_at(text, 0), break_at(text, len(text)), break_before(text, 0), break_before(text, 1)) == ("",) * 4
