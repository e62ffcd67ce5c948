"""Reads and edits files of `KEY=value` lines: images, or tags and digests, in values."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin, is_digest, is_reference, is_tag, split
from gitops_bot.targets import refusals
from gitops_bot.targets.compose import interpolation
from gitops_bot.targets.env import images, proof, statements
from gitops_bot.targets.pin_file import DIGEST_ADVICE, TAG_ADVICE, FileEntry
from gitops_bot.targets.pin_location import Place, pin_of, spliced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.env.images import EnvImage
    from gitops_bot.targets.env.statements import Statement

#: What a line with an image looks like; a file without one need not be read.
_IMAGE: Final = re.compile(rb"IMAGE[ \t]*=")


@dataclass(frozen=True, slots=True)
class EnvPins:
    """A `.env` file; see `PinFile`. The text may hold secrets."""

    file: str
    text: str = field(repr=False, compare=False)
    places: tuple[Place[Statement], ...] = field(default=(), repr=False)

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Its entries, in the order of the file."""
        return tuple(place.entry for place in self.places)

    def edited(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        after, changed = spliced(self, self.text, self.places, wanted)
        if changed:
            proof.prove(self.text, after, {statement.key: text for statement, text in changed.items()}, self.file)
        return after.encode()

    def mistyped(self, index: int) -> Iterator[Problem]:
        """Nothing: every value is a text."""
        del index
        return iter(())


def read(data: bytes, file: str, named: Sequence[EnvImage]) -> EnvPins:
    """Read the pins of a file: those of its images, of which the first that names a key has it, and of its keys.

    `named` are the images whose keys are given.

    Raises:
        EditError: the file as a whole cannot be edited; see `statements.read`.
    """
    text, read_statements = statements.read(data, file)
    by_key: defaultdict[str, list[Statement]] = defaultdict(list)
    for statement in read_statements:
        by_key[statement.key].append(statement)
    values = {statement.key: statement.text for statement in read_statements}
    places: dict[str, Place[Statement]] = {}
    taken: set[str] = set()
    for image in (*named, *images.inferred(read_statements)):
        keys = [key for key in image.keys if key in by_key]
        empty = image.or_default and not all(values[key] for key in keys)
        if keys and not empty and taken.isdisjoint(keys) and image.name not in places:
            taken.update(keys)
            places[image.name] = _place(image, by_key, values, file)
    return EnvPins(file, text, tuple(sorted(places.values(), key=lambda place: place.entry.line)))


def count(data: bytes, named: Sequence[EnvImage]) -> int:
    """How many images it has."""
    if not _IMAGE.search(data) and not any(key.encode() in data for image in named for key in image.keys):
        return 0
    try:
        return len(read(data, "", named).entries)
    except EditError:
        return 0


def _place(
    image: EnvImage, by_key: Mapping[str, Sequence[Statement]], values: Mapping[str, str], file: str
) -> Place[Statement]:
    whole, tag, digest = (by_key[key][-1] if key in by_key else None for key in (image.image, image.tag, image.digest))
    first = next(statement for statement in (whole, tag, digest) if statement is not None)
    if whole is not None:
        repository, *parts = split(whole.text)
        pin, says = Pin(*parts), None
    else:
        repository = interpolation.substituted(image.repository, values) or ""
        pin, says = pin_of(tag.text if tag is not None else None, digest.text if digest is not None else None)
    refusal = next((_repeated(by_key[key], file) for key in image.keys if len(by_key.get(key, ())) > 1), None)
    why = _unreadable(whole, tag, digest) or _ambiguous(image, first)
    if refusal is None and why is not None:
        refusal = Problem("failed.edit", *why, file, first.line, first.column)
    entry = FileEntry(image.name, None, pin, first.line, first.column, refusal, repository, says)
    return Place(entry, whole, tag=tag, digest=digest, digest_stays=digest is not None and pin.digest is not None)


def _repeated(given: Sequence[Statement], file: str) -> Problem:
    lines = ", ".join(str(statement.line) for statement in given[:10])
    message = f"{given[0].key[:100]} is given {len(given)} times (lines {lines}), and the last one counts"
    return Problem("failed.edit", message, "Keep one of them.", file, given[-1].line, given[-1].column)


def _ambiguous(image: EnvImage, first: Statement) -> tuple[str, str] | None:
    if not image.others:
        return None
    listed = ", ".join((image.repository or first.key, *image.others)[:5])
    message = f"{first.key[:100]} is a part of {len(image.others) + 1} images: {listed}"
    return message[:400], "Give each of them a variable of its own: one value can hold one pin."


def _unreadable(whole: Statement | None, tag: Statement | None, digest: Statement | None) -> tuple[str, str] | None:
    """Why the values are no image, or no tag and digest; they are not told, since they may be anything."""
    for statement in (whole, tag, digest):
        if statement is not None and refusals.placeholder(statement.text, fits=is_tag(statement.text)):
            return f"{statement.key[:100]} is put together from other variables", "Write its value out."
    if whole is not None and whole.text and not is_reference(whole.text):
        return f"{whole.key[:100]} is no image", "Write it as in ghcr.io/acme/web:v1.2.3."
    if tag is not None and tag.text:
        name, joint, behind = tag.text.partition("@")
        if not is_tag(name) or (joint and not is_digest(behind)):
            return f"{tag.key[:100]} is no tag", TAG_ADVICE
        if joint and digest is not None:
            return f"{tag.key[:100]} has a digest beside the one in {digest.key[:100]}", "Keep one of them."
    if digest is not None and digest.text and not is_digest(digest.text):
        return f"{digest.key[:100]} is no digest", DIGEST_ADVICE
    return None
