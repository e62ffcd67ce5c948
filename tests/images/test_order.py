from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.kinds import Follow, Pattern, Policy, Semver
from gitops_bot.images.order import admit, compare, rank, ranked_tag

if TYPE_CHECKING:
    from random import Random

ALPINE = "^(?P<version>.+)-alpine$"

POLICIES = {
    "semver": Semver(">=1"),
    "semver with pre-releases": Semver("<2", prereleases=True),
    "semver of a pattern": Semver("*", pattern=ALPINE),
    "version": Pattern("^v?[0-9]", order="semver"),
    "version of a group": Pattern(ALPINE, order="semver"),
    "number": Pattern("", order="numerical"),
    "number of a group": Pattern("-(?P<n>[0-9]+)$", order="numerical"),
    "letter": Pattern("^[a-z]", order="alphabetical"),
    "letter of a group": Pattern("^[a-z]+-(?P<rest>.+)$", order="alphabetical"),
    "date": Pattern("", order="calver"),
    "version, then base": Semver("*", pattern="^(?P<version>[0-9.]+)(?:-alpine(?P<base>[0-9.]+))?$"),
    "number, then number": Pattern("^main-(?P<n>[0-9]+)(?:[.](?P<m>[0-9]+))?$", order="numerical"),
    "suffix": Semver("*", prefer=["-alpine"]),
    "suffix or none": Semver(">=1", prefer=["-alpine", ""]),
    "prefix": Semver("*", prefer=["main-", "a-"]),
    "without": Semver("*", exclude=["^v", "^1[.]1$"]),
    "without letters": Pattern("", order="numerical", exclude=["^0"]),
    "digest": Follow("main"),
}

# The policy, what is listed, and what it admits, best first.
RANKED = [
    ("semver", "1.0.0 1.0.0.1 1.0.0p 1.0.1 1.2.0 0.1.0 latest 1.3.0-rc.1", "1.2.0 1.0.1 1.0.0"),
    ("semver", "1.9.0 1.10.0 v1.11.0 2", "2 v1.11.0 1.10.0 1.9.0"),
    ("semver", "b1.2.3 1.2.3_1 sha-1234567", ""),
    ("semver", "", ""),
    ("semver", "10.11.11 12 12.0 2026090805 2026", "12.0 12 10.11.11"),
    ("semver", "20240105 20240106 12 2026", "20240106 20240105 2026 12"),
    ("semver", "20240105.3 20240106", "20240106 20240105.3"),
    ("semver", "1.2 12345 1899 v123456", "12345 1899 1.2"),
    ("version", "1.2 20240105 2024-1.5 2024", "2024-1.5 1.2"),
    ("version of a group", "1.2-alpine 20240105-alpine", "1.2-alpine"),
    ("version of a group", "1-alpine 20240105-alpine 1.2", "20240105-alpine 1-alpine"),
    ("suffix or none", "1.2-alpine 20240105 1", "1.2-alpine 1"),
    ("number", "1.2 20240105", "20240105 1.2"),
    ("semver with pre-releases", "2.0.0-rc.1 1.9.0-rc.2 1.9.0-rc.11 1.8 2", "1.9.0-rc.11 1.9.0-rc.2 1.8"),
    ("semver of a pattern", "1.2-alpine 1.3 1.10-alpine x-alpine 1.4-rc.1-alpine", "1.10-alpine 1.2-alpine"),
    ("version", "v1.2.0 1.10.0-rc.1 latest 1.9", "1.10.0-rc.1 1.9 v1.2.0"),
    ("version of a group", "1.2-alpine 1.3 1.10-rc.1-alpine x-alpine", "1.10-rc.1-alpine 1.2-alpine"),
    ("number", "9 10 0x10 1e5 1_000 -5 2.5 2.25 07 latest", "10 9 07 2.5 2.25"),
    ("number", f"{10**40} {10**40 + 1} 1", f"{10**40 + 1} {10**40} 1"),
    ("number of a group", "main-9 main-10 dev-11 12 main-x", "dev-11 main-10 main-9"),
    ("letter", "a b aa Z 1 z-1", "z-1 b aa a"),
    ("letter of a group", "dev-b main-a main-10 main-9 z", "dev-b main-a main-9 main-10"),
    ("date", "20250131.3 2025.01.31-2 2025.01.31 24.12 v2025.2 2025-01-31-sha 2025 1.2.3",
     "v2025.2 20250131.3 2025.01.31-2 2025.01.31 24.12"),
    ("version, then base", "1.2.3-alpine3.9 1.2.3-alpine3.10 1.2.3 1.2.4 1.2.2-alpine4 1.2.3-alpinex",
     "1.2.4 1.2.3-alpine3.10 1.2.3-alpine3.9 1.2.3 1.2.2-alpine4"),
    ("number, then number", "main-9.9 main-10 main-10.2 main-10.10", "main-10.10 main-10.2 main-10 main-9.9"),
    ("suffix", "1.2-alpine 1.3 1.10-alpine -alpine x-alpine 1.4-rc.1-alpine", "1.10-alpine 1.2-alpine"),
    ("suffix or none", "1.2-alpine 1.3 1.2 1.3-alpine 0.9 1.4", "1.4 1.3-alpine 1.3 1.2-alpine 1.2"),
    ("prefix", "main-1.2 a-1.2 a-1.3 1.4 b-1.5", "a-1.3 main-1.2 a-1.2"),
    ("without", "1.1 1.2 v1.3 1.1.1", "1.2 1.1.1"),
    ("without letters", "01 1 0 10", "10 1"),
    ("digest", "latest main dev", "main"),
    ("digest", "latest dev", ""),
    # Equal keys: full versions first, then without prefix, then the later text. None is lost.
    ("semver", "1 v1 1.0 v1.0 v1.0.0 1.0.0 01.0.0", "1.0.0 01.0.0 v1.0.0 1.0 1 v1.0 v1"),
    ("number of a group", "a-1 c-1 b-1 b-01", "c-1 b-1 b-01 a-1"),
    ("number", "1 01 1.0 1.00", "1.00 1.0 1 01"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "tags", "best_first"), RANKED, ids=[f"{row[0]}: {row[1]}" for row in RANKED])
def test_what_is_admitted_best_first(name: str, tags: str, best_first: str) -> None:
    listed = tags.split()
    assert " ".join(rank(POLICIES[name], listed, 100)) == best_first
    assert " ".join(rank(POLICIES[name], listed[::-1], 100)) == best_first
    assert sorted(admit(POLICIES[name], listed).tags) == sorted(best_first.split())


@pytest.mark.parametrize(("limit", "best_first"), [(-1, ()), (0, ()), (1, ("1.0.0",)), (2, ("1.0.0", "v1.0.0"))])
def test_at_most_so_many_are_ranked(limit: int, best_first: tuple[str, ...]) -> None:
    assert rank(POLICIES["semver"], ["v1", "1", "v1.0.0", "1.0.0"], limit) == best_first


COMPARED = [
    ("semver", "1.2.0", "1.10.0", -1),
    ("semver", "1.2", "v1.2.0", 0),
    ("semver", "0.1.0", "0.0.9", 1),  # ranges are ignored
    ("semver", "1.2.3-rc.1", "1.2.3", -1),
    ("semver", "latest", "1.2.3", None),
    ("semver", "1.2.3", "sha-0a1b2c3", None),
    ("semver", "latest", "latest", 0),
    ("semver", "1.2.3", "1.2.3\n", None),
    ("semver of a pattern", "1.2-alpine", "1.3-alpine", -1),
    ("semver of a pattern", "1.4.2", "1.3.0-alpine", 1),  # not matched, so read whole
    ("semver of a pattern", "x-alpine", "1.3.0-alpine", None),
    ("number", "9", "10", -1),
    ("number", "2.50", "2.5", 0),
    ("number", "2.5", "latest", None),
    ("number of a group", "main-9", "57", -1),
    ("number of a group", "main-x", "57", None),
    ("letter", "main", "latest", 1),
    ("letter", "2024-01-05", "a", -1),  # not matched, but it never moves
    ("letter", "2024", "a", None),  # not matched, and it moves
    ("letter of a group", "x-b", "y-a", 1),
    ("date", "20250131.3", "2025.01.31-12", -1),
    ("date", "2025.1.2", "v2025.01.02", 0),
    ("date", "2025.1.2", "1.2.3", None),
    ("version, then base", "1.2.3-alpine3.19", "1.2.3", 1),
    ("version, then base", "v1.2.3", "1.2.3", 0),  # not matched, so read whole
    ("suffix", "1.2-alpine", "1.3", -1),  # of no such family, so read whole
    ("suffix or none", "1.2-alpine", "1.2", 1),
    ("without", "v1.3", "1.2", 1),  # left out, but not without an order
    ("digest", "main", "dev", None),
    ("digest", "main", "main", 0),
]


@pytest.mark.parametrize(("name", "left", "right", "order"), COMPARED)
def test_two_tags_are_compared_by_the_policy(name: str, left: str, right: str, order: int | None) -> None:
    assert compare(POLICIES[name], left, right) == order
    assert compare(POLICIES[name], right, left) == (None if order is None else -order)


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("1.2.3", "v1.2.4", -1),
        ("1.2.3-rc.1", "1.2.3", -1),
        ("v1.2.3", "1.2.3", 0),
        ("1.2", "1.3", None),
        ("1.2.3", "1.3", None),
        ("20240105", "20240106", None),
        ("main", "latest", None),
        ("main", "main", 0),
    ],
)
def test_without_a_policy_only_full_versions_are_compared(left: str, right: str, order: int | None) -> None:
    assert compare(None, left, right) == order
    assert compare(None, right, left) == (None if order is None else -order)


NUMBERS = st.lists(st.integers(0, 3).map(str), min_size=1, max_size=4).map(".".join)
TAG = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "", "v", "main-", "a-"]),
        NUMBERS,
        st.sampled_from(["", "", "-rc.1", "-rc.2", "-alpine", "-rc.1-alpine", "_x"]),
    ),
    st.sampled_from(["latest", "main", "sha-0a1b2c3", "2024-01-05", "01", "1.0+x", "sha256-" + "0" * 64, ""]),
    st.sampled_from(["20240105", "2024.1.5", "24.1", "1.1-alpine3", "1.1-alpine3.1", "main-1.1", "main-1"]),
    st.text(alphabet="01.-av\n", max_size=5),
)
POLICY = st.sampled_from(list(POLICIES.values()))


@given(POLICY, TAG, TAG, TAG)
def test_the_order_of_tags_is_total_where_it_can_be_told(policy: Policy, one: str, two: str, three: str) -> None:
    forth, back = compare(policy, one, two), compare(policy, two, one)
    assert forth == (None if back is None else -back)
    assert compare(policy, one, one) == 0
    onward, across = compare(policy, two, three), compare(policy, one, three)
    if forth is not None and onward is not None and forth <= 0 and onward <= 0:
        assert across is not None
        assert across == min(forth, onward)


@given(POLICY, st.lists(TAG, max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_the_ranking_follows_the_order_and_not_the_list(
    policy: Policy, tags: list[str], limit: int, random: Random
) -> None:
    best_first = rank(policy, tags, len(tags))
    assert set(best_first) == set(admit(policy, tags).tags) <= set(tags)
    assert len(set(best_first)) == len(best_first)
    assert all((compare(policy, *pair) or 0) >= 0 for pair in pairwise(best_first))
    random.shuffle(tags)
    assert rank(policy, tags, limit) == best_first[:limit]


@given(POLICY, st.lists(TAG, max_size=8))
def test_a_tag_has_the_same_place_alone_as_in_the_list(policy: Policy, tags: list[str]) -> None:
    found = admit(policy, tags)
    for at, tag in enumerate(found.tags):
        alone = ranked_tag(policy, tag)
        assert alone is None or alone == found.ranked_tag(at)
        assert alone is not None or policy == Follow("main")
