from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.version import counted, keys, parse

# From the lowest to the highest; those in one row are equal.
ASCENDING = [
    ["0.0.0-0"],
    ["0.0.0-1"],
    ["0-a"],
    ["0", "0.0", "v0.0.0", "00.0"],
    ["0.0.9"],
    ["0.0.10"],
    ["0.1", "v0.1.0", "0.01.0"],
    ["0.10.0"],
    ["1.0.0-1"],
    ["1.0.0-2"],
    ["1.0.0-10"],
    ["1.0.0--1"],
    ["1.0.0-1a"],
    ["1.0.0-A"],
    ["1.0.0-alpha"],
    ["1.0.0-alpha.1"],
    ["1.0.0-alpha.1.0"],
    ["1.0.0-alpha.2"],
    [f"1.0.0-alpha.{2**64}"],
    [f"1.0.0-alpha.{2**64 + 1}"],
    ["1.0.0-alpha.beta"],
    ["1.0.0-beta"],
    ["1.0.0-beta.2"],
    ["1.0.0-beta.11"],
    ["1.0.0-beta2"],
    ["1.0.0-beta10"],
    ["1.0.0-rc"],
    ["1.0.0-rc.1", "1.0-rc.1", "v1-rc.1"],
    ["1.0.0-rc-1"],
    ["1.0.0-rc-9"],
    ["1.0.0-rc-10"],
    ["1.0.0-rc0"],
    ["1.0.0-rc01"],
    ["1.0.0-rc1", "1-rc1"],
    ["1.0.0-rc1.1"],
    ["1.0.0-rc1a"],
    ["1.0.0-rc2"],
    ["1.0.0-rc10"],
    ["1.0.0-rc10.1"],
    [f"1.0.0-rc{2**64}"],
    ["1.0.0-rca"],
    ["1", "v1.0", "1.0.0", "01.00.000"],
    ["2.0.0"],
    ["10"],
    ["20240105"],
    ["9" * 40],
    ["1" + "0" * 120 + ".0.1"],
]

NO_VERSIONS = [
    "", "v", "V1.2.3", "vv1", "latest", "1.", ".1", "1..2", "1.2.3.4", "1.2.3-", "1.2.3-.", "1.2.3-a.", "1.2.3-a..b",
    "1.2.3-01", "1.2.3-rc.007", "1.2.3_1", "1.2.3p1", "1.x", "1.2.3+build", "-1", "1.2.3-rc_1", " 1", "1 ", "1\n",
    "sha-1a2b3c4", "release-1.2.3", "\N{ARABIC-INDIC DIGIT ONE}.2.3", "1.2.3-\N{GREEK SMALL LETTER ALPHA}",
    "1.2.3-" + "." * 100, "1.2.3-" + "a." * 60, "1.2.3-" + "-" * 100 + "_",
]  # fmt: skip


@pytest.mark.parametrize("row", ASCENDING, ids=lambda row: row[0][:20])
def test_spellings_of_one_version_are_equal(row: list[str]) -> None:
    versions = [parse(text) for text in row]
    assert all(version is not None and version.key == versions[0].key for version in versions if versions[0])


def test_versions_ascend_as_people_order_them() -> None:
    ascending = [version.key for row in ASCENDING for version in [parse(row[0])] if version]
    assert len(ascending) == len(ASCENDING)
    assert all(lower < higher for lower, higher in pairwise(ascending))


@pytest.mark.parametrize("text", NO_VERSIONS)
def test_other_texts_are_no_versions(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "prefix", "parts"),
    [("1", "", 1), ("v1", "v", 1), ("1.2", "", 2), ("v1.2-rc.1", "v", 2), ("1.2.3", "", 3), ("v1.2.3-rc.1.2", "v", 3)],
)
def test_the_spelling_is_kept_beside_the_key(text: str, prefix: str, parts: int) -> None:
    version = parse(text)
    assert version is not None
    assert (version.prefix, version.parts) == (prefix, parts)


IDENTIFIER = st.from_regex(r"\A(?:0|[1-9][0-9]{0,2}|[0-9]{0,2}[a-c-][0-9a-c-]{0,4})\Z")
TAILS = st.lists(IDENTIFIER, max_size=3).map(".".join)
COUNTED = re.compile("([a-c-]+)[0-9]")


def strictly(tail: str) -> list[tuple[int, int, str]]:
    """The precedence of SemVer 2.0.0, section 11; a release is above all."""
    texts = tail.split(".") if tail else []
    return [(0, int(text), "") if text.isdecimal() else (1, 0, text) for text in texts] or [(2, 0, "")]


@given(st.lists(TAILS, min_size=3, max_size=3))
def test_the_order_is_total_and_that_of_semver_but_for_numbers_behind_one_word(tails: list[str]) -> None:
    read = [version for tail in tails if (version := parse(f"1.2.3-{tail}" if tail else "1.2.3")) is not None]
    assert len(read) == 3
    first, second, third = sorted(version.key for version in read)  # of any two, one is lower or they are one
    assert first <= second <= third
    assert first <= third
    for (own, one), (other, two) in combinations(zip(tails, read, strict=True), 2):
        assert (one.key == two.key) == (own == other)
        parts = next((pair for pair in zip(own.split("."), other.split("."), strict=False) if pair[0] != pair[1]), None)
        words = [COUNTED.match(part) for part in parts or ()]
        if not (all(words) and len({word[1] for word in words if word}) == 1):
            assert (one.key < two.key) == (strictly(own) < strictly(other))


@pytest.mark.parametrize(
    ("higher", "lower", "expected"),
    [
        ("1.0.0-rc10", "1.0.0-rc9", ("rc10", "rc9")),
        ("v1.0-rc10", "1.0.0-rc9", ("rc10", "rc9")),
        ("1.0.0-rc9", "1.0.0-rc10", None),
        ("1.0.0-rc2", "1.0.0-rc1", None),
        ("1.0.0-rc.10", "1.0.0-rc.9", None),
        ("1.0.1-rc10", "1.0.0-rc9", None),
        ("1.0.0-b10", "1.0.0-a9", None),
        ("1.0.0", "1.0.0-rc9", None),
        ("main", "1.0.0-rc9", None),
    ],
)
def test_two_versions_that_semver_itself_has_the_other_way_round(
    higher: str, lower: str, expected: tuple[str, str] | None
) -> None:
    assert counted(higher, lower) == expected


TEXT = st.text(alphabet="v0123.-ar_", max_size=12) | st.sampled_from([text for row in ASCENDING for text in row])


@given(st.lists(TEXT))
def test_one_scan_reads_every_text_as_parse_does(texts: list[str]) -> None:
    parsed = [parse(text) for text in texts]
    assert keys(texts) == [version.key if version else None for version in parsed]
