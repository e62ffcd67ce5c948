from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals import naming


@pytest.mark.parametrize(
    ("environment", "group", "expected"),
    [
        pytest.param("staging", "all", "gitops-bot/staging/all", id="plain words stay"),
        pytest.param("eu-west-1", "web", "gitops-bot/eu-west-1/web", id="dashes and digits stay"),
    ],
)
def test_a_slug_stays_as_it_is(environment: str, group: str, expected: str) -> None:
    assert naming.branch(environment, group) == expected


@pytest.mark.parametrize("text", ["EU", "eu_west", "a/b", "é", "-x", "x" * 61, "", "..", "a.lock", "@{", "a b\n"])
def test_anything_else_gets_a_short_hash_of_the_original(text: str) -> None:
    assert re.fullmatch(r"(?:[a-z0-9-]+-)?[0-9a-f]{8}", naming.slug(text))


@given(st.text(max_size=200))
def test_a_slug_is_always_of_the_promised_form(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,60}", naming.slug(text))


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_names_never_share_a_branch(one: str, other: str) -> None:
    assert (naming.slug(one) == naming.slug(other)) == (one == other)


@pytest.mark.parametrize("text", ["staging", "..", "@{", "a.lock", "-", "x" * 300])
def test_git_accepts_every_branch(text: str) -> None:
    subprocess.run(["git", "check-ref-format", "--branch", naming.branch(text, text)], check=True, capture_output=True)
