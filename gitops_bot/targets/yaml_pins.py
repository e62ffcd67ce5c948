"""Pins in the values of a YAML file: one text that holds all of an image, or a tag and a digest by themselves.

And the reasons not to edit such a value, the same for every target.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin, is_pinned, is_reference, is_tag, split
from gitops_bot.targets import packed, writing
from gitops_bot.targets.changes import MappingEdit, apply_changes
from gitops_bot.targets.document import Block, Document
from gitops_bot.targets.nodes import KeyAndValue
from gitops_bot.targets.pin_file import BARE, FileEntry, Frame, PinFile, Place, pin_of, problem, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.images.reference import Assignment

#: Entries of one file that are read. Each may have a refusal of its own: a hostile file must not make endless ones.
ENTRY_LIMIT: Final = 10_000

#: What only a template holds: ${X} $X $(X) {{ x }} {% x %} <% x %> <X> %X% @X@ #{X}. None of it fits into a tag, a
#: digest or a repository name; `name` may be a regular expression, in which `$` stands last and `{` and `(` alone.
_PLACEHOLDER = re.compile(
    r"\$\{ | \$\( | \$[A-Za-z_] | \{\{ | \{% | <% | \#\{ | <[A-Za-z_][\w .:/-]*> | %[A-Za-z_]\w*% | @[A-Za-z_]\w*@",
    re.VERBOSE,
)
#: __X__ is a placeholder only where it is not a good value of its field: `__X__` is a tag like any other.
_UNDERSCORED = re.compile(r"__[A-Za-z]\w*__")


class Slot(NamedTuple):
    """One value: the mapping that holds it, and its key. `optional`: the key goes where it has nothing to say."""

    mapping: MappingNode
    key: str
    bare: bool = False
    optional: bool = False

    @property
    def pair(self) -> KeyAndValue | None:
        """The key and its value, where the mapping has it."""
        return next((KeyAndValue(key, value) for key, value in self.mapping.value if key.value == self.key), None)

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
        return bool(pair.value.value) and (pair.value.style is not None or pair.value.value not in writing.NULLS)


@dataclass(frozen=True, slots=True)
class YamlPins(PinFile):
    """A YAML file; see `PinFile`. `composed` are its nodes and the places of its pins among them, packed."""

    data: bytes = field(repr=False, compare=False)
    composed: str = field(repr=False, compare=False)

    @classmethod
    def of(cls, data: bytes, document: Document, places: Sequence[Place[Slot]], **fields: Any) -> Self:
        """The file with these bytes, as it was composed, and with these places."""
        entries = tuple(place.entry for place in places)
        return cls(document.file, entries, data, _pack(document, places) if entries else "", **fields)

    def with_pins(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        document, places = self.unpack()
        asked: dict[Block | None, dict[int, MappingEdit]] = {}
        for index, assignment in wanted.items():
            place = places[index]
            for slot, text in texts(self, place, assignment):
                if text == (slot.text if slot.says_something else ""):
                    continue
                change = asked.setdefault(place.block, {}).setdefault(id(slot.mapping), MappingEdit(slot.mapping))
                change.texts[slot.key] = None if slot.optional and not text else text
                if slot.pair is None:
                    change.behind[slot.key] = self._behind(place, slot)
        return apply_changes(document, {block: tuple(inside.values()) for block, inside in asked.items()})

    def type_mistakes(self) -> Iterator[tuple[int, Problem]]:
        """A tag by itself that is a number, and may become another text where it is used: `1.10` becomes `1.1`."""
        for index, place in enumerate(self.unpack()[1]):
            pair = place.tag.pair if place.tag is not None else None
            if pair is None or not isinstance(pair.value, ScalarNode) or pair.value.style is not None:
                continue
            text = str(pair.value.value)
            if (kind := writing.kind_in_go(text)) and not writing.SHORT_NUMBER.fullmatch(text):
                message = f"{pair.key.value}: {text[:100]} is {kind}, and may be printed in another form"
                advice = f'Write it in quotes: `{pair.key.value}: "{text[:100]}"`.'
                yield index, problem(self, place.entry, message, advice)

    def unpack(self) -> tuple[Document, list[Place[Slot]]]:
        """The document as it was composed, and the place of each entry."""
        if not self.composed:
            return Document(self.file, self.data.decode(), ()), []
        tables, packed_blocks, packed_places = json.loads(self.composed)
        whole = self.data.decode()
        roots, outside = packed.unpack(tables[0], whole)
        blocks: list[Block] = []
        inside: list[list[Node]] = []
        for table, (number, text, origin, around, *rest) in zip(tables[1:], packed_blocks, strict=True):
            inner_roots, nodes = packed.unpack(table, text)
            inner = Document(self.file, text, inner_roots, tuple(origin), around)
            blocks.append(Block(cast("ScalarNode", outside[number]), inner, *rest))
            inside.append(nodes)
        places: list[Place[Slot]] = []
        for entry, (block, slots, frame, digest_stays) in zip(self.entries, packed_places, strict=True):
            nodes = outside if block is None else inside[block]
            reference, name, registry, repository, tag, digest = (
                slot and Slot(cast("MappingNode", nodes[slot[0]]), *slot[1:]) for slot in slots
            )
            stays = frame and Frame(*frame)
            around = None if block is None else blocks[block]
            places.append(Place(entry, reference, name, registry, repository, tag, digest, stays, digest_stays, around))
        return Document(self.file, whole, roots), places

    def _behind(self, place: Place[Slot], slot: Slot) -> str:
        """The key behind which a missing one of the same mapping goes."""
        slots = (place.name, place.registry, place.repository, place.tag, place.digest)
        for other in reversed(slots[: slots.index(slot)]):
            if other is not None and other.pair is not None and other.mapping is slot.mapping:
                return other.key
        message = f"the entry {place.entry.name!r} has no key {slot.key!r} yet"
        raise EditError(problem(self, place.entry, message, f'Add it by hand: `{slot.key}: ""`.'))


def _pack(document: Document, places: Sequence[Place[Slot]]) -> str:
    """The nodes of the document and of the texts inside of it, and the places; as `YamlPins.unpack` takes them."""
    table, outside = packed.pack(document.roots)
    tables: list[Any] = [table]
    packed_blocks: list[Any] = []
    packed_places: list[Any] = []
    known: dict[int, tuple[int, dict[int, int]]] = {}
    for place in places:
        number, numbers = None, outside
        if (block := place.block) is not None:
            if id(block) not in known:
                table, numbers = packed.pack(block.document.roots)
                known[id(block)] = len(packed_blocks), numbers
                tables.append(table)
                inner = block.document
                packed_blocks.append((
                    outside[id(block.node)], inner.text, inner.origin, inner.around,
                    block.chomping, block.indent, block.blanks, block.lines, block.places,
                ))  # fmt: skip
            number, numbers = known[id(block)]
        slots = (place.reference, place.name, place.registry, place.repository, place.tag, place.digest)
        # A text that cannot be edited has nodes of its own, and a refusal for each entry.
        found = [
            (numbers[id(slot.mapping)], *slot[1:]) if slot is not None and id(slot.mapping) in numbers else None
            for slot in slots
        ]
        packed_places.append((number, found, place.frame, place.digest_stays))
    return json.dumps((tables, packed_blocks, packed_places), separators=(",", ":"))


def reference(
    document: Document, name: str, slot: Slot, *, aliases: bool = False, refusal: Problem | None = None
) -> Place[Slot]:
    """The place of an image that stands in one text, refused where it cannot be edited without a doubt.

    `aliases`: the target itself tells who shares the value. `refusal` is the target's own reason.
    """
    pair = slot.pair
    if pair is None:
        raise ValueError(f"{slot.key} is not in the mapping")
    repository, tag, digest = split(slot.text or "")
    refusal = refusal or _slot_refusal(document, slot, aliases=aliases)
    return Place(
        FileEntry(name, None, Pin(tag, digest), *document.place(pair.value), refusal, repository), reference=slot
    )


def apart(document: Document, place: Place[Slot]) -> Place[Slot]:
    """A place whose tag and digest stand by themselves, with its pin, and refused like `reference`."""
    tag, digest = place.tag, place.digest
    first = tag if tag is not None and tag.pair is not None else digest
    if first is None or (pair := first.pair) is None:
        raise ValueError(f"{place.entry.name} has no tag and no digest")
    refusal = _slot_refusal(document, tag) or _slot_refusal(document, digest)
    names = [slot for slot in (place.registry, place.repository) if slot is not None]
    if placeholders := [slot for slot in names if has_placeholder(slot.text or "", fits=False)]:
        refusal = refusal or _slot_refusal(document, placeholders[0])
    if any(_slot_refusal(document, slot) for slot in names):
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


def number(file: str, places: Iterable[Place[Slot]]) -> Iterator[Place[Slot]]:
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


def _slot_refusal(document: Document, slot: Slot | None, *, aliases: bool = False) -> Problem | None:
    if slot is None or slot.pair is None:
        return None
    advice = "Pin the image where the template gets its values."
    return value_refusal(document, slot.mapping, slot.pair, is_tag, advice, aliases=aliases)


def pins_image(text: str) -> bool:
    """Whether a text is clearly meant to be an image with a tag or a digest, and no template or glob of one."""
    return "*" not in text and is_pinned(text) and not has_placeholder(text, fits=is_reference(text))


def has_placeholder(text: str, *, fits: bool) -> bool:
    """Whether a text holds what a template fills in; `fits`: it is a good value of its field all the same."""
    return bool(_PLACEHOLDER.search(text) or (not fits and _UNDERSCORED.search(text)))


def form_refusal(document: Document, field: str, pair: KeyAndValue) -> Problem | None:
    """Why the value of a field cannot be replaced, by the way in which it is written."""
    value = pair.value
    if not isinstance(value, ScalarNode):
        return document.problem(value, f"{field} is not a string", f"Write one word, as in `{field}: v1.4.2`.")
    if value.style in ("|", ">"):
        return document.problem(value, f"{field} is a block of text", "Write it on the line of its key.")
    if value.start_mark.index == value.end_mark.index:
        # The marks of an empty value lie at whatever comes next, so that nothing says where it belongs.
        return document.problem(pair.key, f"{field} has no value", f'Remove the key, or write `{field}: ""`.')
    if value.start_mark.line != value.end_mark.line:
        return document.problem(value, f"{field} runs over several lines", "Write it on one line.")
    return None


def value_refusal(
    document: Document,
    mapping: Node,
    pair: KeyAndValue,
    fits: Callable[[str], bool],
    advice: str,
    *,
    aliases: bool = False,
) -> Problem | None:
    """Why the value of a pair cannot be replaced without a doubt.

    `fits`: a text is a good value of the field, so that `__X__` is not a placeholder; `advice` is for one that is a
    template. `aliases`: see `reference`.
    """
    field, value = str(pair.key.value), pair.value
    if problem := form_refusal(document, field, pair):
        return problem
    if has_tag(document, value):
        return document.problem(value, f"{field} has an explicit YAML tag", "Remove the tag.")
    is_shared = not aliases and not document.shared.isdisjoint((id(mapping), id(value)))
    if is_shared or value.anchor:
        why = "Write it out where it is meant to change: an edit here changes every place that uses the alias."
        return document.problem(value, f"{field} {'is shared by an alias' if is_shared else 'has an anchor'}", why)
    if sum(key.value == field for key, _ in mapping.value) > 1:
        why = "Keep one of them: most programs take the last, and some refuse the file."
        return document.problem(value, f"{field} stands there twice", why)
    text = str(value.value)
    if has_placeholder(text, fits=fits(text)):
        return document.problem(value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    return None


def has_tag(document: Document, node: Node) -> bool:
    """Whether a node has an explicit YAML tag."""
    return node.start_mark.index < node.end_mark.index and document.text[node.start_mark.index] == "!"
