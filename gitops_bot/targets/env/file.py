"""A `.env` file and the places of its pins: read from bytes, edited to bytes, and never anything else touched."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import ImageName, Pin, is_digest, is_tag, split
from gitops_bot.targets import refusals, spans
from gitops_bot.targets.compose import interpolation
from gitops_bot.targets.env import images, proof, statements
from gitops_bot.targets.pin_file import FileEntry, pinned, problem
from gitops_bot.targets.spans import Splice
from gitops_bot.targets.yaml_pins import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.env.images import EnvImage
    from gitops_bot.targets.env.statements import Statement


@dataclass(frozen=True, slots=True)
class Place:
    """An entry and the statements that hold its pin."""

    entry: FileEntry
    image: Statement | None = None
    tag: Statement | None = None
    digest: Statement | None = None


@dataclass(frozen=True, slots=True)
class EnvPins:
    """A `.env` file; see `PinFile`. The text may hold secrets."""

    file: str
    text: str = field(repr=False, compare=False)
    places: tuple[Place, ...] = field(default=(), repr=False)

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Its entries, in the order of the file."""
        return tuple(place.entry for place in self.places)

    def edited(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        texts = {
            statement: text
            for index, assignment in wanted.items()
            for statement, text in self._changes(self.places[index], assignment)
            if text != statement.value
        }
        after = spans.apply(self.text, (Splice(one.start, one.end, text) for one, text in texts.items()))
        if texts:
            proof.prove(self.text, after, {one.key: text for one, text in texts.items()}, self.file)
        return after.encode()

    def mistyped(self, index: int) -> Iterator[Problem]:
        """Nothing: every value is a text."""
        del index
        return iter(())

    def _changes(self, place: Place, assignment: Assignment) -> Iterator[tuple[Statement, str]]:
        pin, name = pinned(place.entry, assignment.pin), place.entry.name
        if place.image is not None:
            yield place.image, joined(assignment.new_name or split(place.image.value)[0], pin)
            return
        if assignment.new_name is not None:
            message = f"the entry {name!r} has no place for a new name"
            raise EditError(problem(self, place.entry, message, "Change the repository where it is written."))
        if place.tag is not None and "@" in place.tag.value:
            yield place.tag, str(pin)
            return
        if pin.digest is not None and place.digest is None:
            message = f"the entry {name!r} has no place for a digest"
            advice = "Give a tag alone, or add a key for the digest, as in `image: web:${WEB_TAG}@${WEB_DIGEST}`."
            raise EditError(problem(self, place.entry, message, advice))
        if pin.digest is None and place.entry.pin.digest is not None:
            message = f"{name} has a digest, which an image without one would leave empty"
            raise EditError(problem(self, place.entry, message, "Give a tag with its digest."))
        if pin.tag is not None and place.tag is not None:
            yield place.tag, pin.tag
        if pin.digest is not None and place.digest is not None:
            yield place.digest, pin.digest


def read(data: bytes, file: str, known: Sequence[EnvImage]) -> EnvPins:
    """Read the pins of a file: the `known` ones, of which the first that names a key has it, and what its keys tell.

    Raises:
        EditError: the file as a whole cannot be edited; see `statements`.
    """
    text = statements.decode(data, file)
    found = statements.read(text, file)
    by_key: defaultdict[str, list[Statement]] = defaultdict(list)
    for statement in found:
        by_key[statement.key].append(statement)
    values = {statement.key: statement.value for statement in found}
    places: dict[str, Place] = {}
    taken: set[str] = set()
    for image in (*known, *images.inferred(found)):
        keys = [key for key in image.keys if key in by_key]
        empty = image.or_default and not all(values[key] for key in keys)
        if keys and not empty and taken.isdisjoint(keys) and image.name not in places:
            taken.update(keys)
            places[image.name] = _place(image, by_key, values, file)
    return EnvPins(file, text, tuple(sorted(places.values(), key=lambda place: place.entry.line)))


def _place(image: EnvImage, by_key: Mapping[str, Sequence[Statement]], values: Mapping[str, str], file: str) -> Place:
    whole, tag, digest = (by_key[key][-1] if key in by_key else None for key in (image.image, image.tag, image.digest))
    at = [one for one in (whole, tag, digest) if one is not None]
    refusal = next(filter(None, (_repeated(by_key[one.key], file) for one in at)), None)
    if whole is not None:
        repository, *parts = split(whole.value)
        pin, says = Pin(*parts), None
    else:
        repository = interpolation.substituted(image.repository, values) or ""
        name, joint, behind = (tag.value if tag is not None else "").partition("@")
        pin = Pin(name or None, behind or (digest.value or None if digest is not None else None))
        says = _says(tag, digest, joint=bool(joint))
    first = at[0]
    why = _unreadable(whole, tag, digest) or _ambiguous(image, first)
    if refusal is None and why is not None:
        refusal = Problem("failed.edit", *why, file, first.line, first.column)
    return Place(
        FileEntry(image.name, None, pin, first.line, first.column, refusal, repository, says), whole, tag, digest
    )


def _says(tag: Statement | None, digest: Statement | None, *, joint: bool) -> Literal["tag", "digest"] | None:
    if joint or (tag is not None and digest is not None):
        return None
    return "tag" if tag is not None else "digest"


def _repeated(given: Sequence[Statement], file: str) -> Problem | None:
    if len(given) == 1:
        return None
    lines = ", ".join(str(one.line) for one in given[:10])
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
    for one in (whole, tag, digest):
        if one is not None and refusals.placeholder(one.value, fits=is_tag(one.value)):
            return f"{one.key[:100]} is put together from other variables", "Write its value out."
    if whole is not None and whole.value and not _is_image(whole.value):
        return f"{whole.key[:100]} is no image", "Write it as in ghcr.io/acme/web:v1.2.3."
    if tag is not None and tag.value:
        name, at, behind = tag.value.partition("@")
        if not is_tag(name) or (at and not is_digest(behind)):
            return f"{tag.key[:100]} is no tag", "A tag has letters, digits, `_`, `.` and `-`, at most 128 of them."
        if at and digest is not None:
            return f"{tag.key[:100]} has a digest beside the one in {digest.key[:100]}", "Keep one of them."
    if digest is not None and digest.value and not is_digest(digest.value):
        return f"{digest.key[:100]} is no digest", "A digest is `sha256:` and 64 lower-case hexadecimal digits."
    return None


def _is_image(text: str) -> bool:
    repository, tag, digest = split(text)
    if ImageName.of(repository) is None:
        return False
    return (tag is None or is_tag(tag)) and (digest is None or is_digest(digest))
