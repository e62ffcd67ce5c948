"""The fuzzer of values in block scalars; many more runs with GITOPS_BOT_LONG=1."""

from __future__ import annotations

import os

import pytest

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.helm import HelmTarget
from gitops_bot.targets.pin_file import edit
from tests.fuzz import values

RUNS = 200_000 if os.environ.get("GITOPS_BOT_LONG") == "1" else 800
SEED = 7


def test_no_values_in_a_block_are_damaged_by_an_edit_and_none_crash_it() -> None:
    outcomes = [values.run(number, SEED) for number in range(RUNS)]
    assert [outcome for outcome in outcomes if outcome.kind.isupper()] == []
    assert sum(outcome.kind == "edited" for outcome in outcomes) > RUNS / 5


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
    assert values.judge(pins, asks, BEFORE, edit(pins, asks)) == ""
    assert said in values.judge(pins, asks, BEFORE, after)
