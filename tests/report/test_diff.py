from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.report.diff import unified_diff

ENTRY = ["images:", "- name: web", "  newTag: '1'", "  digest: a", "- name: api", "  newTag: '1'"]
LINES = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=40)


def diff(before: list[str], after: list[str]) -> list[str]:
    return list(unified_diff(before, after, "a/x", "b/x"))


def applied(before: list[str], lines: list[str]) -> list[str]:
    """What a diff makes of a file, by its hunks alone."""
    found: list[str] = []
    at = 0
    for line in lines[2:]:
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            first = int(start) - (length != "0")
            found += before[at:first]
            at = first
        elif line.startswith("+"):
            found.append(line[1:])
        else:
            assert before[at] == line[1:]
            at += 1
            found += [line[1:]] if line.startswith(" ") else []
    return [*found, *before[at:]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(ENTRY, ENTRY, id="nothing"),
        pytest.param(ENTRY, [*ENTRY[:2], "  newTag: '2'", *ENTRY[3:]], id="a value"),
        pytest.param(ENTRY, [*ENTRY[:2], "  newTag: '2'", "  digest: b", *ENTRY[4:]], id="two values"),
        pytest.param(ENTRY, [*ENTRY[:3], *ENTRY[4:]], id="a line less"),
        pytest.param(ENTRY, [*ENTRY, "  digest: b"], id="a line more at the end"),
        pytest.param(ENTRY, [*ENTRY[:5], "  newTag: '2'", "  digest: b"], id="a value and a line more at the end"),
        pytest.param(ENTRY, [*ENTRY[:2], "  newTag: '2'", *ENTRY[4:]], id="a value and a line less"),
        pytest.param(["x", *ENTRY[1:]], ENTRY, id="the first line"),
        pytest.param(["x"], ["y"], id="the only line"),
        pytest.param([], ["y"], id="an empty file"),
        pytest.param(["y"], [], id="a file that is emptied"),
        pytest.param([*ENTRY, *"abcdefg", *ENTRY],
            [*ENTRY[:2], "2", *ENTRY[3:], *"abcdefg", *ENTRY[:2], "2", *ENTRY[3:]], id="places that are far apart"),
        pytest.param([*ENTRY, "a", *ENTRY], [*ENTRY[:2], "2", *ENTRY[3:], "a", *ENTRY[:2], "2", *ENTRY[3:]],
            id="places that share their context"),
    ],
)  # fmt: skip
def test_an_edit_of_pins_is_shown_as_difflib_shows_it(before: list[str], after: list[str]) -> None:
    assert diff(before, after) == list(difflib.unified_diff(before, after, "a/x", "b/x", lineterm=""))


@given(LINES, LINES)
def test_any_diff_leads_from_the_one_file_to_the_other(before: list[str], after: list[str]) -> None:
    assert applied(before, diff(before, after)) == after


def test_places_that_differ_in_many_lines_are_shown_whole() -> None:
    before, after = [*"abc", *map(str, range(50)), *"xyz"], [*"abc", *map(str, range(100, 150)), *"xyz"]
    assert applied(before, diff(before, after)) == after
