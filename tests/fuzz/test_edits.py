"""The fuzzer of kustomizations; a million runs with GITOPS_BOT_LONG=1."""

from __future__ import annotations

import os

import pytest

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.kustomization import read
from gitops_bot.targets.pin_file import edit
from tests.fuzz import edits

RUNS = 1_000_000 if os.environ.get("GITOPS_BOT_LONG") == "1" else 1_000
SEED = 7


def test_no_mutated_file_is_damaged_by_an_edit_and_none_crashes_it() -> None:
    sources = edits.seeds(edits.corpus_folder())
    outcomes = [edits.run(number, SEED, sources) for number in range(RUNS)]

    assert [outcome for outcome in outcomes if outcome.kind.isupper()] == []
    assert sum(outcome.kind == "edited" for outcome in outcomes) > RUNS / 5


BEFORE = b"images:\n- name: web # c\n  newTag: v1\n- name: db\n  newTag: v1\n"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BEFORE, "became"),
        (BEFORE.replace(b"v1", b"v2"), "became"),
        (BEFORE.replace(b"v1", b"v2", 1).replace(b" # c", b""), "lines"),
        (BEFORE.replace(b"v1", b"v2", 1).replace(b"\n", b"\r\n"), "line break"),
        (BEFORE.replace(b"v1", b"v2", 1).rstrip(b"\n"), "the end"),
        (BEFORE.replace(b"v1", b"!!str v2", 1), "explicit YAML tag"),
    ],
)
def test_the_judge_sees_damage_and_is_content_with_a_good_edit(after: bytes, said: str) -> None:
    asks = [Assignment("web", Pin("v2"))]
    edits.judge(read(BEFORE, "k"), asks, edit(read(BEFORE, "k"), asks))
    with pytest.raises((edits.Wrong, EditError), match=said):
        edits.judge(read(BEFORE, "k"), asks, after)
