from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.edges.registry.host import HEADER_LIMIT, challenges

GHCR = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
GHCR_READ = {"realm": "https://ghcr.io/token", "service": "ghcr.io", "scope": "repository:user/image:pull"}

HEADERS = [
    ("nothing", "", []),
    ("GitHub", GHCR, [("bearer", GHCR_READ)]),
    (
        "a comma inside quotes", 'Bearer scope="repository:a:pull,push",realm="r"',
        [("bearer", {"scope": "repository:a:pull,push", "realm": "r"})],
    ),
    ("basic", 'Basic realm="registry"', [("basic", {"realm": "registry"})]),
    ("basic without a realm", "Basic", [("basic", {})]),
    ("two in one header", f'{GHCR},Basic realm="x"', [("bearer", GHCR_READ), ("basic", {"realm": "x"})]),
    ("the other way round", f'Basic realm="x", {GHCR}', [("basic", {"realm": "x"}), ("bearer", GHCR_READ)]),
    ("a bare scheme first", f"Negotiate, {GHCR}", [("negotiate", {}), ("bearer", GHCR_READ)]),
    ("any case", 'BEARER Realm="r"', [("bearer", {"realm": "r"})]),
    ("space around", ' ,Bearer  realm = "r" , service= "s"', [("bearer", {"realm": "r", "service": "s"})]),
    ("an escaped quote", r'Bearer realm="a\"b\\c"', [("bearer", {"realm": 'a"b\\c'})]),
    (
        "no quotes", "Bearer realm=https://a.test/token,service=s",
        [("bearer", {"realm": "https://a.test/token", "service": "s"})],
    ),
    ("an empty value", 'Bearer realm="",service="s"', [("bearer", {"realm": "", "service": "s"})]),
    ("a name twice", 'Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
    ("a parameter of nobody", 'realm="x"', []),
    ("an unclosed quote", 'Bearer realm="https://a.test', [("bearer", {})]),
    (
        "an error beside it", 'Bearer realm="r",error="insufficient_scope"',
        [("bearer", {"realm": "r", "error": "insufficient_scope"})],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_a_header_is_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(each.scheme, each.parameters) for each in challenges(header)] == expected


def test_a_token_of_another_scheme_does_not_hide_the_next_challenge() -> None:
    found = challenges(f"Negotiate YWJj+/ZGVm==, {GHCR}")
    assert ("bearer", GHCR_READ) in [(each.scheme, each.parameters) for each in found]


def test_a_long_header_is_read_up_to_a_limit() -> None:
    assert challenges("," * HEADER_LIMIT + GHCR) == ()


@given(st.dictionaries(st.sampled_from(["realm", "service", "scope"]), st.text(st.characters(codec="latin-1"))))
def test_what_is_quoted_comes_back(parameters: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    header = "Bearer " + ",".join(f'{name}="{quoted(value)}"' for name, value in parameters.items())
    assert [dict(each.parameters) for each in challenges(header)] == [parameters]
