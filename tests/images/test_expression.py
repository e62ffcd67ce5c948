from __future__ import annotations

import pytest
import re2
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gitops_bot.images.expression import _by_line, _by_tag, check, extract, scan, without

TAGS = ["main-0a1b2c3-100", "main-4d5e6f7-99", "1.2.3", "v1.2.3-alpine", "latest", "20240105", "007"]


@pytest.mark.parametrize(
    ("expression", "keys"),
    [
        ("", {tag: tag for tag in TAGS}),
        (".*", {tag: tag for tag in TAGS}),
        (r"^\d+$", {"20240105": "20240105", "007": "007"}),
        ("0", {tag: tag for tag in TAGS if "0" in tag}),
        ("^main-", {tag: tag for tag in TAGS if tag.startswith("main-")}),
        ("^main-[0-9a-f]{7}-(?P<n>[0-9]+)$", {"main-0a1b2c3-100": "100", "main-4d5e6f7-99": "99"}),
        ("-(?P<n>[0-9]+)$", {"main-0a1b2c3-100": "100", "main-4d5e6f7-99": "99"}),
        (
            "(?P<n>[0-9]+)",
            {**dict(zip(TAGS, ("0", "4", "1", "1"), strict=False)), "20240105": "20240105", "007": "007"},
        ),
        ("^v?(?P<version>[0-9.]+)", {"1.2.3": "1.2.3", "v1.2.3-alpine": "1.2.3", "20240105": "20240105", "007": "007"}),
        ("(?i)^MAIN", {tag: tag for tag in TAGS if tag.startswith("main-")}),
        (r"\Alatest\z", {"latest": "latest"}),
        # A group that takes no part, or matches nothing, is no key.
        ("^main-(?P<n>x)?", {}),
        ("^(?P<n>[0-9]*)", {"1.2.3": "1", "20240105": "20240105", "007": "007"}),
        # What cannot occur in a tag never matches, line breaks between tags included.
        (r"latest\n", {}),
        (r"\s", {}),
        ("é", {}),
        ("[^a-z0-9.-]", {}),
    ],
)
def test_the_tags_that_match_and_their_keys(expression: str, keys: dict[str, str]) -> None:
    check(expression)
    found, (column,) = scan(expression, TAGS)
    assert dict(zip(found, column, strict=True)) == keys
    assert {tag: key[0] for tag in TAGS if (key := extract(expression, tag)) is not None} == keys


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(", r"the pattern '\(' is not a valid RE2 expression: missing \)"),
        ("*", "no argument for repetition operator"),
        ("^(?=a)", "invalid perl operator.*RE2 has no look-around and no back-references"),
        (r"(a)\1", "invalid escape sequence.*RE2 has no look-around and no back-references"),
        ("".join(f"(?P<{name}>x)" for name in "abcdef"), "names 6 groups, and the limit is 5: name those that order"),
        ("(?P<a>x)(?P<a>y)", "has a name for two groups"),
        ("a{1001}", "invalid repetition size|bad repetition"),
        ("(?:[0-9a-f]{90}x){9}", "is too large .* steps, at most 512"),
        ("a" * 513, "at most 512 characters, not 513"),
        ("a\nb", "contains characters that a tag cannot contain"),
        ("\ud800", "contains characters that a tag cannot contain"),
    ],
)
def test_what_cannot_be_used_is_refused(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        check(expression)
    assert type(raised.value) is ValueError


@pytest.mark.parametrize(
    ("expression", "tags", "columns"),
    [
        ("^(?P<day>[0-9]+)\\.(?P<build>[0-9]+)$", "20250131.3 20250131 20250201.12", ("20250131 20250201", "3 12")),
        ("^(?P<z>[0-9]+)-(?P<a>[a-z]+)$", "1-b 2-a", ("1 2", "b a")),  # from left to right, not by name
        ("(?P<outer>(?P<inner>[0-9])[0-9]*)", "12 3", ("12 3", "1 3")),
    ],
)
def test_several_named_groups_are_one_key_from_left_to_right(
    expression: str, tags: str, columns: tuple[str, ...]
) -> None:
    found, keys = scan(expression, tags.split())
    assert tuple(" ".join(column) for column in keys) == columns
    assert [extract(expression, tag) for tag in found] == list(zip(*keys, strict=True))


def test_a_further_group_that_matches_nothing_is_empty_and_the_first_one_has_to_match() -> None:
    expression = "^(?P<version>[0-9.]+)?(?:_build\\.(?P<build>[0-9]+))?$"
    assert scan(expression, ["1.2.3", "1.2.3_build.5", "_build.5"]) == (
        ["1.2.3", "1.2.3_build.5"],
        (["1.2.3", "1.2.3"], ["", "5"]),
    )


@pytest.mark.parametrize(
    ("expression", "left"),
    [
        ("^main-", ["1.2.3", "v1.2.3-alpine", "latest", "20240105", "007"]),
        ("alpine$|^latest$", ["main-0a1b2c3-100", "main-4d5e6f7-99", "1.2.3", "20240105", "007"]),
        ("", []),
        ("^$", TAGS),
    ],
)
def test_the_tags_that_an_expression_does_not_match(expression: str, left: list[str]) -> None:
    assert without(expression, TAGS) == left
    assert without(expression, []) == []


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|aa)+$", "(?:a*)*b", "(a*)*(a*)*(a*)*c", "^[a]+[a]+[a]+[a]+b"])
def test_expressions_that_hang_others_end(expression: str) -> None:
    """No clock is needed: an engine that tries every way through these tags does not come back."""
    check(expression)
    assert scan(expression, ["a" * 127 + "z"] * 200)[0] == []


SIMPLE = [
    "^[0-9]+$", "^sha-[0-9a-f]{7}$", r"^v\d+", "^(?P<n>[0-9]+)$", "^build-(?<n>[0-9]+)-amd64$", "^main-", "^", "^$",
    "^v?1", "^(?P<x>a)$", "^[a-z_.-]*x", "^a{0}b",
]  # fmt: skip
NOT_SIMPLE = [
    # not anchored, branches, more than one open repeat, or one that a repeated group multiplies
    "[0-9]+$", "^a|b", "^[a-z]+-[0-9]+$", "^(?P<n>a*b){9}", "^(?P<n>[ab]*a){9}", "^(?:ab)", "^(a)", "^.*$", "^[^a]",
    # texts that the two engines read differently
    "^*", "^a{2}*", "^a{2}+", "^a{2}?", "^a*?", "^a{01}", "^a{,2}", r"^\w", r"^\z", "^[[:alpha:]]", "^(?i)a",
    "^[a-z--]",
    # too much to look at again after the open repeat
    "^[0-9]+[0-9]{9}x", "^[0-9]+" + "[0-9]" * 13,
]  # fmt: skip


@pytest.mark.parametrize("expression", SIMPLE)
def test_a_plainly_simple_expression_is_run_at_once(expression: str) -> None:
    check(expression)
    assert _by_line(expression) is not None


@pytest.mark.parametrize("expression", NOT_SIMPLE)
def test_every_other_expression_is_left_to_re2(expression: str) -> None:
    assert _by_line(expression) is None


CHARACTER = st.sampled_from(["a", "b", "0", "1", "-", "_", r"\.", r"\-", r"\d", "[ab]", "[0-9]", "[a-b0.-]", "[1_-]"])
STEP = st.builds("{}{}".format, CHARACTER, st.sampled_from(["", "", "", "{2}", "{0}", "{1}"]))
OPEN = st.builds("{}{}".format, CHARACTER, st.sampled_from("*+?"))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    steps = draw(st.lists(STEP, max_size=3)) + draw(st.lists(OPEN, max_size=1)) + draw(st.lists(CHARACTER, max_size=3))
    if draw(st.booleans()):
        start = draw(st.integers(0, len(steps)))
        end = draw(st.integers(start, len(steps)))
        steps[start:end] = [draw(st.sampled_from(["(?P<n>", "(?<n>"])), *steps[start:end], ")"]
    return "^" + "".join(steps) + draw(st.sampled_from(["", "$"]))


TAG = st.text(alphabet="ab01.-_", min_size=1, max_size=8)


@given(expressions(), st.lists(TAG, max_size=12))
@example("^(?P<n>a?)b", ["ab", "b", "a"])
def test_all_tags_at_once_give_what_re2_gives_tag_by_tag(expression: str, tags: list[str]) -> None:
    check(expression)
    assume(_by_line(expression) is not None)
    assert scan(expression, tags) == _by_tag(expression, tags)
    assert without(expression, tags) == [tag for tag in tags if not re2.search(expression, tag)]


@given(st.text(alphabet="ab01.-_^$*+?{}[]()|\\d<P>:n", max_size=12), st.lists(TAG, max_size=6))
def test_any_expression_is_refused_or_run_as_re2_runs_it(expression: str, tags: list[str]) -> None:
    try:
        check(expression)
    except ValueError:
        return
    assert scan(expression, tags) == _by_tag(expression, tags)
    assert without(expression, tags) == [tag for tag in tags if not re2.search(expression, tag)]
