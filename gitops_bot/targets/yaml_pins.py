"""Pins in the values of a YAML file: one text that holds all of an image, or a tag and a digest by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.errors import EditError
from gitops_bot.images.reference import DOCKER_HUB, Pin, is_tag, split
from gitops_bot.targets import refusals, scalars
from gitops_bot.targets.changes import Change, edited
from gitops_bot.targets.pairs import Pair
from gitops_bot.targets.pin_file import FileEntry, pinned, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.blocks import Block
    from gitops_bot.targets.changes import Changes
    from gitops_bot.targets.document import Document

#: What a bare digest leaves out.
_BARE = "sha256:"


class Slot(NamedTuple):
    """One value: the mapping that holds it, and its key. `bare`: a digest is written without its `sha256:`."""

    mapping: MappingNode
    key: str
    bare: bool = False

    @property
    def pair(self) -> Pair | None:
        """The key and its value, where the mapping has it."""
        return next((Pair(key, value) for key, value in self.mapping.value if key.value == self.key), None)

    @property
    def text(self) -> str | None:
        """The value, where there is one that is a text."""
        pair = self.pair
        return str(pair.value.value) if pair is not None and isinstance(pair.value, ScalarNode) else None

    @property
    def says_something(self) -> bool:
        """Whether there is a value, neither empty nor null."""
        pair = self.pair
        if pair is None or not isinstance(pair.value, ScalarNode):
            return pair is not None
        return bool(pair.value.value) and (pair.value.style is not None or pair.value.value not in scalars.NULLS)


class Frame(NamedTuple):
    """What of a text stays around an image, or around a tag and a digest where the `repository` is None."""

    before: str
    repository: str | None
    after: str

    def text(self, pin: Pin, new_name: str | None) -> str:
        """The text with a pin."""
        inner = str(pin) if self.repository is None else joined(new_name or self.repository, pin)
        return self.before + inner + self.after


@dataclass(frozen=True, slots=True)
class Place:
    """An entry and where its pin stands: all of it in `reference`, or in `tag` and `digest` by themselves.

    `repository` is where a person's new name goes, where the pin stands apart from it; its host goes to `registry`,
    where there is one. A `digest` whose key is missing is added behind the tag. `block` is the text that holds them.
    `frame` is what stays of the `reference`, where that is not the repository alone.
    """

    entry: FileEntry
    reference: Slot | None = None
    tag: Slot | None = None
    digest: Slot | None = None
    repository: Slot | None = None
    registry: Slot | None = None
    block: Block | None = None
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class YamlPins:
    """A YAML file, and the places of its pins; see `PinFile`."""

    document: Document = field(repr=False, compare=False)
    places: tuple[Place, ...] = ()

    @property
    def file(self) -> str:
        """Its path."""
        return self.document.file

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Its entries, in the order of the file."""
        return tuple(place.entry for place in self.places)

    def edited(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        return edited(self.document, self.changes(wanted))

    def changes(self, wanted: Mapping[int, Assignment]) -> Changes:
        """What these edits change.

        Raises:
            EditError: an entry has no place for what is wanted.
        """
        asked: dict[Block | None, dict[int, Change]] = {}
        for index, assignment in wanted.items():
            place = self.places[index]
            for slot, text in self._texts(place, assignment):
                if text == slot.text or (not text and not slot.says_something):
                    continue
                present = {str(key.value): Pair(key, value) for key, value in slot.mapping.value if _is_text(key)}
                change = asked.setdefault(place.block, {}).setdefault(
                    id(slot.mapping), Change(slot.mapping, present, list(present), {})
                )
                change.fields[slot.key] = text
                if slot.pair is None and isinstance(change.order, list):
                    change.order.insert(change.order.index(self._beside(place, slot)) + 1, slot.key)
        return {block: tuple(changes.values()) for block, changes in asked.items()}

    def mistyped(self, index: int) -> Iterator[Problem]:
        """A tag by itself that is a number, and may become another text where it is used: `1.10` becomes `1.1`."""
        place = self.places[index]
        pair = place.tag.pair if place.tag is not None else None
        if pair is None or not isinstance(pair.value, ScalarNode) or pair.value.style is not None:
            return
        text = str(pair.value.value)
        if (kind := scalars.kind_in_go(text)) and not scalars.is_short_number(text):
            message = f"{pair.key.value}: {text[:100]} is {kind}, and may be printed in another form"
            yield problem(self, place.entry, message, f'Write it in quotes: `{pair.key.value}: "{text[:100]}"`.')

    def _beside(self, place: Place, slot: Slot) -> str:
        """The key behind which a missing one of its mapping goes."""
        for other in (place.tag, place.repository):
            if other is not None and other.mapping is slot.mapping:
                return other.key
        message = f"the entry {place.entry.name!r} has no key {slot.key!r} yet"
        raise EditError(problem(self, place.entry, message, f'Add it by hand: `{slot.key}: ""`.'))

    def _texts(self, place: Place, assignment: Assignment) -> Iterator[tuple[Slot, str]]:
        """The values that change, and their new texts."""
        pin = pinned(place.entry, assignment.pin)
        if place.reference is not None:
            frame = place.frame or Frame("", split(place.reference.text or "")[0], "")
            if frame.repository is None and assignment.new_name is not None:
                message = f"the entry {place.entry.name!r} has no place for a new name"
                raise EditError(problem(self, place.entry, message, "Change the repository by hand."))
            yield place.reference, frame.text(pin, assignment.new_name)
            return
        if assignment.new_name is not None:
            yield from self._renamed(place, assignment.new_name)
        if place.tag is not None and "@" in (place.tag.text or ""):
            yield place.tag, str(pin)
            return
        if pin.digest is not None and (place.digest is None or (place.digest.bare and _BARE not in pin.digest)):
            message = (
                f"the entry {place.entry.name!r} has no place for {'a' if place.digest is None else 'such a'} digest"
            )
            raise EditError(problem(self, place.entry, message, "Give a tag alone, or add a key for the digest."))
        if pin.tag is not None and place.tag is None:
            message = f"the entry {place.entry.name!r} has no place for a tag"
            raise EditError(problem(self, place.entry, message, "Give a digest alone, or add a key for the tag."))
        if place.tag is not None and pin.tag is not None:
            yield place.tag, pin.tag
        if place.digest is not None:
            digest = pin.digest or ""
            yield place.digest, digest.removeprefix(_BARE) if place.digest.bare else digest

    def _renamed(self, place: Place, name: str) -> Iterator[tuple[Slot, str]]:
        if place.repository is None:
            message = f"the entry {place.entry.name!r} has no place for a new name"
            raise EditError(problem(self, place.entry, message, "Change the repository by hand."))
        if place.registry is None:
            yield place.repository, name
            return
        head, slash, rest = name.partition("/")
        has_host = slash != "" and ("." in head or ":" in head or head == "localhost")
        yield place.registry, head if has_host else DOCKER_HUB
        yield place.repository, rest if has_host else name


def joined(repository: str, pin: Pin) -> str:
    """An image reference: `repository:tag@digest`."""
    tag = f":{pin.tag}" if pin.tag is not None else ""
    return f"{repository}{tag}{f'@{pin.digest}' if pin.digest is not None else ''}"


def reference(
    document: Document, name: str, slot: Slot, *, shared: frozenset[int] = frozenset(), refusal: Problem | None = None
) -> Place:
    """The place of an image that stands in one text, refused where it cannot be edited without a doubt.

    `shared` are the nodes that an alias leads to (`refusals.shared`); `refusal` is the target's own reason.
    """
    pair = slot.pair
    if pair is None:
        raise ValueError(f"{slot.key} is not in the mapping")
    repository, tag, digest = split(slot.text or "")
    refusal = refusal or _refusal(document, slot, shared)
    return Place(
        FileEntry(name, None, Pin(tag, digest), *document.place(pair.value), refusal, repository), reference=slot
    )


def apart(document: Document, place: Place, *, shared: frozenset[int]) -> Place:
    """A place whose tag and digest stand by themselves, with its pin, and refused like `reference`."""
    tag, digest = place.tag, place.digest
    first = tag if tag is not None and tag.pair is not None else digest
    if first is None or (pair := first.pair) is None:
        raise ValueError(f"{place.entry.name} has no tag and no digest")
    slots = [slot for slot in (tag, digest) if slot is not None]
    refusal = next(filter(None, (_refusal(document, slot, shared) for slot in slots)), None)
    names = [slot for slot in (place.registry, place.repository) if slot is not None]
    if placeholders := [slot for slot in names if refusals.placeholder(slot.text or "", fits=False)]:
        refusal = refusal or _refusal(document, placeholders[0], shared)
    if any(_refusal(document, slot, shared) for slot in names):
        place = replace(place, registry=None, repository=None)  # it is read, and nothing else
    name, at, behind = ((tag.text if tag is not None else None) or "").partition("@")
    pin = Pin(name or None, behind or None)
    if at and digest is not None and digest.says_something:
        refusal = refusal or document.problem(
            pair.value, f"{first.key} carries a digest beside the one in {digest.key}", "Keep one of them."
        )
    elif digest is not None and (text := digest.text) and digest.says_something:
        pin = replace(pin, digest=_BARE + text if digest.bare else text)
    says: Literal["tag", "digest"] | None = None if at or (tag and digest) else "tag" if tag else "digest"
    line, column = document.place(pair.value)
    return replace(place, entry=replace(place.entry, pin=pin, line=line, column=column, refusal=refusal, says=says))


def _refusal(document: Document, slot: Slot, shared: frozenset[int]) -> Problem | None:
    pair = slot.pair
    if pair is None:
        return None
    field, value = str(pair.key.value), pair.value
    if problem := refusals.unclear(document, field, pair):
        return problem
    if refusals.tagged(document, value):
        return document.problem(value, f"{field} has an explicit YAML tag", "Remove the tag.")
    if id(slot.mapping) in shared or id(value) in shared:
        advice = "Write it out where it is meant to change: an edit here changes every place that uses the alias."
        return document.problem(value, f"{field} is shared by an alias", advice)
    if sum(key.value == field for key, _ in slot.mapping.value) > 1:
        advice = "Keep one of them: most programs take the last, and some refuse the file."
        return document.problem(value, f"{field} stands there twice", advice)
    text = str(value.value)
    if refusals.placeholder(text, fits=is_tag(text)):
        advice = "Pin the image where the template gets its values."
        return document.problem(value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    return None


def _is_text(node: Node) -> bool:
    return isinstance(node, ScalarNode)
