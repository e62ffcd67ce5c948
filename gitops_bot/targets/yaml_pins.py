"""Pins in the values of a YAML file: one text that holds all of an image, or a tag and a digest by themselves.

And the reasons not to edit such a value, the same for every target.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import Pin, is_pinned, is_reference, is_tag, split
from gitops_bot.targets import document, nodes, writing
from gitops_bot.targets.changes import MappingEdit, apply_changes
from gitops_bot.targets.memo import Memo
from gitops_bot.targets.nodes import KeyAndValue
from gitops_bot.targets.pin_file import BARE, FileEntry, Frame, PinFile, Place, Target, pin_of, problem, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ruamel.yaml.nodes import Node

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.document import Block, Document

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
    """One value: what holds it, and its key. `optional`: the key goes where it has nothing to say."""

    mapping: MappingNode | SequenceNode
    key: str
    bare: bool = False
    optional: bool = False

    @property
    def pair(self) -> KeyAndValue | None:
        """The key and its value, where the mapping has it."""
        if isinstance(self.mapping, SequenceNode):
            return nodes.item(self.mapping, self.key)
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


#: The files that were read last, as nodes, which take some twenty times their bytes: most are edited soon, or never.
_OPEN: Final = Memo["tuple[Document, tuple[Place[Slot], ...]]"](256 << 10)


class YamlTarget(Target):
    """A kind of YAML file; see `Target`."""

    __slots__ = ()

    #: Whether a file may hold several documents.
    SEVERAL: ClassVar = True

    @abstractmethod
    def places(self, parsed: Document) -> Iterable[Place[Slot]]:
        """Where the pins of a file stand, in its order; an EditError refuses the file."""

    def parse(self, data: bytes, file: str) -> YamlPins:
        """Read a file; see `Target`."""
        return YamlPins(file, tuple(place.entry for place in self.open(data, file)[1]), data, self)

    def open(self, data: bytes, file: str) -> tuple[Document, tuple[Place[Slot], ...]]:
        """The nodes of a file, and the place of each entry; raises as `read`."""
        known = _OPEN.get((self, file), data)
        if known is None:
            parsed = document.read(data, file, several=self.SEVERAL)
            known = parsed, tuple(self.places(parsed))
            _OPEN.put((self, file), data, known)
        return known


@dataclass(frozen=True, slots=True)
class YamlPins(PinFile):
    """A YAML file; see `PinFile`. What is in it `target` tells again: the nodes of thousands of files take too much."""

    data: bytes = field(repr=False, compare=False)
    target: YamlTarget = field(repr=False, compare=False)

    def open(self) -> tuple[Document, tuple[Place[Slot], ...]]:
        """See `YamlTarget`."""
        return self.target.open(self.data, self.file)

    def with_pins(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        parsed, places = self.open()
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
        return apply_changes(parsed, {block: tuple(inside.values()) for block, inside in asked.items()})

    def type_mistakes(self) -> Iterator[tuple[int, Problem]]:
        """A tag by itself that is a number, and may become another text where it is used: `1.10` becomes `1.1`."""
        if not any(writing.kind_in_go(entry.pin.tag or "") for entry in self.entries):
            return  # to compose thousands of files again takes seconds
        for index, place in enumerate(self.open()[1]):
            pair = place.tag.pair if place.tag is not None else None
            if pair is None or not isinstance(pair.value, ScalarNode) or pair.value.style is not None:
                continue
            text = str(pair.value.value)
            if (kind := writing.kind_in_go(text)) and not writing.SHORT_NUMBER.fullmatch(text):
                message = f"{pair.key.value}: {text[:100]} is {kind}, and may be printed in another form"
                advice = f'Write it in quotes: `{pair.key.value}: "{text[:100]}"`.'
                yield index, problem(self, place.entry, message, advice)

    def _behind(self, place: Place[Slot], slot: Slot) -> str:
        """The key behind which a missing one of the same mapping goes."""
        slots = (place.name, place.registry, place.repository, place.tag, place.digest)
        for other in reversed(slots[: slots.index(slot)]):
            if other is not None and other.pair is not None and other.mapping is slot.mapping:
                return other.key
        message = f"the entry {place.entry.name!r} has no key {slot.key!r} yet"
        raise EditError(problem(self, place.entry, message, f'Add it by hand: `{slot.key}: ""`.'))


def reference(
    document: Document,
    name: str,
    slot: Slot,
    *,
    before: str = "",
    aliases: bool = False,
    refusal: Problem | None = None,
) -> Place[Slot]:
    """The place of an image that stands in one text, refused where it cannot be edited without a doubt.

    `before` is what the text has in front of it. `aliases`: the target itself tells who shares the value. `refusal` is
    the target's own reason.
    """
    if (pair := slot.pair) is None:
        raise ValueError(f"{slot.key} is not in the mapping")
    repository, tag, digest = split((slot.text or "").removeprefix(before))
    kept = before + repository
    refusal = refusal or _slot_refusal(document, slot, aliases=aliases) or escape_refusal(document, pair, kept)
    entry = FileEntry(name, None, Pin(tag, digest), *document.place(pair.value), refusal, repository)
    return Place(entry, reference=slot, frame=Frame(before, repository, "") if before else None)


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
        yield place if (of := counts[entry.name]) == 1 else place.with_entry(name=f"{entry.name}#{of}")


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


def escape_refusal(document: Document, pair: KeyAndValue, kept: str) -> Problem | None:
    """Why an image cannot be replaced of which an edit keeps this text: nothing is written with escapes."""
    if not writing.needs_escapes(kept):
        return None
    message = f"{pair.key.value} is not an image: {str(pair.value.value)[:100]!r}"
    return document.problem(pair.value, message, "Write it as in ghcr.io/acme/web:v1.2.3.")


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
    if isinstance(mapping, MappingNode) and sum(key.value == field for key, _ in mapping.value) > 1:
        why = "Keep one of them: most programs take the last, and some refuse the file."
        return document.problem(value, f"{field} stands there twice", why)
    text = str(value.value)
    if has_placeholder(text, fits=fits(text)):
        return document.problem(value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    return None


def has_tag(document: Document, node: Node) -> bool:
    """Whether a node has an explicit YAML tag."""
    return node.start_mark.index < node.end_mark.index and document.text[node.start_mark.index] == "!"
