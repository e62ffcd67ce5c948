from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.order import _SIGNATURE, candidates
from gitops_bot.images.reference import is_tag

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "tag",
    [
        f"sha256-{HEX}", f"sha256-{HEX}.sig", f"sha256-{HEX}.att", f"sha256-{HEX}.sbom", f"sha512-{HEX}{HEX[:50]}", "",
        ".1", "-1", "1.0+build", "a b", "a\n1.2.3", "\n", "1.2.3\n", "a\r", "1.2.3\0", "\N{ARABIC-INDIC DIGIT ONE}",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "\ud800", "a" * 129,
    ],
)  # fmt: skip
def test_never_a_candidate(tag: str) -> None:
    assert candidates([tag]) == []
    assert candidates(["1.0", tag, "2.0"]) == ["1.0", "2.0"]


@pytest.mark.parametrize(
    "tag",
    ["1.2.3", "latest", "_", "0", "9" * 128, "a-b", "a.b", "sha256-1234567", f"sha1-{HEX}", f"sha256-{HEX}.other",
     f"sha256-{HEX.upper()}", f"x-sha256-{HEX}", "sha-0a1b2c3"],
)  # fmt: skip
def test_a_candidate(tag: str) -> None:
    assert candidates([tag]) == [tag]
    assert candidates(["1.0", tag, "2.0"]) == ["1.0", tag, "2.0"]


ODD = st.text(alphabet="a0A_.-\n +\x7f\u0661\ud800", max_size=4) | st.sampled_from(
    ("1.2.3", "x" * 128, "x" * 129, f"sha256-{HEX}", f"sha512-{HEX}{HEX}.sig", "sha256-1", "sha512-x")
)


@given(st.lists(ODD))
def test_the_short_cut_over_the_whole_list_changes_nothing(tags: list[str]) -> None:
    assert candidates(tags) == [tag for tag in tags if is_tag(tag) and not _SIGNATURE.match(tag)]
