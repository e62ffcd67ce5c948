"""A text in which each expression matches once, and its groups `tag` and `digest` are the pin."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.errors import EditError, Problem
from gitops_bot.images import expression
from gitops_bot.images.reference import Pin, is_digest, is_tag
from gitops_bot.targets.document import SIZE_LIMIT
from gitops_bot.targets.pin_file import FileEntry, pinned, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment

GROUPS: Final = ("tag", "digest")
_BARE: Final = "sha256:"
#: Matches that are looked for, and places of them that are shown.
_MOST: Final = 10
_ONCE: Final = "Change the pattern so that it matches once: with more of the text around the pin, for example."

#: Where a group stands in the bytes of the file, by its name.
Spans = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """An image, and the expression of RE2 that finds its pin."""

    repository: str
    expression: str


@dataclass(frozen=True, slots=True)
class PatternFile:
    """A file that was read; see `PinFile`."""

    file: str
    entries: tuple[FileEntry, ...]
    patterns: tuple[tuple[str, ImagePattern], ...]
    data: bytes = field(repr=False, compare=False)
    #: The groups of each entry; none where the entry is refused.
    spans: tuple[Spans, ...] = field(repr=False, compare=False)

    def edited(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        texts = {
            (index, group): text
            for index, assignment in wanted.items()
            for group, text in self._texts(index, assignment).items()
            if text != self._text(index, group)
        }
        after = self.data
        for index, group in sorted(texts, key=lambda place: self.spans[place[0]][place[1]], reverse=True):
            start, end = self.spans[index][group]
            after = after[:start] + texts[index, group].encode() + after[end:]
        _prove(self, read(after, self.file, self.patterns), texts)
        return after

    def mistyped(self, index: int) -> Iterator[Problem]:
        """Nothing: a text has no types."""
        del index
        return iter(())

    def _texts(self, index: int, assignment: Assignment) -> dict[str, str]:
        """What the groups of an entry shall match."""
        entry, groups = self.entries[index], self.spans[index]
        pin = pinned(entry, assignment.pin)
        if assignment.new_name is not None:
            message = f"the repository of {entry.name!r} stands in gitops-bot.yaml"
            raise EditError(problem(self, entry, message, "Change it there, and by hand in the file."))
        if pin.digest is None and "digest" in groups:
            message = f"the pattern of {entry.name!r} needs a digest"
            raise EditError(problem(self, entry, message, "Give it too, as in v1.4.2@sha256:..."))
        if pin.digest is not None and "digest" not in groups:
            message = f"the pattern of {entry.name!r} has no group for a digest"
            raise EditError(problem(self, entry, message, "Give a tag alone, or add (?P<digest>...) to the pattern."))
        texts = {"tag": pin.tag or "", "digest": pin.digest or ""}
        if "digest" in groups and not self._text(index, "digest").startswith(_BARE):
            texts["digest"] = texts["digest"].removeprefix(_BARE)
        return {group: texts[group] for group in groups}

    def _text(self, index: int, group: str) -> str:
        start, end = self.spans[index][group]
        return self.data[start:end].decode()

    def around(self, places: Sequence[tuple[int, str]]) -> list[bytes]:
        """The bytes between these groups."""
        spans = sorted(self.spans[index].get(group, (0, 0)) for index, group in places)
        starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(self.data)]
        return [self.data[start:end] for start, end in zip(starts, ends, strict=True)]


def read(data: bytes, file: str, patterns: tuple[tuple[str, ImagePattern], ...]) -> PatternFile:
    """Find each pattern's match. What is wrong with one is in the `refusal` of its entry.

    Raises:
        EditError: the file is over 1 MiB, or not UTF-8.
    """
    if len(data) > SIZE_LIMIT:
        raise EditError(Problem("failed.edit", f"the file is larger than 1 MiB ({len(data)} bytes)", "Split it.", file))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise EditError(Problem("failed.edit", "the file is not UTF-8", "Save it as UTF-8.", file)) from error
    read = [_entry(data, file, name, pattern) for name, pattern in patterns]
    taken: list[tuple[int, int]] = []
    for at, (entry, spans) in enumerate(read):
        if any(start < other_end and other < end for start, end in spans.values() for other, other_end in taken):
            message = f"the pattern of {entry.name!r} matches what another pattern matches"
            wrong = Problem("failed.edit", message, "Keep one of them.", file, entry.line, entry.column)
            read[at] = FileEntry(entry.name, None, Pin(None, None), entry.line, 1, wrong, entry.repository), {}
        taken += spans.values()
    return PatternFile(file, tuple(entry for entry, _ in read), patterns, data, tuple(spans for _, spans in read))


def _entry(data: bytes, file: str, name: str, pattern: ImagePattern) -> tuple[FileEntry, Spans]:
    matches = list(islice(expression.matches(pattern.expression, data), _MOST + 1))
    line, column = _place(data, min(matches[0].values())[0] if matches and matches[0] else 0)
    nothing = Pin(None, None)

    def refused(message: str, advice: str) -> tuple[FileEntry, Spans]:
        refusal = Problem("failed.edit", f"the pattern of {name!r} {message}", advice, file, line, column)
        return FileEntry(name, None, nothing, line, column, refusal, pattern.repository), {}

    if not matches:
        return refused("matches nothing", "Correct the pattern, or the file.")
    if len(matches) > 1:
        many = f"over {_MOST}" if len(matches) > _MOST else str(len(matches))
        lines = ", ".join(str(_place(data, min(spans.values())[0])[0]) for spans in matches[:_MOST] if spans)
        return refused(f"matches {many} times (lines {lines})", _ONCE)
    spans = matches[0]
    texts = {group: data[start:end].decode(errors="replace") for group, (start, end) in spans.items()}
    tag, digest = texts.get("tag"), texts.get("digest")
    if tag is None and digest is None:
        return refused("matches without its groups", "Let one of them match wherever the pattern does.")
    if tag is not None and not is_tag(tag):
        return refused(f"finds {tag[:100]!r}, which is not a tag", "Correct the group `tag`.")
    whole = digest if digest is None or digest.startswith(_BARE) else _BARE + digest
    if whole is not None and not is_digest(whole):
        return refused(f"finds {(digest or '')[:100]!r}, which is not a digest", "Correct the group `digest`.")
    says: Literal["tag", "digest"] | None = None if tag and digest else "tag" if tag else "digest"
    return FileEntry(name, None, Pin(tag, whole), line, column, None, pattern.repository, says), spans


def _prove(before: PatternFile, after: PatternFile, asked: Mapping[tuple[int, str], str]) -> None:
    """Every expression matches again, what was asked and what was there, and around it nothing differs."""
    same = [spans.keys() for spans in before.spans] == [spans.keys() for spans in after.spans]
    if same and before.around(tuple(asked)) == after.around(tuple(asked)):
        places = [(index, group) for index, spans in enumerate(before.spans) for group in spans]
        wanted = [asked[place] if place in asked else before._text(*place) for place in places]  # noqa: SLF001
        if wanted == [after._text(*place) for place in places]:  # noqa: SLF001
            return
    message = "the edit was not made, because the patterns would not match the result as they match now"
    raise EditError(Problem("failed.edit", message, "Let the groups match any tag or digest.", before.file))


def _place(data: bytes, at: int) -> tuple[int, int]:
    """Line and column of a byte, from 1."""
    start = data.rfind(b"\n", 0, at) + 1
    return data.count(b"\n", 0, at) + 1, len(data[start:at].decode(errors="replace")) + 1
