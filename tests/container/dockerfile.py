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
    "ARG": (), "CMD": (), "COPY": ("from",), "ENTRYPOINT": (), "ENV": (), "FROM": (),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "retries"), "LABEL": (), "RUN": (), "USER": (),
    "WORKDIR": (),
}  # fmt: skip


class Unsupported(Exception):  # noqa: N818 - it says of the file what it is
    """The file holds what this reader does not carry out, or what no engine takes."""


@dataclass(frozen=True, slots=True)
class Instruction:
    line: int
    name: str
    flags: tuple[tuple[str, str], ...]
    text: str

    def one(self, flag: str) -> str | None:
        given = [value for name, value in self.flags if name == flag]
        if len(given) > 1:
            raise Unsupported(f"line {self.line}: --{flag} twice")
        return given[0] if given else None


@dataclass(slots=True)
class Stage:
    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    found: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            match instruction.text.split():
                case [base]:
                    found.append(Stage(base, None))
                case [base, word, name] if word.upper() == "AS":
                    found.append(Stage(base, name))
                case _:
                    raise Unsupported(f"line {instruction.line}: FROM {instruction.text}")
        elif found:
            found[-1].instructions.append(instruction)
        else:
            raise Unsupported(f"line {instruction.line}: {instruction.name} before the first FROM")
    if not found:
        raise Unsupported("no FROM")
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    if re.search(r"\A(?:#.*\n)*#\s*escape\s*=", text, re.IGNORECASE):
        raise Unsupported("another escape character")
    for line, joined in _joined(text):
        name, _, rest = joined.partition(" ")
        name, rest = name.upper(), rest.strip()
        if name not in KNOWN:
            raise Unsupported(f"line {line}: {name}")
        flags = []
        while given := re.match(r"--([a-z-]+)(?:=(\S+))?(?:\s+|\Z)", rest):
            if given[1] not in KNOWN[name]:
                raise Unsupported(f"line {line}: {name} --{given[1]}")
            flags.append((given[1], given[2] or ""))
            rest = rest[given.end() :]
        if not rest or re.search(r"<<-?['\"]?\w", rest):
            raise Unsupported(f"line {line}: {name} {rest}")
        yield Instruction(line, name, tuple(flags), rest)


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


def exec_form(text: str) -> tuple[str, ...] | None:
    """The words of the JSON form, None for the shell's."""
    try:
        words = json.loads(text)
    except ValueError:
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def assignments(instruction: Instruction, variables: Mapping[str, str]) -> dict[str, str]:
    """`KEY=value KEY="a value"` of ENV and LABEL, with the variables as they are before the instruction."""
    if "'" in instruction.text or "\\" in instruction.text:
        raise Unsupported(f"line {instruction.line}: {instruction.name} with single quotes or backslashes")
    found = {}
    for word in shlex.split(instruction.text):
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise Unsupported(f"line {instruction.line}: {instruction.name} {word}")
        found[key] = expand(value, variables)
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}`; one that nobody set is empty, as in Docker. Other forms are refused."""

    def value(match: re.Match[str]) -> str:
        name = match["plain"] or match["braced"]
        if name is None:
            raise Unsupported(f"the variable at {text[match.start() :][:20]!r}")
        return variables.get(name, "")

    return re.sub(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\}|)", value, text)
