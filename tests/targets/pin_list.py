"""A target that only tests have: `pins.txt`, a line `NAME: TAG@DIGEST` for each pin, and comments behind `#`.

It has a setting: what comments begin with. Files called `*.pins` are such lists where a configuration says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin
from gitops_bot.targets.pin_file import FileEntry, PinFile, Target, pin_after
from gitops_bot.targets.writing import Splice, apply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.images.reference import Assignment

_LINE = r"^(?P<name>[^\s#;]+): (?P<tag>[^\s@#;]*)(?:@(?P<digest>\S+))?[ \t]*(?:%s.*)?$"


@dataclass(frozen=True, slots=True)
class PinList(PinFile):
    text: str
    spans: tuple[tuple[int, int], ...]

    def with_pins(self, wanted: Mapping[int, Assignment]) -> bytes:
        pins = {index: pin_after(self.entries[index], assignment.pin) for index, assignment in wanted.items()}
        return apply(self.text, (Splice(*self.spans[index], str(pin)) for index, pin in pins.items())).encode()

    def type_mistakes(self) -> Iterator[tuple[int, Problem]]:
        for index, entry in enumerate(self.entries):
            if entry.pin.tag == "latest":
                yield index, Problem("failed.edit", "`latest` is no version", "Write one.", self.file, entry.line, 1)


def read(data: bytes, file: str, comment: str) -> PinList:
    text = data.decode()
    if "\0" in text:
        raise EditError(Problem("failed.edit", "no text", "", file))
    lines = list(re.finditer(_LINE % comment, text, re.MULTILINE))
    entries = tuple(
        FileEntry(line["name"], None, pin, text.count("\n", 0, line.start()) + 1, 1, None)
        for line in lines
        for pin in [Pin(line["tag"] or None, line["digest"])]
    )
    ends = (line.end("digest") if line["digest"] else line.end("tag") for line in lines)
    return PinList(file, entries, text, tuple((line.start("tag"), end) for line, end in zip(lines, ends, strict=True)))


@dataclass(frozen=True, slots=True)
class PinListTarget(Target):
    NOUN: ClassVar = "list of pins"
    FILE_NAMES: ClassVar = ("pins.txt",)
    NAMES: ClassVar = re.compile(r"pins\.txt")
    POSSIBLE_NAMES: ClassVar = re.compile(r".*\.pins")
    CUT: ClassVar = True

    comment: str = "#"

    def parse(self, data: bytes, file: str) -> PinList:
        return read(data, file, self.comment)

    def count(self, data: bytes) -> int:
        return len(read(data, "", self.comment).entries)
