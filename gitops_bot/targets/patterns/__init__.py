"""Files that no other target knows: an expression for each image, whose groups `tag` and `digest` are the pin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

from gitops_bot.errors import EditError, Problem
from gitops_bot.images import expression
from gitops_bot.images.reference import Pin, is_digest, is_tag
from gitops_bot.targets import document
from gitops_bot.targets.pin_file import BARE, FileEntry, Place, Span, Target, TextPins, pin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.images.reference import Assignment

GROUPS: Final = ("tag", "digest")
#: Matches that are looked for, and places of them that are shown.
_MOST: Final = 10
_ONCE: Final = "Change the pattern so that it matches once: with more of the text around the pin, for example."


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """An image, and the expression of RE2 that finds its pin."""

    repository: str
    expression: str


@dataclass(frozen=True, slots=True)
class PatternTarget(Target):
    """Any text, with an expression for each image in it, by name; see `Target`. Only a setting tells of such a file."""

    NOUN: ClassVar = "file with patterns"

    patterns: tuple[tuple[str, ImagePattern], ...]

    def parse(self, data: bytes, file: str) -> PatternFile:
        """Find each pattern's match. What is wrong with one is in the `refusal` of its entry.

        Raises:
            EditError: the file is over 1 MiB, or not UTF-8.
        """
        text = document.decode(data, file)
        places: list[Place[Span]] = []
        taken: list[Span] = []
        for name, pattern in self.patterns:
            place = _place(text, data, file, name, pattern)
            groups = [group for group in (place.tag, place.digest) if group is not None]
            if any(group.start < other.end and other.start < group.end for group in groups for other in taken):
                place = _refuse(place.entry, "matches what another pattern matches", "Keep one of them.", file)
            places.append(place)
            taken += groups
        return PatternFile(file, tuple(place.entry for place in places), tuple(places), text, self)

    def count(self, data: bytes) -> int:
        """One entry for each expression, whatever it matches."""
        del data
        return len(self.patterns)


@dataclass(frozen=True, slots=True)
class PatternFile(TextPins):
    """A file that was read; see `PinFile`."""

    target: PatternTarget

    @property
    def groups(self) -> dict[tuple[str, str], Span]:
        """What the groups of each pattern matched, by its name and theirs."""
        return {
            (place.entry.name, name): group
            for place in self.places
            for name, group in zip(GROUPS, (place.tag, place.digest), strict=True)
            if group is not None
        }

    def around(self, keys: Iterable[tuple[str, str]]) -> list[str]:
        """The text between these groups."""
        groups = sorted(self.groups[key] for key in keys)
        starts, ends = [0, *(group.end for group in groups)], [*(group.start for group in groups), len(self.text)]
        return [self.text[start:end] for start, end in zip(starts, ends, strict=True)]

    def with_pins(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`.

        Every pattern has to match again, what was asked and what was there, and around it nothing may differ.
        """
        after, changed = self.spliced(wanted)
        again = self.target.parse(after.encode(), self.file)
        asked = [key for key, group in self.groups.items() if group in changed]
        expected = {key: changed.get(group, group.text) for key, group in self.groups.items()}
        if expected != {key: group.text for key, group in again.groups.items()} or (
            self.around(asked) != again.around(asked)
        ):
            message = "the edit was not made, because the patterns would not match the result as they match now"
            raise EditError(Problem("failed.edit", message, "Let the groups match any tag or digest.", self.file))
        return after.encode()


def _place(text: str, data: bytes, file: str, name: str, pattern: ImagePattern) -> Place[Span]:
    matches = [
        {group: tuple(len(data[:at].decode(errors="replace")) for at in span) for group, span in match.items()}
        for match in islice(expression.matches(pattern.expression, data), _MOST + 1)
    ]
    lines = [text.count("\n", 0, min(spans.values())[0]) + 1 for spans in matches if spans]
    at = min(matches[0].values())[0] if matches and matches[0] else 0
    column = at - text.rfind("\n", 0, at)
    nothing = FileEntry(name, None, Pin(), lines[0] if lines and matches[0] else 1, column, None, pattern.repository)
    if not matches:
        return _refuse(nothing, "matches nothing", "Correct the pattern, or the file.", file)
    if len(matches) > 1:
        many = f"over {_MOST}" if len(matches) > _MOST else str(len(matches))
        shown = ", ".join(map(str, lines[:_MOST]))
        return _refuse(nothing, f"matches {many} times (lines {shown})", _ONCE, file)
    groups = {group: Span(start, text[start:end]) for group, (start, end) in matches[0].items()}
    tag, digest = groups.get("tag"), groups.get("digest")
    if tag is None and digest is None:
        return _refuse(nothing, "matches without its groups", "Let one of them match wherever the pattern does.", file)
    if tag is not None and not is_tag(tag.text):
        return _refuse(nothing, f"finds {tag.text[:100]!r}, which is not a tag", "Correct the group `tag`.", file)
    if digest is not None and not digest.text.startswith(BARE):
        digest = digest._replace(bare=True)
    whole = None if digest is None else BARE + digest.text if digest.bare else digest.text
    if digest is not None and not is_digest(whole or ""):
        message = f"finds {digest.text[:100]!r}, which is not a digest"
        return _refuse(nothing, message, "Correct the group `digest`.", file)
    pin, says = pin_of(tag.text if tag is not None else None, whole)
    entry = replace(nothing, pin=pin, says=says)
    return Place(entry, tag=tag, digest=digest, digest_stays=digest is not None)


def _refuse(entry: FileEntry, message: str, advice: str, file: str) -> Place[Span]:
    why = f"the pattern of {entry.name!r} {message}"
    refusal = Problem("failed.edit", why, advice, file, entry.line, entry.column)
    return Place(replace(entry, pin=Pin(), says=None, refusal=refusal))
