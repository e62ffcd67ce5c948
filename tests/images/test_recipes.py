"""The recipes of `docs/policies.md`, as they stand there: what each of them chooses of the tags that it is for."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from gitops_bot import config
from gitops_bot.images.age import choose_newest
from gitops_bot.images.kinds import Follow, Newest
from gitops_bot.images.policy import Chosen, Current, choose
from gitops_bot.images.reference import Pin
from gitops_bot.targets.pin_file import FileEntry
from tests.conftest import PROJECT
from tests.pages.markdown import blocks

PAGE = (PROJECT / "docs" / "policies.md").read_text(encoding="utf-8")
(RECIPES,) = (block for block in blocks(PAGE, "yaml") if "# v1.2.3\n" in block)
NAMES = [line.split(":")[0].strip() for line in RECIPES.partition("environments:")[0].splitlines() if ": {" in line]
NOISE = ("latest", "main", "sha-0a1b2c3", "local-0a1b2c3", "pr-7", "sha256-" + "0a" * 32 + ".sig")

NOW = datetime(2026, 11, 20, tzinfo=UTC)
#: Build times: of commits, those with a 1 are the newest, and those with an f the oldest.
BUILT: defaultdict[str, datetime | None] = defaultdict(lambda: NOW - timedelta(days=20))
BUILT |= {
    f"{prefix}{digit * length}": NOW - timedelta(days=age)
    for prefix in ("sha-", "develop-", "staging-", "")
    for digit, age in (("1", 1), ("2", 2), ("f", 9))
    for length in (7, 40)
}
#: The recipe, the present tag, what else is there, and the tag that is chosen; None if the present one stays.
CHOICES = [
    ("releases", "v1.2.3", "v1.10.0 v1.9.9 v2.0.0-rc.1", "v1.10.0"),
    ("releases", "1.2.3", "1.2.3-alpine3.19 1.2.4-alpine3.19", None),
    ("releases-with-commit", "v1.2.3-fffffff", "v1.10.0-abc123d v1.9.0-ffffffe v1.11.0", "v1.10.0-abc123d"),
    ("releases-with-build", "1.2.3_build.5", "1.2.3 1.2.3_build.12 1.2.3_build.6", "1.2.3_build.12"),
    ("releases-with-build", "1.2.3_build.12", "1.2.4 1.2.3_build.13", "1.2.4"),
    ("releases-with-build", "1.2.3", "1.2.3_build.1", "1.2.3_build.1"),
    ("alpine", "1.2.3-alpine3.19", "1.2.4-alpine3.19 1.2.5 1.2.6-alpine3.20 1.2.7-slim", "1.2.4-alpine3.19"),
    ("alpine-upwards", "1.2.3-alpine3.19", "1.2.3-alpine3.20 1.2.2-alpine3.20 1.2.9", "1.2.3-alpine3.20"),
    ("alpine-upwards", "1.2.3-alpine3.20", "1.2.3-alpine3.19 1.2.4-alpine3.19", "1.2.4-alpine3.19"),
    ("any-alpine", "1.2.3-alpine3.19", "1.2.3-alpine3.9 1.2.3-alpine3.20 1.2.2-alpine3.21", "1.2.3-alpine3.20"),
    ("numbered", "release-99", "release-123 release-9 123", "release-123"),
    ("counted", "v99", "v100 v9 v1.2.3", "v100"),
    ("builds", "main-9-fffffff-1700000000", "main-42-abc1234-1700000001 dev-43-abc1234-1700000002",
     "main-42-abc1234-1700000001"),
    ("builds", "main-42-fffffff-1700000000", "main-42-abc1234-1700000001", "main-42-abc1234-1700000001"),
    ("dated", "2025.01.31-13.45", "2025.01.31-9.50 2025.02.01-00.05 2024.12.31-23.59", "2025.02.01-00.05"),
    ("dated-and-counted", "20250131.3", "20250131.12 20250130.99 20250131", "20250131.12"),
    ("candidates", "2.0.0-rc9", "2.0.0-rc10 2.0.0-rc2 1.9.9 2.1.0-beta1", "2.0.0-rc10"),
    ("candidates", "2.0.0-rc10", "2.0.0 2.0.0-rc9 2.0.0-rc11", "2.0.0"),
    ("without-some", "1.2.3", "1.4.0 v1.4.0 1.3.9 local-1.5.0", "1.3.9"),
    ("commits", "sha-fffffff", "sha-1111111 sha-2222222 sha-1111111a main-3333333", "sha-1111111"),
    ("commits", "sha-1111111", "sha-fffffff sha-2222222 local-0000000", None),
    ("full-commits", "f" * 40, f"{'1' * 40} sha-2222222", "1" * 40),
    ("develop", "develop-fffffff", "develop-1111111 staging-2222222", "develop-1111111"),
    ("staging", "staging-fffffff", "staging-1111111 develop-2222222", "staging-1111111"),
    ("main", "main", "sha-fffffff", None),
    ("main", "sha-0a1b2c3", "", "main"),
    ("main-latest", "main-latest", "", None),
    ("latest", "latest", "", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "present", "others", "chosen"), CHOICES, ids=[f"{row[0]}: {row[1]}" for row in CHOICES]
)
def test_what_a_recipe_chooses(name: str, present: str, others: str, chosen: str | None) -> None:
    environment = config.read(RECIPES.replace("policy: releases}", f"policy: {name}}}"), "f").environments["staging"]
    named = environment.rules(FileEntry("web", "ghcr.io/acme/web", Pin(present), 1, 1, None)).policy
    assert named is not None
    policy = named.policy
    for tags in ((*others.split(), *NOISE, present, name), (name, present, *NOISE, *reversed(others.split()))):
        match (
            choose_newest(policy, tags, BUILT, Pin(present), BUILT[present], NOW)
            if isinstance(policy, Newest)
            else choose(policy, tags, Pin(present))
        ):
            case Chosen(tag=tag):
                assert tag == chosen
            case Current():
                assert chosen is None
            case held:
                raise AssertionError(held)


def test_every_recipe_is_tried() -> None:
    assert list(dict.fromkeys(row[0] for row in CHOICES)) == NAMES


@pytest.mark.parametrize("number", [12, 34])
def test_an_entry_for_each_pull_request_follows_its_own_tag(number: int) -> None:
    previews = config.read(RECIPES, "gitops-bot.yaml").environments["previews"]
    named = previews.rules(FileEntry(f"web-pr-{number}", "ghcr.io/acme/web", Pin(f"pr-{number}"), 1, 1, None)).policy
    assert named is not None
    assert named.policy == Follow(f"pr-{number}")
    assert previews.rules(FileEntry("web-pr-99", "ghcr.io/acme/web", Pin("pr-99"), 1, 1, None)).policy is None
