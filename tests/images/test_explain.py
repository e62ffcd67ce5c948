from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.age import choose_newest
from gitops_bot.images.explain import RankedTag, RuleResult, explain, removed_by
from gitops_bot.images.kinds import Follow, Newest, Pattern, Policy, Semver
from gitops_bot.images.order import LONE_NUMBER, admits
from gitops_bot.images.policy import Chosen, choose
from gitops_bot.images.reference import Pin

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNATURE = "sha256-" + "0a" * 32 + ".sig"
VALID = "a valid tag, and no signature"


def steps(policy: Policy, tags: str, present: str = "x", **times: datetime | None) -> list[tuple[str, int, int, str]]:
    found = explain(policy, tags.split(), Pin(present), times, NOW).steps
    return [(step.rule, step.kept, step.removed, " ".join(step.sample)) for step in found]


def candidates(policy: Policy, tags: str, present: str = "x") -> list[tuple[str, tuple[str, ...]]]:
    found = explain(policy, tags.split(), Pin(present), {}, NOW).candidates
    return [(candidate.tag, candidate.key) for candidate in found]


def test_each_rule_says_what_it_removed() -> None:
    tags = f"1.0.0 1.1.0 1.2.0-rc.1 3.0.0 v1.3.0 latest {SIGNATURE} 1.4.0-debug main !"
    assert steps(Semver(">=1.0.0 <3", exclude=["-debug$", "^v"]), tags) == [
        (VALID, 8, 2, f"{SIGNATURE} !"),
        ("exclude -debug$", 7, 1, "1.4.0-debug"),
        ("exclude ^v", 6, 1, "v1.3.0"),
        ("a version", 4, 2, "latest main"),
        ("semver >=1.0.0 <3", 3, 1, "3.0.0"),
        ("not a pre-release", 2, 1, "1.2.0-rc.1"),
    ]


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        (Semver("*", pattern="^v"), [VALID, "pattern ^v", "a version", "semver *", "not a pre-release"]),
        (Semver("*", prefer=["-alpine", ""]),
         [VALID, "prefer -alpine or neither", "a version", "semver *", "not a pre-release"]),
        (Pattern("^v", order="calver"), [VALID, "pattern ^v", "a date"]),
        (Pattern("^v", order="alphabetical", exclude=["x"]), [VALID, "exclude x", "pattern ^v", "a text"]),
        (Newest("^v"), [VALID, "pattern ^v", "not older than the pinned build", "a known build time"]),
        (Follow("main"), [VALID, "digest main"]),
    ],
)  # fmt: skip
def test_every_kind_of_policy_names_its_rules(policy: Policy, rules: list[str]) -> None:
    assert [rule for rule, *_ in steps(policy, "v1 main")] == rules


def test_a_step_shows_five_tags_of_any_number() -> None:
    explained = explain(Semver("*"), [f"x{at}" for at in range(1000)] * 2, Pin(), {}, NOW)
    assert explained.seen == 1000
    assert explained.steps[1] == RuleResult("a version", 0, 1000, ("x0", "x1", "x2", "x3", "x4"))


def test_candidates_are_ranked_with_the_parts_of_their_keys() -> None:
    base = Pattern("^(?P<version>[0-9.]+)-alpine(?P<base>[0-9.]+)$", order="semver")
    assert candidates(base, "1.2.3-alpine3.19 1.2.4-alpine3.18 1.2.3-alpine3.20") == [
        ("1.2.4-alpine3.18", ("1.2.4", "3.18")),
        ("1.2.3-alpine3.20", ("1.2.3", "3.20")),
        ("1.2.3-alpine3.19", ("1.2.3", "3.19")),
    ]
    assert candidates(Semver("*"), "v1 1 1.0.0", "v1") == [("v1", ("v1",)), ("1.0.0", ("1.0.0",)), ("1", ("1",))]
    assert len(candidates(Semver("*"), " ".join(map(str, range(99))))) == 10


def test_by_build_time_only_tags_with_a_time_are_ranked() -> None:
    times = {"a": NOW - timedelta(days=2), "b": NOW - timedelta(days=1), "c": None, "d": NOW + timedelta(days=1)}
    explained = explain(Newest("^[a-e]$"), ["a", "b", "c", "d", "e", "x"], Pin("a"), times, NOW)
    assert explained.steps[-2:] == (
        RuleResult("not older than the pinned build", 4, 1, ("e",)),
        RuleResult("a known build time", 2, 2, ("c", "d")),
    )
    assert {tag: rule for tag, (rule, _) in explained.left_out.items()} == {
        "c": "a known build time",
        "d": "a known build time",
        "e": "not older than the pinned build",
    }
    alone = explain(Newest("^[a-e]$"), ["a", "x"], Pin("a"), {}, NOW)
    assert (alone.steps[-1].rule, alone.candidates) == ("pattern ^[a-e]$", (RankedTag("a", (), None),))
    assert explained.candidates == (
        RankedTag("b", (), times["b"], times["b"]),
        RankedTag("a", (), times["a"], times["a"]),
    )
    assert explain(Pattern("^[ab]$", order="alphabetical"), ["a"], Pin(), times, NOW).candidates == (
        RankedTag("a", ("a",), times["a"]),
    )


def test_a_lone_number_is_removed_by_its_rule_unless_one_is_pinned() -> None:
    tags = ["1.3.0", "2026090805"]
    assert removed_by(Semver("*"), tags, "2026090805", "1.3.0") == LONE_NUMBER
    assert removed_by(Semver("*"), tags, "2026090805", "2026090801") is None
    assert steps(Semver("*"), "1.3.0 2026090805", "1.3.0")[-1] == (LONE_NUMBER, 1, 1, "2026090805")


@pytest.mark.parametrize(
    ("tag", "rule"),
    [
        ("1.4.0", None),
        ("1.5.0", "exclude ^1[.]5"),
        ("latest", "a version"),
        ("2.0.0", "semver ^1"),
        ("1.4.1-rc.1", "not a pre-release"),
        (SIGNATURE, VALID),
        ("1.6.0", "listed"),
    ],
)
def test_one_tag_is_removed_by_one_rule_or_none(tag: str, rule: str | None) -> None:
    tags = ["1.3.0", "1.4.0", "1.5.0", "latest", "2.0.0", "1.4.1-rc.1", SIGNATURE]
    assert removed_by(Semver("^1", exclude=["^1[.]5"]), tags, tag) == rule


POLICY = st.sampled_from(
    [
        Semver(">=1"),
        Semver("^1 || >2.0.0-0", exclude=["^v"]),
        Semver("*", prefer=["-a", ""]),
        Pattern("^(?P<a>[0-9]+)[.](?P<b>[0-9]+)", order="numerical"),
        Pattern("", order="calver"),
        Pattern("", order="alphabetical"),
        Newest("^v?[0-9]"),
        Follow("main"),
    ]
)
TAG = st.sampled_from(
    ["1", "v1", "1.0.0", "1.1", "1.1-a", "1.2-rc.1", "2.0.0-rc.1", "2025.1.2", "20250102", "main", "x", SIGNATURE, ""]
)
TIMES = st.dictionaries(TAG, st.none() | st.integers(-3, 1).map(lambda days: NOW + timedelta(days=days)))


@given(POLICY, st.lists(TAG, max_size=10), TIMES, st.builds(Pin, st.none() | TAG))
def test_what_is_explained_is_what_is_chosen(
    policy: Policy, tags: list[str], times: dict[str, datetime | None], current: Pin
) -> None:
    explained = explain(policy, tags, current, times, NOW)
    kept = explained.seen
    for step in explained.steps:
        assert step.kept + step.removed == kept
        kept = step.kept
    assert len(explained.candidates) == min(kept, 10)
    removed = {tag: removed_by(policy, tags, tag, current.tag) for tag in tags}
    assert all(removed[candidate.tag] is None for candidate in explained.candidates)
    assert all((rule in (None, LONE_NUMBER)) == admits(policy, tag) for tag, rule in removed.items())
    if isinstance(policy, Newest):
        choice = choose_newest(policy, tags, times, current, times.get(current.tag or ""), NOW)
    else:
        choice = choose(policy, tags, current)
    if isinstance(choice, Chosen):
        assert choice.tag == explained.candidates[0].tag
