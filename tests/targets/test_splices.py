from __future__ import annotations

import pytest

from gitops_bot.targets.writing import Splice, apply, break_at, break_before, line_end


@pytest.mark.parametrize(
    ("splices", "expected"),
    [
        pytest.param([Splice(1, 2, "X")], "aXcdef", id="replaced"),
        pytest.param([Splice(3, 3, "X")], "abcXdef", id="inserted"),
        pytest.param([Splice(1, 4, "")], "aef", id="cut"),
        pytest.param([Splice(4, 5, "Y"), Splice(0, 1, "XX")], "XXbcdYf", id="in any order"),
        pytest.param([Splice(2, 4, ""), Splice(2, 2, "X")], "abXef", id="an insertion stands before a cut"),
        pytest.param([Splice(1, 2, "X"), Splice(2, 2, "Y")], "aXYcdef", id="an insertion behind a replacement"),
    ],
)
def test_splices_are_applied_to_the_positions_of_the_original(splices: list[Splice], expected: str) -> None:
    assert apply("abcdef", splices) == expected


@pytest.mark.parametrize(
    "splices",
    [
        pytest.param([Splice(1, 4, "X"), Splice(3, 5, "Y")], id="overlapping"),
        pytest.param([Splice(5, 7, "X")], id="beyond the end"),
        pytest.param([Splice(-1, 2, "X")], id="before the start"),
        pytest.param([Splice(3, 2, "X")], id="backwards"),
    ],
)
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
