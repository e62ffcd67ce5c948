from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.kinds import ByText, Follow, Pattern, Policy, Semver
from gitops_bot.images.order import compare, rank
from gitops_bot.images.policy import choose
from gitops_bot.images.reason import CODES
from gitops_bot.images.reference import Pin, is_tag
from tests.images.choices import told
from tests.tables import rows

if TYPE_CHECKING:
    from random import Random

SIGNATURE = "sha256-" + "0a" * 32 + ".sig"
DIGEST = "sha256:" + "0a" * 32
RANGE = Semver(">=1.0.0 <3")
BUILDS = Pattern("^build-(?P<n>[0-9]+)$", order="numerical")
DATES = Pattern("^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", order="alphabetical")
MAIN = Follow("main")


# What it shows, the policy, what is listed, the present pin, the code, and the tag chosen or held back.
CHOICES: list[tuple[str, Policy, str, Pin, str, str | None]] = [
    ("a higher version", RANGE, "1.0.0 1.4.2 1.10.0 0.9 3.0.0", Pin("1.4.2"), "chosen", "1.10.0"),
    ("a higher version beside a digest", RANGE, "1.4.2 1.5.0", Pin("1.4.2", DIGEST), "chosen", "1.5.0"),
    ("no pre-release of the bound", Semver(">=1.0.0-0 <2.0.0"), "1.4.2 2.0.0-rc.1", Pin("1.4.2"), "current", None),
    ("pre-releases where asked for", Semver("^1", prereleases=True), "1.4.2 1.5.0-rc.1", Pin("1.4.2"), "chosen",
     "1.5.0-rc.1"),
    ("the highest already", RANGE, "1.0.0 1.4.2 4.0.0", Pin("1.4.2"), "current", None),
    ("a partial version is that version", RANGE, "1.4 1.4.0", Pin("1.4"), "current", None),
    ("the shape of the present tag wins a tie", RANGE, "1.5 v1.5 1.5.0 v1.5.0 1.4", Pin("v1.4"), "chosen", "v1.5"),
    ("else without prefix", RANGE, "v2 2 v2.0 2.0", Pin("1.4.2"), "chosen", "2.0"),
    ("nothing listed", RANGE, "", Pin("1.4.2"), "held.vanished", None),
    ("signatures are no candidates", Pattern("", order="alphabetical"), f"2024-01-05 {SIGNATURE}", Pin("2024-01-05"),
     "current", None),
    ("tags outside the grammar are no candidates", Pattern("", order="alphabetical"), "a é", Pin("a"), "current", None),
    # promise 5
    ("lower than the present tag", RANGE, "1.4.1 1.4.2-rc.1", Pin("1.4.2"), "held.downgrade", "1.4.1"),
    ("the present tag is above the range", RANGE, "2.9.0 3.1.0", Pin("3.1.0"), "held.downgrade", "2.9.0"),
    ("the present tag is below the range", RANGE, "0.9.0 1.0.0", Pin("0.9.0"), "chosen", "1.0.0"),
    ("a present tag that the pattern does not match", Semver("*", pattern="^(?P<v>.+)-alpine$"), "1.4.2 1.4.1-alpine",
     Pin("1.4.2"), "held.downgrade", "1.4.1-alpine"),
    ("a lower build", BUILDS, "build-9 build-10", Pin("build-11"), "held.downgrade", "build-10"),
    # a present tag without an order
    ("latest by version", RANGE, "latest 1.4.2", Pin("latest"), "adopted", "1.4.2"),
    ("nothing pinned", RANGE, "1.4.1 1.4.2", Pin(), "adopted", "1.4.2"),
    ("a digest alone", RANGE, "1.4.1 1.4.2", Pin(None, DIGEST), "held.unordered", "1.4.2"),
    ("latest and nothing admitted", RANGE, "latest 0.1.0", Pin("latest"), "nothing_new", None),
    # a present tag that is gone
    ("gone, and a higher one is there", RANGE, "1.5.0", Pin("1.4.2"), "chosen", "1.5.0"),
    ("gone, and all are lower", RANGE, "1.4.1", Pin("1.4.2"), "held.downgrade", "1.4.1"),
    ("gone, and one of the same version is there", RANGE, "1.4.2", Pin("v1.4.2"), "held.vanished", "1.4.2"),
    ("gone, and without an order", RANGE, "1.4.2", Pin("latest"), "held.vanished", "1.4.2"),
    ("gone, and nothing admitted", RANGE, "latest", Pin("1.4.2"), "held.vanished", None),
    # by pattern
    ("by number, not by text", BUILDS, "build-9 build-10 main-99", Pin("build-9"), "chosen", "build-10"),
    ("by number of any length", BUILDS, f"build-{10**30} build-{10**30 + 1}", Pin(f"build-{10**30}"), "chosen",
     f"build-{10**30 + 1}"),
    ("a key that is no number", Pattern("^b", order="numerical"), "b-1 b-2", Pin("b-1"), "nothing_new", None),
    ("by version, pre-releases too", Pattern("^1", order="semver"), "1.4.2 1.5.0-rc.1", Pin("1.4.2"), "chosen",
     "1.5.0-rc.1"),
    ("the same text around the key wins a tie", Pattern(r"^(?P<v>[0-9.]+)-", order="semver"),
     "1.5.0-debian 1.5.0-alpine 1.4.0-alpine", Pin("1.4.0-alpine"), "chosen", "1.5.0-alpine"),
    ("one of several with the highest key", Pattern("^[a-z]-(?P<n>[0-9])$", order="numerical"), "a-1 b-2 c-2 d-2",
     Pin("c-2"), "current", None),
    # digest
    ("the tag to follow", MAIN, "main latest", Pin("main", DIGEST), "current", None),
    ("another tag before", MAIN, "main latest", Pin("latest"), "adopted", "main"),
    ("no tag before", MAIN, "main", Pin(None, DIGEST), "adopted", "main"),
    ("the tag to follow is gone", MAIN, "latest", Pin("main", DIGEST), "held.vanished", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "tags", "current", "code", "tag"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_choosing(policy: Policy, tags: str, current: Pin, code: str, tag: str | None) -> None:
    listed = tags.split()
    assert told(choose(policy, listed, current)) == (code, tag)
    assert told(choose(policy, tuple(reversed(listed)), current)) == (code, tag)


@pytest.mark.parametrize(
    ("policy", "tags", "current", "text"),
    [
        (RANGE, "1.4.1 1.4.2", Pin("1.4.1"),
         "highest version of 2 that match semver >=1.0.0 <3"),
        (RANGE, "1.4.2", Pin("1.4.1"),
         "only tag that matches semver >=1.0.0 <3; 1.4.1 is no longer listed"),
        (RANGE, "1.4.1", Pin("1.4.2"),
         "1.4.1 is lower than 1.4.2, but the only tag that matches semver >=1.0.0 <3; 1.4.2 is no longer listed"),
        (RANGE, "1.4 1.4.0", Pin("1.4"),
         "highest version of 2 that match semver >=1.0.0 <3 (equal: 1.4.0)"),
        (RANGE, "1.5.0 latest", Pin("latest"),
         ("only tag that matches semver >=1.0.0 <3; latest has no order under this policy, so it is replaced this "
          "once")),
        (RANGE, "1.5.0", Pin(), "only tag that matches semver >=1.0.0 <3; nothing was pinned"),
        (RANGE, "1.5.0", Pin(None, DIGEST),
         "only tag that matches semver >=1.0.0 <3, but a digest alone cannot be ordered among tags"),
        (RANGE, "1.5.0", Pin("latest"),
         "latest is no longer listed and has no order under this policy: 1.5.0 may be older"),
        (RANGE, "1.4.2", Pin("v1.4.2"),
         "v1.4.2 is no longer listed; 1.4.2 sorts equal to it, but may hold other bytes"),
        (RANGE, "latest", Pin("latest"), "no tag matches semver >=1.0.0 <3 (1 tag listed)"),
        (RANGE, "latest", Pin("1.0.0"),
         "1.0.0 is no longer listed, and no tag matches semver >=1.0.0 <3 (1 tag listed)"),
        (Pattern("^b-([0-9]+)$", order="numerical"), "b-1 b-2", Pin("b-1"),
         ("the pattern matches 2 tags, but what it marks is never a number (name a group, as in (?P<key>...), to mark "
          "which part is the key)")),
        (Pattern("^b-([0-9]+)$", order="numerical"), "c", Pin("c"), "no tag matches its pattern (1 tag listed)"),
        (Semver(">=2", pattern="^v"), "v1 v2-x", Pin("v1"),
         "the pattern matches 2 tags, but what it marks is never a version in the range"),
        (MAIN, "main latest", Pin("latest"), "main is the tag to follow, instead of latest"),
        (MAIN, "main", Pin("main"), "main is the tag to follow"),
    ],
)  # fmt: skip
def test_the_reason_is_a_sentence(policy: Policy, tags: str, current: Pin, text: str) -> None:
    assert choose(policy, tags.split(), current).reason.text == text


@pytest.mark.parametrize(
    ("policy", "tags", "text"),
    [
        (Semver(">=1", pattern="^v"), "v1.0.0 v2.0.0 v3.0.0", "highest version of 3 that match policy `builds`"),
        (Semver(">=3", pattern="^w"), "v1.0.0", "no tag matches policy `builds` (1 tag listed)"),
        (Pattern("^b-(?P<n>[0-9]+)$", order="numerical"), "b-1 b-2", "highest number of 2 that match policy `builds`"),
        (Pattern("^20", order="calver"), "2026.11 2026.12", "latest date of 2 that match policy `builds`"),
        (Pattern(".", order="alphabetical"), "a b", "alphabetically last tag of 2 that match policy `builds`"),
    ],
)  # fmt: skip
def test_a_policy_with_a_name_is_called_by_it_and_never_by_its_expression(policy: ByText, tags: str, text: str) -> None:
    listed = tags.split()
    assert choose(policy, listed, Pin(listed[0]), "builds").reason.text == text


NUMBERS = st.lists(st.integers(0, 3).map(str), min_size=1, max_size=3).map(".".join)
TAG = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "", "v", "build-", "a-"]),
        NUMBERS,
        st.sampled_from(["", "", "", "-rc.1", "-alpine"]),
    ),
    st.sampled_from(["latest", "main", "sha-0a1b2c3", "2024-01-05", "2024-02-01", "01", "1.0+x", "é", "", SIGNATURE]),
)
POLICY = st.sampled_from(
    [
        RANGE,
        Semver("*", prereleases=True),
        Semver("^1 || ^3", pattern="^(?P<v>.+?)(?:-alpine)?$"),
        BUILDS,
        DATES,
        MAIN,
        Pattern("^v?[0-9]", order="semver"),
        Pattern("", order="alphabetical"),
        Pattern("", order="calver"),
        Pattern("^(?P<a>[0-9]+)[.](?P<b>[0-9]+)(?:[.](?P<c>[0-9]+))?", order="numerical"),
        Semver(">=1", prefer=["-alpine", ""], exclude=["^v"]),
    ]
)
PIN = st.one_of(st.just(Pin()), st.just(Pin(None, DIGEST)), st.builds(Pin, TAG.filter(is_tag)))


@given(POLICY, st.lists(TAG, max_size=10), PIN, st.randoms(use_true_random=False))
def test_whatever_is_listed_the_choice_is_listed_never_lower_and_blind_to_the_order_of_the_list(
    policy: Policy, tags: list[str], current: Pin, random: Random
) -> None:
    choice = choose(policy, tags, current)
    code, tag = told(choice)
    assert code in CODES
    best = rank(policy, tags, 1)
    if tag is not None:
        assert tag in tags
        assert is_tag(tag)
        assert tag != SIGNATURE
        assert tag != current.tag
        assert compare(policy, tag, best[0]) in (0, None)
    order = compare(policy, current.tag, tag) if current.tag and tag else None
    match code:
        case "chosen":
            assert order == -1
        case "held.downgrade":
            assert order == 1
        case "adopted" | "held.unordered":
            assert order is None
        case "held.vanished":
            assert current.tag not in tags
            assert order in (None, 0)
        case "current":
            assert current.tag in tags
            assert compare(policy, str(current.tag), best[0]) == 0
        case _:
            assert code == "nothing_new"
            assert not best
    random.shuffle(tags)
    assert choose(policy, tags, current) == choice


@pytest.mark.parametrize(
    ("tags", "current", "text", "equal"),
    [
        ("1.4.2 1.5.0 v1.5.0", "1.4.2",
         "highest version of 3 that match semver >=1.0.0 <3 (equal: v1.5.0)",
         "v1.5.0"),
        ("1.5.0 1.5 v1.5 v1.5.0 01.5.0 1.5.0", "1.5",
         "highest version of 6 that match semver >=1.0.0 <3 (equal: 1.5.0, 01.5.0, v1.5.0 and 1 more)",
         "1.5.0, 01.5.0, v1.5.0 and 1 more"),
    ],
)  # fmt: skip
def test_tags_with_the_same_key_are_told(tags: str, current: str, text: str, equal: str) -> None:
    for listed in (tags.split(), tags.split()[::-1]):
        reason = choose(RANGE, listed, Pin(current)).reason
        assert reason.text == text
        assert reason.data["equal"] == equal


HOSTILE = [
    *(RANGE, BUILDS, DATES, MAIN),
    Pattern("(a+)+$", order="semver"),
    Pattern("", order="calver"),
    Pattern("(?P<a>.*)(?P<b>.*)(?P<c>.*)", order="numerical", exclude=["(1+)+$"]),
    Semver("*", prefer=["-a", ""], exclude=["9$"]),
]


@pytest.mark.parametrize("tag", ["1.2.3\n", "é", "\ud800", "a b", "x" * 129, ""])
def test_a_present_tag_outside_the_grammar_has_no_order(tag: str) -> None:
    assert told(choose(RANGE, ["1.2.3"], Pin(tag))) == ("held.vanished", "1.2.3")
    assert told(choose(DATES, ["2024-01-05"], Pin(tag))) == ("held.vanished", "2024-01-05")


@rows("present tags expected", {
    "a nightly beside versions": ("10.11.11", "10.11.11 12.0 2026090805", ("chosen", "12.0")),
    "nothing else is newer": ("12.0", "12.0 2026090805", ("current", None)),
    "a nightly is pinned": ("2026090801", "10.11.11 2026090801 2026090805", ("chosen", "2026090805")),
    "a year is pinned": ("2025", "2025 2026 2025.1", ("chosen", "2026")),
    "a range that only such a number is in": ("12.0", "1.2", ("held.vanished", None)),
})  # fmt: skip
def test_a_lone_number_is_no_version_beside_versions(present: str, tags: str, expected: tuple[str, str | None]) -> None:
    assert told(choose(Semver(">=10"), tags.split(), Pin(present))) == expected
    assert told(choose(Semver(">=10"), tags.split()[::-1], Pin(present))) == expected
