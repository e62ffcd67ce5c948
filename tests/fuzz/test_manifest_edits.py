"""Mutate real manifests, edit each image that can still be edited, and let libyaml judge what became of the file."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import yaml

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin, split
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import edit
from tests.fuzz import edits

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 100_000 if os.environ.get("GITOPS_BOT_LONG") == "1" else 300
SEED = 11
PINS = [Pin("v987.6.5"), Pin("987.10", edits.D2), Pin(None, edits.D1)]
SEEDS = [
    "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: b, image: 'nginx:1'}, {image: x/y}]}\n",
    "kind: Pod\nspec:\n  containers:\n  - image: &i nginx:1\n  - image: *i\n---\nkind: List\nitems: []",
]


def test_a_mutated_manifest_loses_nothing_by_an_edit(corpus: Path) -> None:
    texts = [path.read_text() for path in sorted((corpus / "manifests").glob("*.yaml"))]
    sources = [*SEEDS, *(text for text in texts if len(text) < 1500)]
    edited = sum(run(Random(f"{SEED} {number}"), sources) for number in range(RUNS))  # noqa: S311
    assert edited > RUNS / 4


def run(random: Random, sources: list[str]) -> int:
    data = edits.mutate(random, sources)
    try:
        pins = ManifestsTarget().read(data, "m.yaml")
    except EditError:
        return 0
    ManifestsTarget().count(data)
    entries = [entry for entry in pins.entries if entry.refusal is None]
    if not entries:
        return 0
    entry, pin = random.choice(entries), random.choice(PINS)
    try:
        after = edit(pins, [Assignment(entry.name, pin)])
    except EditError:
        return 0
    before = events(data)
    if before is None:  # libyaml reads less than ruamel.yaml
        return 0
    seen = events(after)
    assert seen is not None, data
    assert len(seen) == len(before), data
    changed = [(old, new) for old, new in zip(before, seen, strict=True) if old != new]
    assert len(changed) <= 1, data
    for (old, tag, anchor), new in changed:
        wanted = Pin(pin.tag or entry.pin.tag, pin.digest)
        text = f"{split(old)[0]}{f':{wanted.tag}' if wanted.tag else ''}{f'@{wanted.digest}' if wanted.digest else ''}"
        assert new == (text, tag, anchor), data
        at, end = difference(data, after)
        quotes = after[at:end].replace(b'"', b"").replace(b"'", b"")
        assert quotes in text.encode(), data
    return 1


def events(data: bytes) -> list[tuple[str, object, object]] | None:
    """What libyaml makes of a file, event by event."""
    try:
        return [
            (
                str(getattr(event, "value", type(event).__name__)),
                getattr(event, "tag", None),
                getattr(event, "anchor", None),
            )
            for event in yaml.parse(data, Loader=yaml.CSafeLoader)
        ]
    except (yaml.YAMLError, ValueError):
        return None


def difference(before: bytes, after: bytes) -> tuple[int, int]:
    """The part of `after` in which the two differ."""
    start = common(before, after)
    return start, len(after) - common(before[start:][::-1], after[start:][::-1])


def common(one: bytes, other: bytes) -> int:
    """How many bytes are the same at the beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
