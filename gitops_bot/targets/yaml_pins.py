"""Pins in the values of a YAML file: one text that holds all of an image, or a tag and a digest by themselves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Pin, split
from gitops_bot.targets import document, pairs, proof, refusals, spans
from gitops_bot.targets.pairs import Pair
from gitops_bot.targets.pin_file import Entry, pinned, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pin_file import Edit


class Slot(NamedTuple):
    """One value: the mapping that holds it, and its key."""

    mapping: MappingNode
    key: str

    @property
    def pair(self) -> Pair | None:
        """The key and its value, where the mapping has it."""
        return next((Pair(key, value) for key, value in self.mapping.value if key.value == self.key), None)

    @property
    def text(self) -> str | None:
        """The value, where there is one that is a text."""
        pair = self.pair
        return str(pair.value.value) if pair is not None and isinstance(pair.value, ScalarNode) else None


@dataclass(frozen=True, slots=True)
class Place:
    """An entry and where its pin stands: all of it in `reference`, or in `tag` and `digest` by themselves.

    `repository` is where a person's new name goes, where the pin stands apart from it.
    """

    entry: Entry
    reference: Slot | None = None
    tag: Slot | None = None
    digest: Slot | None = None
    repository: Slot | None = None


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
    def entries(self) -> tuple[Entry, ...]:
        """Its entries, in the order of the file."""
        return tuple(place.entry for place in self.places)

    def edited(self, wanted: Mapping[int, Edit]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        asked: dict[int, pairs.Wanted] = defaultdict(dict)
        mappings: dict[int, MappingNode] = {}
        for index, edit in wanted.items():
            for slot, text in self._changes(self.places[index], edit):
                if text != slot.text:
                    asked[id(slot.mapping)][slot.key] = text
                    mappings[id(slot.mapping)] = slot.mapping
        if not asked:
            return self.document.text.encode()
        splices = [
            splice
            for identity, fields in asked.items()
            for splice in pairs.splices(
                self.document, mappings[identity], _present(mappings[identity]), tuple(fields), fields
            )
        ]
        several = len(self.document.roots) > 1
        after = document.compose(spans.apply(self.document.text, splices), self.file, several=several)
        proof.prove(self.document, after, asked)
        return after.text.encode()

    def mistyped(self, index: int) -> Iterator[Problem]:
        """Nothing: what holds an image holds a text to every program that reads it."""
        del index
        return iter(())

    def _changes(self, place: Place, edit: Edit) -> Iterator[tuple[Slot, str]]:
        """The values that change, and their new texts."""
        pin = pinned(place.entry, edit)
        if place.reference is not None:
            repository, _, _ = split(place.reference.text or "")
            yield place.reference, joined(edit.new_name or repository, pin)
            return
        if edit.new_name is not None:
            if place.repository is None:
                message = f"the entry {place.entry.name!r} has no place for a new name"
                raise EditError(problem(self, place.entry, message, "Change the repository by hand."))
            yield place.repository, edit.new_name
        if pin.digest is not None and place.digest is None:
            message = f"the entry {place.entry.name!r} has no place for a digest"
            raise EditError(problem(self, place.entry, message, "Give a tag alone, or add a key for the digest."))
        if place.tag is not None and pin.tag is not None:
            yield place.tag, pin.tag
        if place.digest is not None:
            yield place.digest, pin.digest or ""


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
    refusal = refusal or _refusal(document, pair, [slot.mapping, pair.value], shared, fits=False)
    mark = pair.value.start_mark
    return Place(
        Entry(name, None, Pin(tag, digest), mark.line + 1, mark.column + 1, refusal, repository), reference=slot
    )


def _refusal(
    document: Document, pair: Pair, nodes: Sequence[Node], shared: frozenset[int], *, fits: bool
) -> Problem | None:
    field = str(pair.key.value)
    if problem := refusals.unclear(document, field, pair):
        return problem
    if refusals.tagged(document, pair.value):
        return document.problem(pair.value, f"{field} has an explicit YAML tag", "Remove the tag.")
    if any(id(node) in shared for node in nodes):
        advice = "Write it out where it is meant to change: an edit here changes every place that uses the alias."
        return document.problem(pair.value, f"{field} is shared by an alias", advice)
    text = str(pair.value.value)
    if refusals.placeholder(text, fits=fits):
        advice = "Pin the image where the template gets its values."
        return document.problem(pair.value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    return None


def _present(mapping: MappingNode) -> dict[str, Pair]:
    return {str(key.value): Pair(key, value) for key, value in mapping.value if isinstance(key, ScalarNode)}
