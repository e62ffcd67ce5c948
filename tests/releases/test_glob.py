from __future__ import annotations

import re
from itertools import dropwhile

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitops_bot.config import leaves
from gitops_bot.releases.layout.glob import Glob
from tests.tables import rows

RULE = "(`*`, `?` and at most one `{name}` in it, or `**`)"


def captures(glob: str, directory: str) -> dict[str, str] | None:
    found = Glob.parse(glob).match(f"{directory}/" if directory else "")
    return None if found is None else dict(found)


@rows("glob directory expected", {
    "written out": ("apps/web", "apps/web", {}),
    "./ twice": ("././apps", "apps", {}),
    "one part": ("apps/*/overlays/dev", "apps/web/overlays/dev", {"1": "web"}),
    "the end of a part": ("apps/web-*", "apps/web-eu-1", {"1": "eu-1"}),
    "two in a part, the first the shortest": ("*-*-x", "a-b-c-x", {"1": "a", "2": "b-c"}),
    "one character": ("we?", "web", {"1": "b"}),
    "a star and a question mark": ("a*?b", "acdb", {"1": "c", "2": "d"}),
    "by name": ("{cluster}/{app}", "eu/web", {"cluster": "eu", "app": "web"}),
    "by name and by number": ("*/{app}/?", "a/web/x", {"1": "a", "app": "web", "3": "x"}),
    "none between": ("a/**/b", "a/b", {"1": ""}),
    "the first the shortest": ("**/prod/**", "a/prod/b/prod/c", {"1": "a", "2": "b/prod/c"}),
    "held by the end": ("**/prod", "a/prod/b/prod", {"1": "a/prod/b"}),
    "a dot that is written": (".github/*", ".github/x", {"1": "x"}),
    "no expression": ("a.b+c", "a.b+c", {}),
    "other letters": ("ümlaut/*", "ümlaut/日本", {"1": "日本"}),
    "by name in a part": ("c/eu-{cluster}/{app}", "c/eu-1/web", {"cluster": "1", "app": "web"}),
    "by name between two texts": ("eu-{cluster}-?", "eu-a-b-c", {"cluster": "a-b", "2": "c"}),
    "a dot within a part, by name": ("eu-{cluster}", "eu-.x", {"cluster": ".x"}),
})  # fmt: skip
def test_a_glob_means_a_directory_and_says_what_its_wildcards_stood_for(
    glob: str, directory: str, expected: dict[str, str]
) -> None:
    assert captures(glob, directory) == expected


@rows("glob directory", {
    "a star is one part": ("apps/*", "apps"),
    "the whole name": ("apps", "apps2"),
    "a hidden directory for a star": ("*", ".git"),
    "a hidden directory by name": ("{a}", ".git"),
    "a name for nothing": ("eu-{a}", "eu-"),
    "another end": ("{a}-eu", "1-eu2"),
    "a hidden directory on the way": ("**", "a/.git/b"),
    "the top only": (".", "a"),
    "a line break": ("a", "a\n"),
})  # fmt: skip
def test_a_glob_does_not_mean(glob: str, directory: str) -> None:
    assert captures(glob, directory) is None


@pytest.mark.parametrize(
    ("glob", "said"),
    [
        ("", "a glob has 1 to 500 characters, not 0"),
        ("a" * 501, "a glob has 1 to 500 characters, not 501"),
        ("/apps", "the glob '/apps' starts with `/`: write it relative to the repository root"),
        ("../x", "the glob '../x' has an empty part, `.` or `..`"),
        ("a/./b", "the glob 'a/./b' has an empty part, `.` or `..`"),
        ("a//b", "the glob 'a//b' has an empty part, `.` or `..`"),
        ("a/[bc]", f"the glob 'a/[bc]': '[bc]' is not a valid part of a path {RULE}"),
        ("a/{b}{c}", f"the glob 'a/{{b}}{{c}}': '{{b}}{{c}}' is not a valid part of a path {RULE}"),
        ("a**/b", f"the glob 'a**/b': 'a**' is not a valid part of a path {RULE}"),
        ("{a}/{a}", "the glob '{a}/{a}' uses a name in braces twice"),
    ],
)  # fmt: skip
def test_what_is_no_glob_is_refused(glob: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Glob.parse(glob)


def test_a_glob_may_name_the_kustomization() -> None:
    glob = Glob.parse("apps/*/kustomization.yml")
    assert glob.file == "kustomization.yml"
    assert glob.match("apps/web/") == {"1": "web"}
    assert Glob.parse("Kustomization").match("") == {}
    assert Glob.parse("apps/web/kustomization.yml").prefix == Glob.parse("apps/web").prefix == "apps/web/"


def naive(parts: list[str], path: list[str]) -> bool:
    """The meaning of a glob, said as plainly as can be and as slowly."""
    if not parts:
        return not path
    first, *rest = parts
    if first == "**":
        return naive(rest, path) or (bool(path) and not path[0].startswith(".") and naive(parts, path[1:]))
    if not path or (first[0] in "*?{" and path[0].startswith(".")):
        return False
    return characters(first, path[0]) and naive(rest, path[1:])


def characters(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "{":  # one character, then any
        return bool(text) and characters(f"*{pattern[3:]}", text[1:])
    if pattern[0] == "*":
        return characters(pattern[1:], text) or (bool(text) and characters(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and characters(pattern[1:], text[1:])


PARTS = st.one_of(
    st.text(alphabet="ab.*?", min_size=1, max_size=5),
    st.just("**"),
    st.sampled_from(["{x}", "{y}", "*", "a", ".a"]),
    st.tuples(st.text("ab.*?", max_size=2), st.sampled_from(["{x}", "{y}"]), st.text("ab.*?", max_size=2)).map("".join),
)
NAMES = st.text(alphabet="ab.", min_size=1, max_size=5)


@given(glob=st.lists(PARTS, min_size=1, max_size=6), path=st.lists(NAMES, max_size=8))
def test_a_glob_means_what_the_plainest_reading_of_it_means(glob: list[str], path: list[str]) -> None:
    try:
        parsed = Glob.parse("/".join(glob))
    except ValueError:
        return
    parts = list(dropwhile(lambda part: part == ".", glob))
    assert (parsed.match("".join(f"{part}/" for part in path)) is not None) == naive(parts, path)


@st.composite
def globs_of(draw: st.DrawFn, path: list[str]) -> list[str]:
    """A glob that means the path: some of it is replaced by wildcards."""
    glob: list[str] = []
    for number, part in enumerate(path):
        at = draw(st.integers(0, len(part) - 1))
        glob.append(
            draw(st.sampled_from([part, "*", f"{{n{number}}}", "**", f"{part[:at]}*", f"{part[:at]}?{part[at + 1 :]}"]))
        )
    return [part for at, part in enumerate(glob) if part != "**" or glob[at - 1 : at] != ["**"]]


@given(st.data())
def test_what_the_wildcards_stood_for_makes_the_path_again(data: st.DataObject) -> None:
    path = data.draw(st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=6))
    glob = data.draw(globs_of(path))
    found = captures("/".join(glob), "/".join(path))
    assert found is not None
    texts = iter(found.values())
    filled = [re.sub(r"\{n[0-9]\}|\*\*|[*?]", lambda _: next(texts), part) for part in glob]
    assert "/".join(part for part in filled if part) == "/".join(path)
    assert next(texts, None) is None


@given(st.text(alphabet="a.*?{}[]/\\\n_1-é", max_size=12))
def test_the_configuration_takes_the_same_globs(text: str) -> None:
    """All but one rule, which no expression can say: a name in braces stands once."""
    names = re.findall(r"\{([^}]*)\}", text)
    assume(len(set(names)) == len(names))
    try:
        Glob.parse(text)
        taken = True
    except ValueError:
        taken = False
    assert taken == bool(re.search(leaves.GLOB.replace("$", r"\Z"), text))


@rows("glob exclude path expected", {
    "below it": ("clusters/eu-{c}/{app}", "clusters/eu-canary*/**", "clusters/eu-canary1/web/", False),
    "with a name": ("clusters/**", "clusters/{c}/web", "clusters/a/web/", False),
    "not what is below": ("clusters/**", "clusters/{c}/web", "clusters/a/web/more/", True),
    "by the file of the directory": ("apps/*", "apps/web/kustomization.yaml", "apps/web/", False),
    "a file by its directory": ("c/*/values-prod.yaml", "c/old*", "c/old1/values-prod.yaml", False),
    "another file": ("c/*/values-prod.yaml", "c/old/values-q.yaml", "c/old/values-prod.yaml", True),
    "not the top": ("**", ".", "a/", True),
})  # fmt: skip
def test_what_is_excluded_is_not_meant(glob: str, exclude: str, path: str, expected: bool) -> None:
    assert (Glob.parse(glob, ("x/y", exclude)).match(path) is not None) is expected
    assert Glob.parse(glob).match(path) is not None
