"""The formats of tags: what a first configuration says about each, and what it never says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.expression import extract
from gitops_bot.images.formats import Format, format_of, policy_for
from gitops_bot.images.kinds import Follow, Newest, Pattern, Policy, Semver
from gitops_bot.images.order import rank
from gitops_bot.images.reason import Unmanaged
from gitops_bot.images.reference import Pin
from tests.tables import rows

V = r"(?P<version>[0-9]+\.[0-9]+\.[0-9]+)"
N = "(?P<build>[0-9]+)"
PLAIN = r"[0-9]+\.[0-9]+\.[0-9]+"
MOMENT = "[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}"

POLICIES: dict[str, Policy | None] = {
    "v1.0.0-build.52-667e382a": Semver(">=0.0.0-0", pattern=rf"^v{V}-build\.{N}-[0-9a-f]{{8}}$"),
    "1.4.2-7": Semver(">=1.0.0-0 <2.0.0", pattern=f"^{V}-{N}$"),
    "1.2.3-debian-12-r5": Semver(">=1.0.0-0 <2.0.0", pattern=f"^{V}-debian-12-r{N}$"),
    "v1.2.3-5-gabc1234": Semver(">=0.0.0-0", pattern=f"^v{V}-{N}-g[0-9a-f]{{7}}$"),
    "main-42-abc1234": Pattern(f"^main-{N}-[0-9a-f]{{7}}$", order="numerical"),
    "20251118-91-f96aa5e8": Pattern("^(?P<date>[0-9]{8}-[0-9]{1,6})-[0-9a-f]{8}$", order="calver"),
    "main-20240102120000-abc1234": Pattern("^main-(?P<date>[0-9]{14})-[0-9a-f]{7}$", order="numerical"),
    "2025-07-28-033107-production": Pattern(f"^(?P<date>{MOMENT})-production$", order="calver"),
    "1.2.3-2024-01-02": Pattern(rf"^{PLAIN}-(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})$", order="calver"),
    "20240102-v1.2.3": Pattern(f"^(?P<date>[0-9]{{8}})-v{PLAIN}$", order="numerical"),
    "abc1234": Newest("^[0-9a-f]{7}$"),
    "sha-cc135af": Newest("^sha-[0-9a-f]{7}$"),
    "sha-1234567": Newest("^sha-[0-9a-f]{7}$"),
    "1.114.5-74a9b6d": Newest(r"^[0-9]+\.[0-9]+\.[0-9]+-[0-9a-f]{7}$"),
    "20240102-abc1234": Newest("^[0-9]{8}-[0-9a-f]{7}$"),
    "latest": Follow("latest"),
    "dev-latest": Follow("dev-latest"),
    "18-alpine": Follow("18-alpine"),
    "3.1.0.4875-ls39": Pattern(
        r"^3\.(?P<build>[0-9]+)\.(?P<build2>[0-9]+)\.(?P<build3>[0-9]+)-ls(?P<build4>[0-9]+)$", order="numerical"
    ),
    "1.300061.0b1289": Semver(">=1.0.0-0 <2.0.0", pattern=f"^{V}b{N}$"),
    "10.11.11ubu2404-ls50": Semver(">=10.0.0-0 <11.0.0", pattern=f"^{V}ubu{N}-ls(?P<build2>[0-9]+)$"),
    "v100351-1": Semver(">=0.0.0-0", pattern=f"^v(?P<version>[0-9]+)-{N}$"),
    "2026.6.2-mctl.3": Semver(">=0.0.0-0", pattern=rf"^{V}-mctl\.{N}$"),
    "1.3.5.7.9": None,
}


@pytest.mark.parametrize(("tag", "expected"), POLICIES.items(), ids=POLICIES)
def test_a_format_gets_the_policy_that_keeps_to_it(tag: str, expected: Policy | None) -> None:
    form = format_of(Pin(tag), own=True)
    assert isinstance(form, Format)
    policy = policy_for([tag], form)
    assert policy == expected
    if policy is not None and not isinstance(policy, Newest):
        assert rank(policy, [tag], 1) == (tag,)


@rows("tag expected", {
    "PostGIS for a PostgreSQL": ("17-3.4", Semver(">=0.0.0-0", pattern=r"^17-(?P<version>3\.[0-9]+)$")),
    "a Java and its build": ("21_35-jre", Pattern(f"^21_{N}-jre$", order="numerical")),
    "a word and a number": ("pg17", Follow("pg17")),
    "a version for a PostgreSQL": ("1.2.3-pg16-5", Semver(">=1.0.0-0 <2.0.0", pattern=f"^{V}-pg16-{N}$")),
    "the release of a distribution": (
        "10.11.11ubu2404-ls50", Semver(">=10.0.0-0 <11.0.0", pattern=f"^{V}ubu2404-ls{N}$")),
    "a build of a commit": (
        "v1.0.0-build.52-667e382a", Semver(">=1.0.0-0 <2.0.0", pattern=rf"^v{V}-build\.{N}-[0-9a-f]{{8}}$")),
    "a build of a commit on a pipeline with a letter": (
        "v1.0.0-build.z.123.e2776788",
        Semver(">=1.0.0-0 <2.0.0", pattern=rf"^v{V}-build\.z\.{N}\.[0-9a-f]{{8}}$")),
    "a version and a commit": ("1.114.5-74a9b6d", Newest(r"^1\.[0-9]+\.[0-9]+-[0-9a-f]{7}$")),
    "a few builds of commits": ("7-abc1234", Newest("^7-[0-9a-f]{7}$")),
    "many builds of commits": ("123-abc1234", Pattern(f"^{N}-[0-9a-f]{{7}}$", order="numerical")),
    "a version and a day": ("1.2.3-20240102", Semver(">=1.0.0-0 <2.0.0", pattern=f"^{V}-(?P<date>[0-9]{{8}})$")),
    "a day and a version": ("20240102-v1.2.3", Pattern(
        r"^(?P<date>[0-9]{8})-v1\.[0-9]+\.[0-9]+$", order="numerical")),
    "a version of a year": (
        "2024.1.1-debian-12-r0", Semver(">=2024.0.0-0 <2025.0.0", pattern=f"^{V}-debian-12-r{N}$")),
    "four numbers": ("3.1.0.4875-ls39", POLICIES["3.1.0.4875-ls39"]),
    "builds of a branch": ("main-42-abc1234", POLICIES["main-42-abc1234"]),
})  # fmt: skip
def test_of_an_image_of_somebody_else_every_number_stays_that_may_be_a_major_version(
    tag: str, expected: Policy
) -> None:
    form = format_of(Pin(tag))
    assert isinstance(form, Format)
    policy = policy_for([tag], form)
    assert policy == expected
    if not isinstance(policy, Newest):
        assert rank(expected, [tag], 1) == (tag,)


@pytest.mark.parametrize("tag", ["1.4.2", "v2.0.0-rc.1", "1.25-alpine", "build-57", "2024-05-01", "7.10.2-s0"])
def test_what_is_inferred_without_a_configuration_stays_so(tag: str) -> None:
    form = format_of(Pin(tag))
    assert isinstance(form, Format)
    assert form.kind == "auto"


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        (Pin("staging-initial"), "unordered"),
        (Pin("changeme"), "placeholder"),
        (Pin("IMAGE_TAG"), "placeholder"),
        (Pin("feature-login"), "unordered"),
        (Pin("pr-12"), "ticket"),
        (Pin("${TAG}"), "no_tag"),
        (Pin(None, "sha256:" + "1f" * 32), "digest"),
        (Pin(), "nothing"),
    ],
)
def test_a_placeholder_is_no_format(pin: Pin, why: str) -> None:
    form = format_of(pin)
    assert isinstance(form, Unmanaged)
    assert form.why == why


def test_tags_of_one_format_share_a_policy_whatever_their_numbers() -> None:
    tags = ["main-abc1234", "main-4a530a1017c223d1dfdbaa4d63e909a7183381bf"]
    forms = {format_of(Pin(tag)) for tag in tags}
    assert len(forms) == 1
    (form,) = forms
    assert isinstance(form, Format)
    assert policy_for(tags, form) == Newest("^main-[0-9a-f]{7,40}$")


def test_words_that_not_every_image_uses_are_told() -> None:
    form = format_of(Pin("feature-login-abc1234"))
    assert isinstance(form, Format)
    assert form.words == {"feature", "login"}


#: What tags are made of, sensible or not.
PIECES = [
    "1", "12", "007", "2024", "20240102", "20240102030405", "2024-01-02", "1.2", "1.2.3", "1.2.3.4", "9" * 90,
    "abc1234", "a" * 40, "f0" * 32, "1" * 30, "v", "V", "g", "rc", "sha", "build", "main", "alpine", "3.20", "T", "Z",
    "-", "_", ".", "x" * 20,
]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map(lambda pieces: "".join(pieces)[:128]), st.booleans()
)
def test_a_policy_chooses_the_very_tag_that_it_was_made_from(tag: str, own: bool) -> None:
    form = format_of(Pin(tag), own=own)
    if isinstance(form, Format) and form.kind != "auto" and (policy := policy_for([tag], form)) is not None:
        chosen = extract(policy.expression, tag) if isinstance(policy, Newest) else rank(policy, [tag], 1)
        assert chosen
