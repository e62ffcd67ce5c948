from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.report.diff import unified_diff
from tests.tables import rows

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


@rows("before after", {
    "nothing": (ENTRY, ENTRY),
    "a value": (ENTRY, [*ENTRY[:2], "  newTag: '2'", *ENTRY[3:]]),
    "two values": (ENTRY, [*ENTRY[:2], "  newTag: '2'", "  digest: b", *ENTRY[4:]]),
    "a line less": (ENTRY, [*ENTRY[:3], *ENTRY[4:]]),
    "a line more at the end": (ENTRY, [*ENTRY, "  digest: b"]),
    "a value and a line more at the end": (ENTRY, [*ENTRY[:5], "  newTag: '2'", "  digest: b"]),
    "a value and a line less": (ENTRY, [*ENTRY[:2], "  newTag: '2'", *ENTRY[4:]]),
    "the first line": (["x", *ENTRY[1:]], ENTRY),
    "the only line": (["x"], ["y"]),
    "an empty file": ([], ["y"]),
    "a file that is emptied": (["y"], []),
    "places that are far apart": (
        [*ENTRY, *"abcdefg", *ENTRY], [*ENTRY[:2], "2", *ENTRY[3:], *"abcdefg", *ENTRY[:2], "2", *ENTRY[3:]],
    ),
    "places that share their context": (
        [*ENTRY, "a", *ENTRY], [*ENTRY[:2], "2", *ENTRY[3:], "a", *ENTRY[:2], "2", *ENTRY[3:]],
    ),
})  # fmt: skip
def test_an_edit_of_pins_is_shown_as_difflib_shows_it(before: list[str], after: list[str]) -> None:
    assert diff(before, after) == list(difflib.unified_diff(before, after, "a/x", "b/x", lineterm=""))


@given(LINES, LINES)
def test_any_diff_leads_from_the_one_file_to_the_other(before: list[str], after: list[str]) -> None:
    assert applied(before, diff(before, after)) == after


def test_places_that_differ_in_many_lines_are_shown_whole() -> None:
    before, after = [*"abc", *map(str, range(50)), *"xyz"], [*"abc", *map(str, range(100, 150)), *"xyz"]
    assert applied(before, diff(before, after)) == after
