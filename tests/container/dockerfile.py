"""Reads a Dockerfile as BuildKit does: the instructions of each stage, with variables put in.

What the reader does not know, it refuses: a build that stands in for an engine must not skip what an engine would do.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Instruction -> the flags that it may have here.
KNOWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ARG", "CMD", "ENTRYPOINT", "ENV", "FROM", "LABEL", "RUN", "USER", "WORKDIR"), ()),
    "COPY": ("from",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "retries"),
}


class Unsupported(Exception):  # noqa: N818 - it says of the file what it is
    """The file holds what this reader does not carry out, or what no engine takes."""


@dataclass(frozen=True, slots=True)
class Instruction:
    line: int
    name: str
    flags: Mapping[str, str]
    text: str


@dataclass(slots=True)
class Stage:
    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    found: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            named = re.fullmatch(r"(\S+)(?: AS (\S+))?", instruction.text)
            if named is None:
                raise Unsupported(f"line {instruction.line}: FROM {instruction.text}")
            found.append(Stage(named[1], named[2]))
        elif found:
            found[-1].instructions.append(instruction)
        else:
            raise Unsupported(f"line {instruction.line}: {instruction.name} before the first FROM")
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    if re.search(r"^#\s*escape\s*=", text, re.IGNORECASE | re.MULTILINE):
        raise Unsupported("another escape character")
    for line, joined in _joined(text):
        name, _, rest = joined.partition(" ")
        name, rest, flags = name.upper(), rest.strip(), dict[str, str]()
        while given := re.match(r"--([a-z-]+)=(\S+)(?:\s+|\Z)", rest):
            flags[given[1]] = given[2]
            rest = rest[given.end() :]
        if name not in KNOWN or not flags.keys() <= set(KNOWN[name]) or not rest or re.search(r"<<-?['\"]?\w", rest):
            raise Unsupported(f"line {line}: {joined}")
        yield Instruction(line, name, flags, rest)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """The logical lines: comments go, also those between continued lines; a backslash at the end goes on."""
    pieces: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.rstrip()
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = start if pieces else number
        pieces.append(line.removesuffix("\\") if pieces else line.lstrip().removesuffix("\\"))
        if not line.endswith("\\"):
            yield start, "".join(pieces)
            pieces = []
    if pieces:
        raise Unsupported(f"line {start}: the last line goes on")


def exec_form(instruction: Instruction, text: str) -> tuple[str, ...]:
    """The words of the JSON form: the shell's needs a shell."""
    try:
        return tuple(json.loads(text))
    except ValueError:
        raise Unsupported(f"line {instruction.line}: {instruction.name} needs a shell: give it as JSON") from None


def assignments(instruction: Instruction, variables: Mapping[str, str]) -> dict[str, str]:
    """`KEY=value KEY="a value"` of ENV and LABEL, with the variables as they are before the instruction."""
    words = [word.partition("=") for word in shlex.split(instruction.text)]
    if re.search(r"['\\]", instruction.text) or not all(equals for _, equals, _ in words):
        raise Unsupported(f"line {instruction.line}: {instruction.name} {instruction.text}")
    return {key: expand(value, variables) for key, _, value in words}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in; one that nobody set is empty, as in Docker. Only `$NAME` is known."""
    if re.search(r"\$(?![A-Za-z_])", text):
        raise Unsupported(f"a variable in {text!r}")
    return re.sub(r"\$(\w+)", lambda found: variables.get(found[1], ""), text)
