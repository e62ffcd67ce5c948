from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_bot.targets import kustomization
from tests.conftest import program

if TYPE_CHECKING:
    from pathlib import Path

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"

NUMBERS = [
    "1.10", "1", "0", "0123", "08", "1_000", "1__0", "0_1", "1.", "1._2", "1_", "20240115123000", "9" * 30, "1e5",
    "1E5", "706798e8", "12.e03", "1e-5", "1e_5", "1e-999", "0x1f", "0X1F", "0x_1f", "0_x1", "0x1_", "0x" + "f" * 16,
    "0o17", "0O17", "0b11", "0B_1",
]  # fmt: skip
TRUTHS = [
    "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "on", "On", "ON", "off", "true", "True", "TRUE", "false",
]  # fmt: skip
TEXTS = [
    "1.2.3", "v1.10", "1-2", "1.2e", "1e", "e5", "_1", "__1", "1234e567", "1e309", "0x", "0x_", "0xg", "0o8", "0b12",
    "0x1" + "f" * 16, "0o" + "7" * 25, "0x1p4", "706798g8", "nan", "NaN", "inf", "Infinity", "oN", "tRue", "t", "f",
    "2024-01-15", "2024-1-5", "2024_-01-15", "nULL", "yesterday",
]  # fmt: skip


def told(text: str) -> list[str]:
    """The problems of all entries."""
    item = kustomization.read(text.encode(), "k.yaml")
    found = [problem for _, problem in item.type_mistakes()]
    assert all(problem.code == "failed.edit" for problem in found)
    return [f"{problem.where}: {problem.message} / {problem.next}" for problem in found]


@pytest.mark.parametrize("tag", [*NUMBERS, *TRUTHS])
def test_a_tag_that_is_no_text_to_kustomize_is_told(tag: str) -> None:
    kind = "a number" if tag in NUMBERS else "true or false"
    (problem,) = told(f"images:\n- name: web\n  newTag: {tag}\n")
    assert problem == (
        f"k.yaml:3:11: newTag: {tag} is {kind} to kustomize, which refuses the file / "
        f'Write it in quotes: `newTag: "{tag}"`.'
    )


@pytest.mark.parametrize("tag", [*TEXTS, *(f"{quote}1.10{quote}" for quote in "'\""), "''", "~", "null", "", "[1.10]"])
def test_a_tag_that_is_a_text_or_nothing_to_kustomize_is_not(tag: str) -> None:
    assert told(f"images:\n- name: web\n  newTag: {tag}\n") == []


def test_each_value_of_each_entry_is_looked_at_by_the_spelling_of_kustomize() -> None:
    text = "images:\n- {NAME: 8080, newtag: 1.10, other: 1.10}\n- name: web\n  newTag: 1.2.3\n- name: on\n- 7\n"
    assert [problem.split(" is ")[0] for problem in told(text)] == [
        "k.yaml:2:10: name: 8080",
        "k.yaml:2:24: newTag: 1.10",
        "k.yaml:5:9: name: on",
    ]


number_like = st.from_regex(r"[0-9_][0-9_]{0,5}([.eExXoObB_-][0-9a-fA-F_-]{0,6}){0,3}", fullmatch=True)
word_like = st.sampled_from(TRUTHS).flatmap(
    lambda word: st.sampled_from([word.lower(), word.upper(), word.title(), word.swapcase(), word + "s"])
)


@given(st.lists(number_like | word_like, min_size=1, max_size=200, unique=True))
@settings(max_examples=20 if LONG else 1, deadline=None)
def test_what_is_not_told_is_taken_as_it_is_by_kustomize(
    tmp_path_factory: pytest.TempPathFactory, found: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("k")
    fine = [tag for tag in [*found, *TEXTS] if not told(f"images:\n- name: web\n  newTag: {tag}\n")]
    assert images(folder, fine) == [f"i{number}:{tag}" for number, tag in enumerate(fine)]


def images(folder: Path, tags: list[str]) -> list[str]:
    """The images of a Pod after kustomize gave each container one of the tags, without quotes."""
    containers = [{"name": f"c{number}", "image": f"i{number}"} for number in range(len(tags))]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    (folder / "pod.yaml").write_text(json.dumps(pod))
    lines = [f"- name: i{number}\n  newTag: {tag}\n" for number, tag in enumerate(tags)]
    (folder / "kustomization.yaml").write_text("resources: [pod.yaml]\nimages:\n" + "".join(lines))
    command = [program("kubectl"), "kustomize", str(folder)]
    rendered = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.decode()
    found = [line.partition("image: ")[2] for line in rendered.splitlines() if "image: " in line]
    return [image.strip("'\"") for image in found]
