from __future__ import annotations

import pytest

from gitops_bot.images.kinds import Follow, Pattern, Policy, Semver, describe, follow, pattern, semver
from gitops_bot.images.ranges import Range


def test_each_form_of_the_configuration_gives_its_kind() -> None:
    assert semver(">=1.0.0 <3") == Semver(Range.parse(">=1.0.0 <3"), prereleases=False, pattern=None)
    assert semver("*", prereleases=True, pattern="^v") == Semver(Range.parse("*"), prereleases=True, pattern="^v")
    assert pattern("^[0-9]+$", order="numerical") == Pattern("^[0-9]+$", "numerical")
    assert follow("main") == Follow("main")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (semver(">=1.0.0  <3"), "semver >=1.0.0 <3"),
        (semver("^1", prereleases=True), "semver ^1 with pre-releases"),
        (semver("^1", pattern="^(?P<v>.+)-alpine$"), "semver ^1 of ^(?P<v>.+)-alpine$"),
        (pattern("^v", order="semver"), "pattern ^v by version"),
        (pattern("^[0-9]+$", order="numerical"), "pattern ^[0-9]+$ by number"),
        (pattern("", order="alphabetical"), "pattern  by letter"),
        (follow("main"), "digest main"),
    ],
)
def test_a_policy_is_described_in_a_few_words(policy: Policy, words: str) -> None:
    assert describe(policy) == words


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at character 3: '>=' HERE 'one'"):
        semver(">=one")


def test_a_pattern_that_is_none_is_refused_in_both_kinds() -> None:
    with pytest.raises(ValueError, match="is not a valid RE2"):
        semver("*", pattern="(")
    with pytest.raises(ValueError, match="is not a valid RE2"):
        pattern("(", order="semver")


@pytest.mark.parametrize("tag", ["", "a b", "main\n", "x" * 129, "ma/in"])
def test_what_is_no_tag_cannot_be_followed(tag: str) -> None:
    with pytest.raises(ValueError, match="is not a tag"):
        follow(tag)
