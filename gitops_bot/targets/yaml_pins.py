"""Pins in the values of a YAML file: one text that holds all of an image, or a tag and a digest by themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin, is_tag, split
from gitops_bot.targets import refusals, scalars
from gitops_bot.targets.nodes import Pair
from gitops_bot.targets.pin_file import FileEntry, problem
from gitops_bot.targets.pin_location import BARE, Place, pin_of, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.blocks import Block
    from gitops_bot.targets.document import Document

#: Entries of one file that are read. Each may have a refusal of its own: a hostile file must not make endless ones.
ENTRY_LIMIT: Final = 10_000


class Slot(NamedTuple):
    """One value: the mapping that holds it, and its key. `optional`: the key goes where it has nothing to say."""

    mapping: MappingNode
    key: str
    bare: bool = False
    optional: bool = False

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


@dataclass(frozen=True, slots=True)
class YamlPins:
    """A YAML file, and the places of its pins; see `PinFile`."""

    document: Document = field(repr=False, compare=False)
    places: tuple[Place[Slot], ...] = field(default=(), repr=False)

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
        from gitops_bot.targets.changes import Change, edited

        asked: dict[Block | None, dict[int, Change]] = {}
        for index, assignment in wanted.items():
            place = self.places[index]
            for slot, text in texts(self, place, assignment):
                if text == (slot.text if slot.says_something else ""):
                    continue
                change = asked.setdefault(place.block, {}).setdefault(id(slot.mapping), Change(slot.mapping))
                change.texts[slot.key] = None if slot.optional and not text else text
                if slot.pair is None:
                    change.behind[slot.key] = self._behind(place, slot)
        return edited(self.document, {block: tuple(inside.values()) for block, inside in asked.items()})

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

    def _behind(self, place: Place[Slot], slot: Slot) -> str:
        """The key behind which a missing one of the same mapping goes."""
        slots = (place.name, place.registry, place.repository, place.tag, place.digest)
        for other in reversed(slots[: slots.index(slot)]):
            if other is not None and other.pair is not None and other.mapping is slot.mapping:
                return other.key
        message = f"the entry {place.entry.name!r} has no key {slot.key!r} yet"
        raise EditError(problem(self, place.entry, message, f'Add it by hand: `{slot.key}: ""`.'))


def reference(
    document: Document, name: str, slot: Slot, *, shared: frozenset[int] = frozenset(), refusal: Problem | None = None
) -> Place[Slot]:
    """The place of an image that stands in one text, refused where it cannot be edited without a doubt.

    `shared` are the nodes that an alias leads to (`nodes.shared`); `refusal` is the target's own reason.
    """
    pair = slot.pair
    if pair is None:
        raise ValueError(f"{slot.key} is not in the mapping")
    repository, tag, digest = split(slot.text or "")
    refusal = refusal or _refusal(document, slot, shared)
    return Place(
        FileEntry(name, None, Pin(tag, digest), *document.place(pair.value), refusal, repository), reference=slot
    )


def apart(document: Document, place: Place[Slot], *, shared: frozenset[int]) -> Place[Slot]:
    """A place whose tag and digest stand by themselves, with its pin, and refused like `reference`."""
    tag, digest = place.tag, place.digest
    first = tag if tag is not None and tag.pair is not None else digest
    if first is None or (pair := first.pair) is None:
        raise ValueError(f"{place.entry.name} has no tag and no digest")
    refusal = _refusal(document, tag, shared) or _refusal(document, digest, shared)
    names = [slot for slot in (place.registry, place.repository) if slot is not None]
    if placeholders := [slot for slot in names if refusals.placeholder(slot.text or "", fits=False)]:
        refusal = refusal or _refusal(document, placeholders[0], shared)
    if any(_refusal(document, slot, shared) for slot in names):
        place = replace(place, registry=None, repository=None)  # it is read, and nothing else
    tag_text = None if tag is None else tag.text or ""
    digest_text = None if digest is None else digest.text or "" if digest.says_something else ""
    if tag_text and "@" in tag_text and digest is not None and digest_text:
        message = f"{first.key} carries a digest beside the one in {digest.key}"
        refusal = refusal or document.problem(pair.value, message, "Keep one of them.")
    bare = digest is not None and digest.bare and digest_text
    pin, says = pin_of(tag_text, f"{BARE}{digest_text}" if bare else digest_text)
    line, column = document.place(pair.value)
    return place.with_entry(pin=pin, line=line, column=column, refusal=refusal, says=says)


def numbered(file: str, places: Iterable[Place[Slot]]) -> Iterator[Place[Slot]]:
    """The places, each with a name of its own: `web`, `web#2`.

    Raises:
        EditError: there are over 10,000 of them.
    """
    counts: Counter[str] = Counter()
    for index, place in enumerate(places):
        entry = place.entry
        if index == ENTRY_LIMIT:
            message = f"the file has more than {ENTRY_LIMIT:,} images"
            raise EditError(Problem("failed.edit", message, "Split the file.", file, entry.line, entry.column))
        counts[entry.name] += 1
        number = counts[entry.name]
        yield place if number == 1 else place.with_entry(name=f"{entry.name}#{number}")


def _refusal(document: Document, slot: Slot | None, shared: frozenset[int]) -> Problem | None:
    if slot is None or slot.pair is None:
        return None
    advice = "Pin the image where the template gets its values."
    return refusals.unsafe(document, slot.mapping, slot.pair, shared, is_tag, advice)
