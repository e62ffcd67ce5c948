from __future__ import annotations

import pytest

from gitops_bot.images.kinds import Follow, Pattern, Policy, Semver, describe


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Semver(">=1.0.0  <3"), "semver >=1.0.0 <3"),
        (Semver("^1", prereleases=True), "semver ^1 with pre-releases"),
        (Semver("^1", pattern="^(?P<v>.+)-alpine$"), "semver ^1 of ^(?P<v>.+)-alpine$"),
        (Pattern("^v", order="semver"), "pattern ^v by version"),
        (Pattern("^[0-9]+$", order="numerical"), "pattern ^[0-9]+$ by number"),
        (Pattern("", order="alphabetical"), "pattern  by letter"),
        (Follow("main"), "digest main"),
    ],
)
def test_a_policy_is_described_in_a_few_words(policy: Policy, words: str) -> None:
    assert describe(policy) == words


def test_a_pattern_that_is_none_is_refused_in_both_kinds() -> None:
    with pytest.raises(ValueError, match="is not a valid RE2"):
        Semver("*", pattern="(")
    with pytest.raises(ValueError, match="is not a valid RE2"):
        Pattern("(", order="semver")


@pytest.mark.parametrize("tag", ["", "a b", "main\n", "x" * 129, "ma/in"])
def test_what_is_no_tag_cannot_be_followed(tag: str) -> None:
    with pytest.raises(ValueError, match="is not a tag"):
        Follow(tag)
