"""The images of real manifests: every one edited where it lies, judged by libyaml and by Kubernetes' own schemas."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin, split
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import edit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIN = Pin("v987.6.5", "sha256:" + "0123456789abcdef" * 4)
LISTS = ("containers", "initContainers", "ephemeralContainers")


@pytest.fixture(scope="module")
def files(corpus: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((corpus / "manifests").glob("*.yaml"))}


def images(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """The images of all containers, as libyaml sees them, wherever they stand."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in LISTS and isinstance(value, yaml.SequenceNode):
                for item in value.value:
                    yield from (
                        image
                        for name, image in getattr(item, "value", ())
                        if name.value == "image" and isinstance(image, yaml.ScalarNode)
                    )
            yield from images(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from images(value)


def spans(text: str) -> dict[tuple[int, int], tuple[int, int, str]]:
    """Where each image begins (line and column from 1): its offsets in the text, and its value."""
    starts = [0, *(line.end() for line in re.finditer("\r\n|\r|\n", text))]
    return {
        (node.start_mark.line + 1, node.start_mark.column + 1): (
            starts[node.start_mark.line] + node.start_mark.column,
            starts[node.end_mark.line] + node.end_mark.column,
            node.value,
        )
        for root in yaml.compose_all(text, Loader=yaml.CSafeLoader)
        if root is not None
        for node in images(root)
    }


def test_each_image_is_found_and_its_edit_changes_these_bytes_alone(files: dict[str, bytes]) -> None:
    refused: Counter[str] = Counter()
    edited = 0
    for name, data in files.items():
        text = data.decode()
        try:
            pins = ManifestsTarget().read(data, name)
        except EditError as error:
            refused[re.sub("'.*'|[0-9]+", "...", error.problem.message)] += 1
            print(f"{name}: {error}")  # noqa: T201 - shown with -s: the list that the project promises
            continue
        seen = spans(text)
        assert {(entry.line, entry.column) for entry in pins.entries} == set(seen), name
        for entry in pins.entries:
            if entry.refusal is not None:
                refused[re.sub("'.*'", "...", entry.refusal.message)] += 1
                print(f"{name}:{entry.line}: {entry.refusal.message}")  # noqa: T201
                continue
            start, end, value = seen[entry.line, entry.column]
            quote = text[start] if text[start] in "'\"" else ""
            wanted = f"{quote}{split(value)[0]}:{PIN}{quote}"
            assert edit(pins, [Assignment(entry.name, PIN)]).decode() == text[:start] + wanted + text[end:], name
            edited += 1
    assert edited == 166
    assert refused == {
        "image holds a template placeholder: ...": 1,
        "image is shared by an alias": 3,
        "image is an address, not the name of an image": 1,
    }
