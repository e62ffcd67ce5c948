"""Ranges against what Masterminds/semver 3.4 answers, and the one difference that is ours."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot.images.version import Key, Range, parse, parse_range

VERSIONS = [
    "0.0.3", "0.0.4", "0.2.3-rc.1", "0.2.3", "0.3", "1.0.0-rc.1", "1", "1.1.9", "1.2.0-0", "1.2", "1.2.3-beta.2",
    "1.2.3-beta.11", "v1.2.3", "1.2.9", "1.3.0-rc.1", "1.3.0", "2.0.0-rc.1", "2.0.0", "2.1",
]  # fmt: skip

# Ranges of one meaning, what they admit of VERSIONS, and what they admit in addition with `prereleases`. `a .. b` is
# everything from a to b: pre-releases in the last column, releases before it, or both where nothing is added.
MASTERMINDS = [
    (("*", "x", ">=*", ">*", "!=*", "~*", "~0.0.0"), "0.0.3 .. 2.1", "0.2.3-rc.1 .. 2.0.0-rc.1"),
    (("*-0", ">=0-0"), "0.0.3 .. 2.1", ""),
    (("<=*", "~0.0.3", "^0.0"), "0.0.3 0.0.4", ""),
    (("<*", "^*", "<0-z", "^0.0.0", ">=2 <=1"), "", ""),
    (("1", "1.x", "1.X.*", "1.x.7", "~1", "^1"), "1 .. 1.3.0", "1.2.0-0 .. 1.3.0-rc.1"),
    (("1.2", "v1.2.x", "=1.2", "01.2", "~1.2"), "1.2 v1.2.3 1.2.9", "1.2.3-beta.2 1.2.3-beta.11"),
    (("=1.2.3", "= v1.2.3", "1.2.3+build.7"), "v1.2.3", ""),
    (("1.2.3-beta.2",), "1.2.3-beta.2", ""),
    (("!=1",), "0.0.3 .. 0.3 2.0.0 2.1", "0.2.3-rc.1 2.0.0-rc.1"),
    (("!=1.2", "!=1.2.x"), "0.0.3 .. 1.1.9 1.3.0 .. 2.1", "0.2.3-rc.1 .. 2.0.0-rc.1"),
    (("!=1.2.3",), "0.0.3 .. 1.2 1.2.9 .. 2.1", "0.2.3-rc.1 .. 2.0.0-rc.1"),
    (("!=1.2-0",), "0.0.3 .. 1.1.9 1.2 .. 2.1", ""),
    (("!=1.2.3-beta.2",), "0.0.3 .. 1.2 1.2.3-beta.11 .. 2.1", ""),
    ((">1",), "2.0.0 2.1", "2.0.0-rc.1"),
    ((">1.2",), "1.3.0 2.0.0 2.1", "1.3.0-rc.1 2.0.0-rc.1"),
    ((">1.2.3",), "1.2.9 .. 2.1", "1.3.0-rc.1 2.0.0-rc.1"),
    ((">1.2.3-beta.2",), "1.2.3-beta.11 .. 2.1", ""),
    ((">1-0",), "2.0.0-rc.1 2.0.0 2.1", ""),
    ((">0",), "1 .. 2.1", "1.0.0-rc.1 .. 2.0.0-rc.1"),
    ((">=1", "1.0 - 2", "1.0  -  2"), "1 .. 2.1", "1.2.0-0 .. 2.0.0-rc.1"),
    ((">=1.2", ">= 1.2"), "1.2 .. 2.1", "1.2.3-beta.2 .. 2.0.0-rc.1"),
    ((">=1.2.3", "=>1.2.3"), "v1.2.3 .. 2.1", "1.3.0-rc.1 2.0.0-rc.1"),
    ((">=1.2.3-0",), "1.2.3-beta.2 .. 2.1", ""),
    ((">=1.0-0",), "1.0.0-rc.1 .. 2.1", ""),
    (("<1.2.3-beta.11", "<=1.2.3-beta.2"), "0.0.3 .. 1.2.3-beta.2", ""),
    (("<1-0",), "0.0.3 .. 0.3", ""),
    (("<=1",), "0.0.3 .. 1.3.0", "0.2.3-rc.1 .. 1.3.0-rc.1"),
    (("<=1.2",), "0.0.3 .. 1.2.9", "0.2.3-rc.1 .. 1.2.3-beta.11"),
    (("<=1.2.3", "=<1.2.3"), "0.0.3 .. v1.2.3", "0.2.3-rc.1 .. 1.2.3-beta.11"),
    (("<=1.2-a",), "0.0.3 .. 1.2.9", ""),
    (("<=2.0.0-rc.1",), "0.0.3 .. 2.0.0-rc.1", ""),
    (("~1.2.3", "~>1.2.3", "~ 1.2.3"), "v1.2.3 1.2.9", ""),
    (("~0", "^0"), "0.0.3 .. 0.3", "0.2.3-rc.1"),
    (("~1.2.3-beta.2",), "1.2.3-beta.2 .. 1.2.9", ""),
    (("~1.2-0",), "1.2.0-0 .. 1.2.9", ""),
    (("~1-0",), "1.0.0-rc.1 .. 1.3.0", ""),
    (("^1.2",), "1.2 .. 1.3.0", "1.2.3-beta.2 1.2.3-beta.11 1.3.0-rc.1"),
    (("^1.2.3",), "v1.2.3 1.2.9 1.3.0", "1.3.0-rc.1"),
    (("^0.2",), "0.2.3", "0.2.3-rc.1"),
    (("^0.2.3",), "0.2.3", ""),
    (("^0.0.3",), "0.0.3", ""),
    (("^1.2.3-beta.2",), "1.2.3-beta.2 .. 1.3.0", ""),
    (("^0.2.3-rc.0",), "0.2.3-rc.1 0.2.3", ""),
    (("1.2.3 - 2.0.0",), "v1.2.3 .. 2.0.0", "1.3.0-rc.1 2.0.0-rc.1"),
    (("v1.1 - v1.2.3",), "1.1.9 1.2 v1.2.3", "1.2.0-0 1.2.3-beta.2 1.2.3-beta.11"),
    (("1.1.x - 1.2.x",), "1.1.9 .. 1.2.9", "1.2.0-0 1.2.3-beta.2 1.2.3-beta.11"),
    (("1.0-0 - 1.2",), "1.0.0-rc.1 .. 1.2.9", ""),
    (("0.2 - 1.2.3-beta.2",), "0.2.3-rc.1 .. 1.2.3-beta.2", ""),
    ((">=1.0 <=1.2", ">=1.0, <=1.2", ">=1.0,<=1.2", "  >=1.0   <=1.2  "), "1 .. 1.2.9", "1.2.0-0 .. 1.2.3-beta.11"),
    ((">=1 <=2.0.0-rc.1",), "1 .. 2.0.0-rc.1", ""),
    (("^1.2 !=1.3",), "1.2 v1.2.3 1.2.9", "1.2.3-beta.2 1.2.3-beta.11 1.3.0-rc.1"),
    (("^1.2.0-0 !=1.2.3",), "1.2.0-0 .. 1.2.3-beta.11 1.2.9 .. 1.3.0", ""),
    (("^0.2 || ^2",), "0.2.3 2.0.0 2.1", "0.2.3-rc.1"),
    (("1.2.3||>=2",), "v1.2.3 2.0.0 2.1", ""),
    (("^1.2.3-0 || ^2",), "1.2.3-beta.2 .. 1.3.0 2.0.0 2.1", ""),
    (("1.1 - 1.2 || 2.0 - 3, !=2.1",), "1.1.9 .. 1.2.9 2.0.0", "1.2.0-0 1.2.3-beta.2 1.2.3-beta.11"),
]  # fmt: skip

# `<` does not admit pre-releases of its bound; Masterminds does, once pre-releases are in play at all. Only a group
# that starts at one of them says that they are meant.
OURS = [
    (("<1",), "0.0.3 .. 0.3", "0.2.3-rc.1"),
    (("<1.2", "<1.2.x"), "0.0.3 .. 1.1.9", "0.2.3-rc.1 1.0.0-rc.1"),
    (("<1.2.3",), "0.0.3 .. 1.2", "0.2.3-rc.1 1.0.0-rc.1 1.2.0-0"),
    ((">=1.0 <2",), "1 .. 1.3.0", "1.2.0-0 .. 1.3.0-rc.1"),
    ((">=1.2.3-0 <2.0.0",), "1.2.3-beta.2 .. 1.3.0", ""),
    ((">=2.0.0-0 <2.0.0",), "2.0.0-rc.1", ""),
]  # fmt: skip


def key(text: str) -> Key:
    version = parse(text)
    assert version is not None
    return version.key


def admits(versions: Range, version: Key, *, prereleases: bool = False) -> bool:
    return versions.within((version,), prereleases=prereleases)[1] == [0]


def written_out(text: str, known: list[str]) -> list[str]:
    while ".." in (words := text.split()):
        at = words.index("..")
        first, last = (known.index(word) for word in (words[at - 1], words[at + 1]))
        text = " ".join([*words[: at - 1], *known[first : last + 1], *words[at + 2 :]])
    return words


@pytest.mark.parametrize(
    ("expression", "admitted", "more"),
    [(expression, *row[1:]) for row in MASTERMINDS + OURS for expression in row[0]],
)
def test_a_range_admits(expression: str, admitted: str, more: str) -> None:
    versions = parse_range(expression)
    found = [text for text in VERSIONS if admits(versions, key(text))]
    with_prereleases = [text for text in VERSIONS if admits(versions, key(text), prereleases=True)]
    assert found == written_out(admitted, [text for text in VERSIONS if not more or "-" not in text])
    added = [text for text in with_prereleases if text not in found]
    assert added == written_out(more, [text for text in VERSIONS if "-" in text])
    assert set(found) <= set(with_prereleases)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "expected a version such as 1.2.3 or 1.x here, at the end of ''"),
        ("  ", "expected a version such as 1.2.3 or 1.x here, at the end of '  '"),
        (">=1.0 <", "expected a version such as 1.2.3 or 1.x after <, at the end of '>=1.0 <'"),
        (">=1.0 << 3", "expected a version such as 1.2.3 or 1.x after <, at character 8: '>=1.0 <' HERE '< 3'"),
        ("latest", "expected a version such as 1.2.3 or 1.x here, at character 1: '' HERE 'latest'"),
        ("1.2.3.4", "expected a space, a comma or || after the version, at character 6: '1.2.3' HERE '.4'"),
        ("1.0.0p", "expected a space, a comma or || after the version, at character 6: '1.0.0' HERE 'p'"),
        ("1x", "expected a space, a comma or || after the version, at character 2: '1' HERE 'x'"),
        ("1|2", "expected a space, a comma or || after the version, at character 2: '1' HERE '|2'"),
        ("12.3.34~ 1.2.3", "expected a space, a comma or || after the version, at character 8"),
        (">=1,", "expected a version such as 1.2.3 or 1.x here, at the end of '>=1,'"),
        (">=1,, <2", "expected a version such as 1.2.3 or 1.x here, at character 5: '>=1,' HERE ', <2'"),
        (">=1 ||", "expected a version such as 1.2.3 or 1.x here, at the end of '>=1 ||'"),
        ("|| 1", "expected a version such as 1.2.3 or 1.x here, at character 1"),
        (">1.0 - 2.0", "takes no operator, so > cannot precede it, at character 5: '>1.0' HERE ' - 2.0'"),
        ("1.0 - ", "expected a version such as 1.2.3 or 1.x after -, at the end of '1.0 - '"),
        ("1.0 -2", "expected a version such as 1.2.3 or 1.x here, at character 5: '1.0 ' HERE '-2'"),
        ("1 - 2 - 3", "expected a version such as 1.2.3 or 1.x here, at character 7: '1 - 2 ' HERE '- 3'"),
        ("1.2.3-beta.01", "a number in a pre-release has no leading zero, at character 7: '1.2.3-' HERE 'beta.01'"),
        ("> =1", "expected a version such as 1.2.3 or 1.x after >, at character 3"),
        ("==1", "expected a version such as 1.2.3 or 1.x after =, at character 2"),
        ("V1.2", "expected a version such as 1.2.3 or 1.x here, at character 1"),
        ("\N{DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}", "after the version, at character 2"),
        ("1\N{NO-BREAK SPACE}2", "after the version, at character 2: '1' HERE '\\xa02'"),
        ("1 " * 300, "a range of versions has at most 512 characters, not 600"),
    ],
)
def test_what_is_no_range_is_refused_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match="range of versions") as raised:
        parse_range(expression)
    assert message in str(raised.value)


def test_the_expression_is_kept_with_single_spaces() -> None:
    assert parse_range("  >=1.0   <2 ").expression == ">=1.0 <2"


def test_many_groups_give_each_place_once() -> None:
    versions = parse_range("1 || 1.x || >=1 <2 || *")
    assert sorted(versions.within([key(text) for text in ("3", "1.2", "1.2-rc")])[1]) == [0, 1]


NUMBER = st.integers(0, 3).map(str)
SPELT = st.builds(
    lambda numbers, tail: ".".join(numbers) + tail,
    st.lists(NUMBER, min_size=1, max_size=3),
    st.sampled_from(("", "", "-0", "-rc.1", "-rc.2")),
)
TERM = st.builds("{}{}".format, st.sampled_from((*"=<>~^", "", "!=", ">=", "<=", "=>", "=<", "~>")), SPELT)


@given(SPELT, SPELT, st.booleans())
@example("1.2", "1.2.0-rc.1", True)
def test_terms_that_contradict_one_another_share_nothing(stated: str, text: str, prereleases: bool) -> None:
    bound, version = parse(stated), key(text)
    assert bound is not None
    holds = {
        operator: admits(parse_range(operator + stated), version, prereleases=prereleases)
        for operator in ("<", ">", "<=", ">=", "=", "!=")
    }
    assert not (holds["<"] and (holds[">="] or holds[">"]))
    assert not (holds[">"] and holds["<="])
    assert not holds["<"] or version < bound.key
    assert not holds[">="] or version >= bound.key
    if bound.parts == 3:
        assert not (holds["="] and holds["!="])
        assert not holds["="] or version == bound.key


@given(st.lists(TERM, min_size=1, max_size=3), st.lists(TERM, min_size=1, max_size=3), st.lists(SPELT))
def test_or_is_the_union_of_its_groups(left: list[str], right: list[str], texts: list[str]) -> None:
    one, other = parse_range(" ".join(left)), parse_range(", ".join(right))
    both = parse_range(f"{one.expression} || {other.expression}")
    keys = [key(text) for text in texts]
    inside = [set(versions.within(keys)[1]) for versions in (both, one, other)]
    assert inside[0] == inside[1] | inside[2]


@given(st.text(alphabet="0123.xX*v-+ ,|<>=!~^ab\t\n\0\u0660", max_size=40))
def test_any_text_is_a_range_or_a_value_error(text: str) -> None:
    try:
        versions = parse_range(text)
    except ValueError as error:
        assert str(error).startswith("not a range of versions")  # noqa: PT017 - the other outcome is as good
    else:
        assert parse_range(versions.expression).groups == versions.groups


#: What docs/policies.md says of ranges that npm reads differently: what they admit here, and also with `prereleases`.
UNLIKE_NPM = [
    (">=1.2.3-0", "v1.2.3 1.2.9 1.3.0 1.3.0-rc.1", "1.2.0-0 1.2"),
    ("^1.2", "1.2 1.3.0", "1.2.0-0 2.0.0"),
    ("1.2-rc", "1.2 1.2.3-beta.2 1.2.9", "1.2.0-0 1.3.0-rc.1"),
    ("^x", "", "0.0.3 1 2.1"),
    ("<=*", "0.0.3 0.0.4", "0.3 1"),
    ("1.0 - x", "", "0.0.3 1 2.1"),
    (">*", "0.0.3 2.1", ""),
    ("~0.0.0", "0.0.3 1 2.1", ""),
    (">=1, <2", "1 1.3.0", "0.3 2.0.0"),
    ("=>1.2", "1.2 2.1", "1.1.9"),
    ("1.x.3", "1 1.3.0", "2.0.0"),
    ("01.2", "1.2 v1.2.3", "1.3.0"),
    ("1.0 - 2 <1.2", "1 1.1.9", "1.2 2.0.0"),
]


@pytest.mark.parametrize(("written", "inside", "outside"), UNLIKE_NPM, ids=[row[0] for row in UNLIKE_NPM])
def test_what_npm_reads_differently_means_what_the_page_says(written: str, inside: str, outside: str) -> None:
    admitted = [VERSIONS[at] for at in parse_range(written).within([key(text) for text in VERSIONS])[1]]
    assert set(inside.split()) <= set(admitted)
    assert set(admitted).isdisjoint(outside.split())


@pytest.mark.parametrize("written", ["", "^1 ||", "|| ^1", "> =1.2"])
def test_what_npm_reads_and_nobody_means_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a range of versions"):
        parse_range(written)
