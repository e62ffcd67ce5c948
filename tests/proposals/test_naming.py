from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.proposals import naming
from tests.tables import rows


@pytest.mark.parametrize("text", ["EU", "eu_west", "a/b", "\u00e9", "-x", "x" * 61, "", "a b\n"])
def test_anything_else_gets_a_short_hash_of_the_original(text: str) -> None:
    for slug in (naming.slug(text), naming.group_slug(text)):
        assert re.fullmatch(r"(?:[a-z0-9-]+-)?[0-9a-f]{8}", slug)
    assert naming.branch("eu-west-1", "web") == "gitops-bot/eu-west-1/web"
    assert naming.slug(f"EU-{'x' * 57}").startswith(f"eu-{'x' * 48}-")


LONG = "ghcr.io/acme-corporation/platform/backend-services/payments/web"
NAMED = "payments-gateway-for-the-whole-of-europe-and-asia"


@rows("group expected", {
    "all of it where there is room": ("ghcr.io/acme/web", "ghcr-io-acme-web"),
    "the last parts of an image": (LONG, "corporation-platform-backend-services-payments-web"),
    "as many as fit, and no half of one": (f"ghcr.io/acme/{NAMED}", f"{NAMED}"),
    "the end of a part that is too long": (f"ghcr.io/a/{'x' * 100}", "x" * 51),
    "of a failure": (f"rollback-failed-{LONG}", "rollback-failed-backend-services-payments-web"),
    "a rollback's": ("rollback-x/failed/web", "rollback-x-failed-web"),
    "a rollback that would be taken for one of a failure": ("rollback-/failed/web", "rollback-web"),
    "the end of a rollback's": (f"rollback-{'x' * 100}", f"rollback-{'x' * 42}"),
    "a name that would be taken for a rollback's": ("Rollback", ""),
    "an end that would be taken for a rollback's": (f"{'x' * 99}/rollback-{'y' * 40}", "y" * 40),
})  # fmt: skip
def test_a_group_keeps_its_last_words(group: str, expected: str) -> None:
    slug = naming.group_slug(group)
    assert slug[:-8].removesuffix("-") == expected
    assert re.fullmatch(r"[0-9a-f]{8}", slug[-8:])
    assert (naming.kind_of_branch(naming.branch("live", group)) != "update") == group.startswith("rollback-")


GROUPS = st.text(max_size=200) | st.from_regex(r"\A(?:rollback-)?(?:failed-)?(?:[a-z]{1,9}[-/.A]{1,2}){0,20}\Z")


@given(GROUPS)
def test_a_slug_is_always_of_the_promised_form(text: str) -> None:
    for slug in (naming.slug(text), naming.group_slug(text)):
        assert re.fullmatch(r"[a-z0-9-]{1,60}", slug)  # so git takes it, too
    # The slug of a slug is itself: a later run knows the branch by the words of its trailers.
    assert naming.kind_of_branch(naming.branch("live", text)) == naming.kind_of(text)
    environment, group = naming.trailer_names(text, text)
    assert naming.branch(environment, group) == naming.branch(text, text)


@given(GROUPS, GROUPS)
def test_two_names_never_share_a_branch(one: str, other: str) -> None:
    assert (naming.slug(one) == naming.slug(other)) == (one == other)
    assert (naming.group_slug(one) == naming.group_slug(other)) == (one == other)
