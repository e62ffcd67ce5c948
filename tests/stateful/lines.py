"""A second opinion on bytes: kustomizations of these tests read line by line, without any of the product's code."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"^ *- name: (\S+)\s*$")
_PIN = re.compile(r"^( +)(newTag|digest): (\S+)(\s*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pinned:
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.tag or ''}{f'@{self.digest[7:13]}' if self.digest else ''}"


def version(pin: Pinned | None) -> tuple[int, ...]:
    """The order of the tags: `1.6.0` comes after `1.5.0`, a pre-release before its release."""
    if pin is None or pin.tag is None:
        return ()
    release, _, before = pin.tag.partition("-")
    return (*map(int, release.split(".")), 0 if before else 1)


def agree(one: Pinned, other: Pinned) -> bool:
    """Whether two pins say the same, as far as both say anything."""
    return one.tag == other.tag and (one.digest == other.digest or None in (one.digest, other.digest))


def pins(data: bytes) -> dict[str, Pinned]:
    found: dict[str, dict[str, str]] = {}
    name = ""
    for line in data.decode().splitlines():
        if start := _NAME.match(line):
            name = start[1]
            found[name] = {}
        elif not line.startswith("    "):
            name = ""
        elif name and (pin := _PIN.match(line)):
            found[name][pin[2]] = pin[3]
    return {name: Pinned(said.get("newTag"), said.get("digest")) for name, said in found.items() if said}


def without_pins(data: bytes) -> list[str]:
    """Every line but those of digests, the values of tags blanked: what may never differ. Line ends are part of it."""
    return [
        _PIN.sub(r"\1\2: ...\4", line)
        for line in data.decode().splitlines(keepends=True)
        if not (pin := _PIN.match(line)) or pin[2] != "digest"
    ]


def digest_lines(data: bytes) -> set[tuple[str, str]]:
    lines = data.decode().splitlines(keepends=True)
    return {(pin[1], pin[4]) for line in lines if (pin := _PIN.match(line)) and pin[2] == "digest"}


def tag_lines(data: bytes) -> set[tuple[str, str]]:
    lines = data.decode().splitlines(keepends=True)
    return {(pin[1], pin[4]) for line in lines if (pin := _PIN.match(line)) and pin[2] == "newTag"}


def only_pins_differ(before: bytes, after: bytes) -> bool:
    """Whether two texts are the same but for the values of pins and digests that came beside a tag."""
    return without_pins(before) == without_pins(after) and digest_lines(after) <= tag_lines(before)


def repinned(data: bytes, name: str, pin: Pinned) -> bytes:
    """The text with another pin of one entry, as a person edits it: the digest stands below the tag, or is gone."""
    found, mine = [], False
    for line in data.decode().splitlines(keepends=True):
        if start := _NAME.match(line):
            mine = start[1] == name
        said = _PIN.match(line)
        if not mine or said is None:
            found.append(line)
        elif said[2] == "newTag":
            found.append(f"{said[1]}newTag: {pin.tag}{said[4]}")
            found += [f"{said[1]}digest: {pin.digest}{said[4]}"] if pin.digest else []
    return "".join(found).encode()
