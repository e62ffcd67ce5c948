"""Every entry of the corpus: real files, read and edited where they lie, judged by libyaml and by kustomize itself."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.kustomization import read
from gitops_bot.targets.pin_file import edit
from tests.conftest import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitops_bot.targets.kustomization import Kustomization

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
#: A tag, a digest, and both with a tag that needs quotes. Each file gets one of them, and with LONG each of them.
PINS = [Pin("v987.6.5"), Pin(None, DIGEST), Pin("987.10", DIGEST)]


@dataclass(frozen=True)
class Real:
    """One file, and what libyaml sees in it: for each entry its fields as text and its lines, from 0, end excluded."""

    name: str
    data: bytes
    fields: tuple[dict[str, str], ...]
    lines: tuple[tuple[int, int], ...]

    @cached_property
    def kustomization(self) -> Kustomization:
        return read(self.data, self.name)


@pytest.fixture(scope="module")
def files(corpus: Path) -> list[Real]:
    return [real(path.name, path.read_bytes()) for path in sorted((corpus / "kustomizations").iterdir())]


def real(name: str, data: bytes) -> Real:
    root = yaml.compose(data, Loader=yaml.CSafeLoader)
    (images,) = [value for key, value in root.value if key.value.casefold() == "images"]
    entries = images.value if isinstance(images, yaml.SequenceNode) else []
    return Real(
        name,
        data,
        tuple({key.value: str(value.value) for key, value in entry.value} for entry in entries),
        tuple((entry.start_mark.line, entry.value[-1][1].end_mark.line + 1) for entry in entries),
    )


def test_every_entry_is_found_as_libyaml_finds_it(files: list[Real], corpus: Path) -> None:
    index = [json.loads(line) for line in (corpus / "INDEX.jsonl").read_text().splitlines()]
    listed = {row["id"] + ".yaml": row["n_images"] for row in index if "n_images" in row}

    assert {file.name: len(file.kustomization.entries) for file in files} == listed
    assert sum(listed.values()) == 774
    for file in files:
        for entry, fields in zip(file.kustomization.entries, file.fields, strict=True):
            tag, _, digest = fields.get("newTag", "").partition("@")
            pin = Pin(tag or None, fields.get("digest") or digest or None)
            assert (entry.name, entry.new_name, entry.pin) == (fields["name"], fields.get("newName"), pin)


def rule(file: Real, fields: dict[str, str]) -> str | None:
    """The rule of DESIGN section 6 by which an entry must be refused, told from libyaml's view alone."""
    if any(mark in text for field, text in fields.items() if field != "newName" for mark in ("${", "{{", "$(")):
        return "template placeholder"
    if sum(other["name"] == fields["name"] for other in file.fields) > 1:
        return "two entries of one name"
    if re.search(r"@|:[^/]*$", fields.get("newName", "")):
        return "newName with a tag or a digest"
    return None


def test_exactly_the_entries_that_the_rules_name_are_refused(files: list[Real]) -> None:
    refused = {
        f"{file.name}:{entry.line} {entry.name}": (entry.refusal.message, rule(file, fields))
        for file in files
        for entry, fields in zip(file.kustomization.entries, file.fields, strict=True)
        if entry.refusal
    }
    for where, (message, name) in refused.items():
        print(f"{name}: {where}: {message}")  # noqa: T201 - shown with -s: the list that the project promises

    for file in files:
        for entry, fields in zip(file.kustomization.entries, file.fields, strict=True):
            assert (entry.refusal is not None) == (rule(file, fields) is not None), f"{file.name}:{entry.line}"
    assert Counter(name for _, name in refused.values()) == {"template placeholder": 12}


def asked(files: list[Real]) -> Iterator[tuple[Real, Pin]]:
    if LONG:
        return itertools.product(files, PINS)
    return zip(files, itertools.cycle(PINS), strict=False)


def test_only_the_asked_lines_of_the_entry_change_and_can_be_changed_back(files: list[Real]) -> None:
    edited = back = 0
    for file, pin in asked(files):
        before = file.kustomization
        for index, entry in enumerate(before.entries):
            if entry.refusal is None:
                after = edit(before, [Assignment(entry.name, pin)])
                check_lines(file, index, pin, after)
                edited += 1
                same_parts = (entry.pin.tag is None, entry.pin.digest is None) == (pin.tag is None, pin.digest is None)
                # The tag that needs quotes keeps them.
                if same_parts and pin.tag != "987.10":
                    assert edit(read(after, file.name), [Assignment(entry.name, entry.pin)]) == file.data
                    back += 1
    assert edited == sum(rule(file, fields) is None for file, _ in asked(files) for fields in file.fields)
    assert back > 0


def check_lines(file: Real, index: int, pin: Pin, after: bytes) -> None:
    """The lines around the entry are the same, and those of the entry except the figure that was asked for."""
    old, new = file.data.split(b"\n"), after.split(b"\n")
    first, last = file.lines[index]
    fields = file.fields[index]
    joined = "@" in fields.get("newTag", "")
    replaced = ("newTag" in fields and pin.tag is not None) + ("digest" in fields and pin.digest is not None)
    added = ("newTag" not in fields and pin.tag is not None) + ("digest" not in fields and pin.digest is not None)
    removed = "digest" in fields and pin.digest is None
    if joined:
        replaced, added = 1, 0
    # A digest behind the dash: the line of the next key takes its place.
    moved = removed and next(iter(fields)) == "digest"
    behind = len(new) - (len(old) - last)

    assert (old[:first], old[last:]) == (new[:first], new[behind:]), file.name
    gone, come = Counter(old[first:last]), Counter(new[first:behind])
    assert (gone - come).total() == replaced + removed + moved + unended(file, last, added), file.name
    assert (come - gone).total() == replaced + added + moved + unended(file, last, added), file.name
    assert all(text.encode() in after for text in (pin.tag, pin.digest) if text)


def unended(file: Real, last: int, added: int) -> int:
    """Splitting at LF leaves the CR of a last line without LF on one side only."""
    return int(added > 0 and b"\r\n" in file.data and last == len(file.data.split(b"\n")))


def test_the_same_edit_again_changes_no_byte(files: list[Real]) -> None:
    changed = 0
    for file, pin in asked(files):
        edits = [Assignment(one.name, pin) for one in file.kustomization.entries if one.refusal is None]
        after = edit(file.kustomization, edits)
        assert edit(read(after, file.name), edits) == after, file.name
        changed += after != file.data
    assert changed == sum(any(rule(file, fields) is None for fields in file.fields) for file, _ in asked(files))


def test_kustomize_renders_the_same_except_for_the_pins(files: list[Real], tmp_path: Path) -> None:
    rendered = 0
    for file in files if LONG else files[:: len(files) // 12]:
        before = file.kustomization
        editable = [entry for entry in before.entries if entry.refusal is None]
        for pin in (Pin("987.10", DIGEST), Pin("v987.6.5")):
            after = edit(before, [Assignment(entry.name, pin) for entry in editable])
            old, new = (kustomized(tmp_path, file, text) for text in (file.data, after))
            if old is None:
                # kustomize knows no such field as `newDigest`, which two of the files have.
                assert new is None
                assert any(set(fields) - {"name", "newName", "newTag", "digest", "tagSuffix"} for fields in file.fields)
                continue
            assert new is not None, file.name
            assert len(new) == len(old)
            for line, other in zip(old, new, strict=True):
                if line != other:
                    assert "image:" in line
                    assert other.endswith(f":{pin}"), file.name
            changed = sum(line != other for line, other in zip(old, new, strict=True))
            assert changed == len(editable), file.name
            rendered += 1
    assert rendered > (2 * len(files) - 10 if LONG else 15)


def kustomized(folder: Path, file: Real, data: bytes) -> list[str] | None:
    """What kustomize makes of the `images:` of a file, byte for byte, and of one container for each entry.

    The file's own resources, patches and generators lie elsewhere, so that these keys are cut out by line.
    """
    lines = data.decode().splitlines(keepends=True)
    root = yaml.compose(data, Loader=yaml.CSafeLoader)
    starts = [key.start_mark.line for key, _ in root.value] + [len(lines)]
    kept = [
        "".join(lines[start:end])
        for (key, _), start, end in zip(root.value, starts, starts[1:], strict=False)
        if key.value.casefold() == "images"
    ]
    containers: list[Any] = [{"name": f"c{n}", "image": image(fields)} for n, fields in enumerate(file.fields)]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    (folder / "pod.yaml").write_text(json.dumps(pod))
    (folder / "kustomization.yaml").write_bytes("".join(["resources: [pod.yaml]\n", *kept]).encode())
    command = [program("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    return done.stdout.decode().splitlines() if done.returncode == 0 else None


def image(fields: dict[str, str]) -> str:
    """An image that the entry matches: its name, with a tag where the name does not bring one."""
    return fields["name"] if re.search(r":[^/]*$|@", fields["name"]) else fields["name"] + ":present"
