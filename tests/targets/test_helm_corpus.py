"""Every image in real values files: set to a new pin where it stands, and judged byte by byte with libyaml's marks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.helm import HelmTarget
from gitops_bot.targets.pin_file import edit
from tests.conftest import library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gitops_bot.targets.pin_file import FileEntry

DIGEST = "sha256:" + "0123456789abcdef" * 4
#: Files in which each entry is edited alone; in longer ones all are at once.
SHORT = 2_000
#: The reasons for which entries of the corpus are refused: none is.
REFUSED: dict[str, int] = {}


def scalars(text: str) -> list[tuple[int, int, str]]:
    """Where each scalar stands by libyaml, and its value."""

    def below(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
        if isinstance(node, yaml.ScalarNode):
            yield node
        for child in node.value if not isinstance(node, yaml.ScalarNode) else ():
            for one in child if isinstance(child, tuple) else (child,):
                yield from below(one)

    roots = yaml.compose_all(text, Loader=yaml.SafeLoader if not text.isascii() else yaml.CSafeLoader)
    found = [node for root in roots if root is not None for node in below(root)]
    return [(node.start_mark.index, node.end_mark.index, str(node.value)) for node in found]


def wanted(entry: FileEntry) -> Pin:
    match entry.says:
        case "tag":
            return Pin("v987.6.5")
        case "digest":
            return Pin(None, DIGEST)
        case None:
            return Pin("987.10", DIGEST)


def check(before: str, after: str, entries: Sequence[FileEntry]) -> None:
    """Only the values of these entries differ, and each is what was asked for."""
    old, new = scalars(before), scalars(after)
    assert len(old) == len(new)
    pairs = [(one, other) for one, other in zip(old, new, strict=True) if one[2] != other[2]]
    rest: tuple[list[str], list[str]] = ([], [])
    for text, kept, spans in ((before, rest[0], [a for a, _ in pairs]), (after, rest[1], [b for _, b in pairs])):
        at = 0
        for start, end, _ in spans:
            kept.append(text[at:start])
            at = end
        kept.append(text[at:])
    assert rest[0] == rest[1], "bytes around the values differ"
    allowed = {change for entry in entries for change in changes(entry)}
    assert {(one[2], other[2]) for one, other in pairs} <= allowed
    assert len(pairs) >= len(entries)


def changes(entry: FileEntry) -> Iterator[tuple[str, str]]:
    """The texts that may stand for the pin of an entry, before and after."""
    old, new = entry.pin, wanted(entry)
    yield old.tag or "", new.tag or ""
    yield str(old), str(new)
    yield f"{entry.repository}:{old}", f"{entry.repository}:{new}"
    digests = old.digest or "", new.digest or ""
    yield digests
    yield digests[0].removeprefix("sha256:"), digests[1].removeprefix("sha256:")


def test_each_pin_is_replaced_and_nothing_else(corpus: Path) -> None:
    paths = sorted((corpus / "helm").iterdir())
    refused: Counter[str] = Counter()
    edited = 0
    for path in paths:
        data = path.read_bytes()
        try:
            pins = HelmTarget(reads=2).read(data, path.name)
        except EditError as error:
            refused[error.problem.message] += 1
            continue
        refused.update(entry.refusal.message for entry in pins.entries if entry.refusal is not None)
        editable = [entry for entry in pins.entries if entry.refusal is None]
        groups = [[entry] for entry in editable] if len(data) < SHORT else [editable] if editable else []
        for group in groups:
            after = edit(pins, [Assignment(entry.name, wanted(entry)) for entry in group])
            check(data.decode(), after.decode(), group)
            again = HelmTarget(reads=2).read(after, path.name)
            asked = {entry.name: wanted(entry) for entry in group}
            assert {entry.name: entry.pin for entry in again.entries if entry.name in asked} == asked
            edited += len(group)
    for reason, count in sorted(refused.items()):
        print(f"{count} refused: {reason}")  # noqa: T201 - shown with -s
    assert (len(paths), edited, dict(refused)) == (94, 182, REFUSED)


TEMPLATE = """\
{{- $image := .Values.web.image }}
image: "{{ with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $image.tag }}
{{- with $image.digest }}@{{ . }}{{ end }}"
"""
VALUES = "web:\n  image: {registry: ghcr.io, repository: acme/web, tag: 1.9, digest: ''}  # ours\n"


@pytest.mark.parametrize("pin", [Pin("1.10", DIGEST), Pin("20250131"), Pin("0123", DIGEST)], ids=str)
def test_helm_renders_the_new_pin(pin: Pin, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 7.0.0\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/web.yaml").write_text(TEMPLATE)
    pins = HelmTarget(reads=2).read(VALUES.encode(), "values.yaml")
    (tmp_path / "values.yaml").write_bytes(edit(pins, [Assignment("web.image", pin)]))
    with library("helm_python").Chart.load(tmp_path) as chart:
        rendered = chart.render(name="web", namespace="default")["web/templates/web.yaml"]
    assert yaml.safe_load(rendered)["image"] == f"ghcr.io/acme/web:{pin}"
