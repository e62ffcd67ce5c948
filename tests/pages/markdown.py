"""What the pages are made of: their links, headings, blocks and commands."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_OPERATORS = frozenset({"&&", "||", "|", ";", "(", ")", "&", ">", ">>", "<", "2>"})


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and the lines that the page shows below it."""

    text: str
    shown: tuple[str, ...] = ()


def pages() -> list[Path]:
    """Every page of the project, but for those of the tests."""
    found = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "examples").rglob("*.md")]
    return sorted([*found, PROJECT / "manifests-example" / "README.md"])


def blocks(text: str, *kinds: str) -> list[str]:
    """The fenced blocks of these languages, without their indentation."""
    return [
        "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        for indent, kind, body in _BLOCK.findall(text)
        if kind in kinds
    ]


def files(text: str) -> dict[str, str]:
    """The blocks that are files: their first line is a comment with the path."""
    found = {}
    for _, _, body in _BLOCK.findall(text):
        if named := re.match(r"(?:#|//) ([\w./-]+\.\w+)\n", body):
            found[named[1]] = body
    return found


def sections(text: str) -> dict[str, str]:
    """The parts of a page by their headings of the second level."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def commands(text: str) -> list[Command]:
    """What follows `$` in the blocks `console`, and each block `sh` as it is, in their order."""
    found: list[Command] = []
    for _, kind, block in _BLOCK.findall(text):
        if kind == "sh":
            found.append(Command(block))
        if kind != "console":
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *shown = part.splitlines()
            found.append(Command(line, tuple(shown)))
    return found


def uses(text: str) -> Iterator[list[str]]:
    """The arguments of every `gitops-bot ...` that a page shows, also behind `uvx`: in its blocks and its sentences."""
    for command in commands(text):
        yield from _calls(command.text)
    for code in _CODE.findall(_BLOCK.sub("", text)):
        yield from _calls(re.sub(r"[\[\]]", "", code))  # brackets of what may be left out


def _calls(script: str) -> Iterator[list[str]]:
    words = shlex.shlex(script.replace("\n", " ; "), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call: list[str] = []
    try:
        for word in [*words, ";"]:
            if word in _OPERATORS:
                if call[:1] == ["uvx"] and "gitops-bot" in call:
                    call = call[call.index("gitops-bot") :]
                if len(call) > 1 and call[0].rpartition("/")[2] == "gitops-bot":
                    yield call[1:]
                call = []
            elif call or not re.match(r"\w+=", word):
                call.append(word)
    except ValueError:
        return  # a piece of code that is no command, with a single quote


def links(text: str) -> list[str]:
    """Where the links of a page lead, images included."""
    return _LINK.findall(_BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings: a repeated one gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(_BLOCK.sub("", text)):
        name = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_").replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found
