from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import kustomization

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = {
    "in block style": (b"resources: [a]\nimages:\n- name: web\n  newTag: '1'\n- name: api\n", 2),
    "indented, with comments and blank lines": (
        b"images: # pins\n\n  # web\n  - name: web\n\n  -\n    name: api\n# x\n",
        2,
    ),
    "followed by another list": (b"images:\n- name: web\nresources:\n- a\n- b\n", 1),
    "with Windows line breaks": (b"images:\r\n- name: web\r\n\r\n- name: api\r\nresources: []\r\n", 2),
    "without a last line break": (b"images:\n- name: web", 1),
    "in flow style": (b"images: [{name: web, newTag: '1'}, {name: api}]\n", 2),
    "by a key in other letters": (b"Images:\n- name: web\n", 1),
    "by a quoted key": (b'"images":\n- name: web\n', 1),
    "below another key only": (b"spec:\n  images:\n  - name: web\n", 0),
    "in a comment only": (b"# images:\n# - name: web\n", 0),
    "an empty list": (b"images: []\n", 0),
    "nothing": (b"", 0),
    "no YAML": (b"images: [\n", 0),
    "no text": (b"\xff\x00images", 0),
    "a template": (b"{{ if .x }}\nimages:\n- name: web\n{{ end }}\n", 1),
}


@pytest.mark.parametrize(("data", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_entries_are_counted_however_they_are_written(data: bytes, expected: int) -> None:
    assert kustomization.KustomizationTarget().count(data) == expected


def test_every_file_of_the_corpus_has_as_many_as_it_is_read_with(corpus: Path) -> None:
    compared = 0
    for file in sorted((corpus / "kustomizations").glob("*.yaml")):
        data = file.read_bytes()
        try:
            read = kustomization.read(data, file.name)
        except EditError:
            continue
        compared += 1
        assert kustomization.KustomizationTarget().count(data) == len(read.entries), file.name
    assert compared > 300
