"""Versions of a file that differ in tags and digests are read once; that has to be the same as reading each in full."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment
from gitops_bot.releases.history.changes import explains
from gitops_bot.targets import TARGETS, Target, versions
from gitops_bot.targets.blue_green import SelectorTarget
from gitops_bot.targets.patterns import ImagePattern, PatternTarget
from gitops_bot.targets.versions import Seen, State
from tests.conftest import PROJECT

KUSTOMIZATION = "kustomization.yaml"
DIGESTS = [f"sha256:{digit * 64}" for digit in "0a7"]
#: Tags that some parser takes for something else, that a template may fill in, or that are none.
TAGS = st.sampled_from([
    "1.2.3", "v1", "1.10", "0123", "1e5", "12345678", "2024-01-15", "on", "null", "y", "~", "sha-0a1b2c3", "0x1f",
    "__TAG__", "${TAG}", "v1:", "*x", "-", "1_000", "", "{{ tag }}", "a b", "masked-7c1fd3-0", "x" * 128, "x" * 129,
])  # fmt: skip
VALUES = st.one_of(
    TAGS,
    st.sampled_from([*DIGESTS, DIGESTS[0][:-1], "sha256:" + "7c1fd3" * 8 + "0" * 16]),
    st.builds("{}@{}".format, TAGS, st.sampled_from(DIGESTS)),
)
QUOTES = st.sampled_from(["{}", '"{}"', "'{}'", '"{}', "{}'", "&x {}", "!!str {}", "{} # why", "{}#", "{}  ", "{}\r"])
PLACES = st.sampled_from([
    "    newTag: {}", "    digest: {}", "  - newTag: {}", "    tag: {}", "    NEWTAG: {}", "newTag: {}",
    "      newTag: {}", "    # newTag: {}", "    newTag:   {}", "    newTag:\t{}", "    newTag: |\n      {}",
    "    other: >-\n      newTag: {}", '    other: "\n      newTag: {}', "    newName: ghcr.io/acme/x@{}",
    "  - name: {}", "  - {{name: y, newTag: {}}}", "  - {{name: y,\n    newTag: {}\n    }}",
])  # fmt: skip
WHOLE_LINES = [
    "images:", "  - name: web", "  - name: api", "- name: web", "  - name: *x", "# what", "", "---", "\t", '    "',
    "\0", "}", "    continued", "kind: Component", "patches: []", "    newName: ghcr.io/acme/web", "  - web: &x",
]  # fmt: skip
LINES = st.one_of(
    st.builds(lambda place, quote, value: place.format(quote.format(value)), PLACES, QUOTES, VALUES),
    st.sampled_from(WHOLE_LINES),
)

#: Those that name and content tell, and those that look for certain values.
KINDS = (
    *TARGETS,
    SelectorTarget("tag", ("v1", "on")),
    PatternTarget((("web", ImagePattern("ghcr.io/acme/web", "(?:newTag|tag): *(?P<tag>v?[0-9.]+|[a-z]+)")),)),
)


def full(target: Target, data: bytes) -> State:
    try:
        entries = target.read(data, "").entries
    except EditError:
        return None
    return {
        entry.name: Seen(str(entry.image) if entry.image else None, None if entry.refusal else entry.pin)
        for entry in entries
    }


def check(target: Target, data: bytes) -> None:
    assert versions.state(target, data) == full(target, data)
    if versions.state(target, data) is not None:
        assert list(versions.state(target, data) or ()) == list(full(target, data) or ())


@given(st.lists(LINES, max_size=12), st.sampled_from(KINDS), st.data())
def test_every_version_is_read_as_if_it_were_read_alone(lines: list[str], target: Target, data: st.DataObject) -> None:
    """Also the second one of a form, whatever it has in the place of a value."""
    check(target, "\n".join(lines).encode())
    tag, digest = data.draw(TAGS), data.draw(st.sampled_from(DIGESTS))
    for was, now in (("1.2.3", tag), ("v1", tag), (DIGESTS[0], digest)):
        lines = [line.replace(was, now) for line in lines]
        check(target, "\n".join(lines).encode())


@given(st.lists(LINES, max_size=8), st.lists(st.tuples(TAGS, st.sampled_from(DIGESTS)), min_size=2, max_size=2))
def test_what_only_changed_pins_can_be_edited_so(lines: list[str], pins: list[tuple[str, str]]) -> None:
    before, after = (
        "\n".join(["images:", "- name: api", f"  newTag: {tag}", f"  digest: {digest}", *lines]).encode()
        for tag, digest in pins
    )
    target = TARGETS[0]
    if versions.only_pins(target, before, after):
        was, now = full(target, before) or {}, full(target, after) or {}
        edits = [
            (old, Assignment(name, new))
            for name, seen in now.items()
            if (new := seen.pin) is not None and (old := was[name].pin) is not None and old != new
        ]
        assert explains(KUSTOMIZATION, before, after, edits)


@pytest.mark.parametrize("tag", ["v2.0.0", '"2.10"', "sha-0a1b2c3 # built"])
def test_an_ordinary_change_needs_no_full_reading(tag: str) -> None:
    target = TARGETS[0]
    file = "images:\n  - name: web\n    newTag: {}\n    digest: " + DIGESTS[0] + "\n"
    before = file.format(tag.replace("2", "1")).encode()
    assert versions.only_pins(target, before, file.format(tag).encode())
    assert not versions.only_pins(target, before, file.format("1.10").encode())
    assert not versions.only_pins(target, before, before)
    assert not versions.only_pins(target, before, file.format(tag).encode() + b"namespace: web\n")


def test_what_lies_in_this_repository_is_read_alike() -> None:
    found = [path for top in ("manifests-example", "examples") for path in Path(PROJECT, top).rglob("*.y*ml")]
    assert len(found) > 10
    for path in found:
        data = path.read_bytes()
        for target in KINDS:
            check(target, data)
            check(target, data.replace(b"newTag: ", b"newTag: v9"))
