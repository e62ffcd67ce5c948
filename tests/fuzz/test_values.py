"""The fuzzer of manifests and of values in block scalars; many more runs with GITOPS_BOT_LONG=1."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.helm import HelmTarget
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import edit
from tests.fuzz import edits, values

if TYPE_CHECKING:
    from pathlib import Path

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
SEEDS = [
    "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: b, image: 'nginx:1'}, {image: x/y}]}\n",
    "kind: Pod\nspec:\n  containers:\n  - image: &i nginx:1\n  - image: *i\n---\nkind: List\nitems: []",
]


def test_no_values_in_a_block_are_damaged_by_an_edit_and_none_crash_it() -> None:
    runs = 200_000 if LONG else 800
    given = (Random(f"7 {number}") for number in range(runs))  # noqa: S311 - repeatable on purpose
    outcomes = [values.run(random, HelmTarget(), values.application(random)) for random in given]
    assert [outcome for outcome in outcomes if outcome.kind.isupper()] == []
    assert sum(outcome.kind == "edited" for outcome in outcomes) > runs / 5


def test_a_mutated_manifest_loses_nothing_by_an_edit(corpus: Path) -> None:
    runs = 100_000 if LONG else 300
    texts = [path.read_text() for path in sorted((corpus / "manifests").glob("*.yaml"))]
    sources = [*SEEDS, *(text for text in texts if len(text) < 1500)]
    given = (Random(f"11 {number}") for number in range(runs))  # noqa: S311 - repeatable on purpose
    outcomes = [values.run(random, ManifestsTarget(), edits.mutate(random, sources)) for random in given]
    assert [outcome for outcome in outcomes if outcome.kind.isupper()] == []
    assert sum(outcome.kind == "edited" for outcome in outcomes) > runs / 5


BEFORE = b"""\
apiVersion: a/v1
kind: Application
spec:
  source:
    helm:
      values: |
        a: 1 # c
        image: {repository: web, tag: v1}
"""


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BEFORE, "became"),
        (BEFORE.replace(b"v1}", b"v2}").replace(b"# c", b"# d"), "line 7 differs"),
        (BEFORE.replace(b"v1}", b"v2}").replace(b"values: |", b"values: |-"), "line 6"),
        (BEFORE.replace(b"v1}", b"v2}") + b"        \n", "line break"),
    ],
)
def test_the_judge_sees_damage_and_is_content_with_a_good_edit(after: bytes, said: str) -> None:
    pins, asks = HelmTarget().read(BEFORE, "a.yaml"), [Assignment("image", Pin("v2"))]
    assert values.judge(HelmTarget(), pins, asks, edit(pins, asks)) == ""
    assert said in values.judge(HelmTarget(), pins, asks, after)
