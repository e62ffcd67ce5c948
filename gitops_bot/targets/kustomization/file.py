"""The images that a kustomization pins: read from bytes, edited to bytes, and never anything else touched."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document, refusals
from gitops_bot.targets import nodes as nodes_of
from gitops_bot.targets.changes import Change, edited
from gitops_bot.targets.image_values import Tree
from gitops_bot.targets.kustomization import entry
from gitops_bot.targets.pin_file import pinned
from gitops_bot.targets.yaml_pins import YamlPins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.images.reference import Assignment
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pairs import Wanted
    from gitops_bot.targets.pin_file import FileEntry
    from gitops_bot.targets.yaml_pins import Place

#: What kustomize looks for in a directory; two of them in one are an error.
FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: Items of `images:` that are read. Each may have a refusal of its own: a hostile file must not make endless ones.
ENTRY_LIMIT = 10_000
#: How many of the places of one name are shown.
_PLACES_SHOWN = 10
#: The keys of a kustomization that are read here, and where what other files contribute is listed.
_LISTS = ("resources", "bases", "components")
_KEYS = ("images", "kind", "helmcharts", *_LISTS)
#: The list in block style, as people write it: up to the next key at the beginning of a line.
_BLOCK: Final = re.compile(
    rb"^images:[ \t]*(?:#[^\n]*)?\r?\n((?:(?:[ \t#-][^\n]*|\r?)(?:\n|\Z))*)", re.IGNORECASE | re.MULTILINE
)
#: What an item of it begins with.
_ITEM: Final = re.compile(rb"^([ \t]*)-(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization as it stands in the file.

    `kind` is `Kustomization` or `Component`; `resources` are the items of `resources`, `bases` and `components`.
    """

    entries: tuple[FileEntry, ...]
    kind: str
    resources: tuple[str, ...]
    document: Document = field(repr=False, compare=False)
    #: The composed items of `images:`, one for each of the first `entries`.
    nodes: tuple[Node, ...] = field(repr=False, compare=False)
    #: What the values of its charts pin, behind the others in `entries`.
    inline: YamlPins | None = field(default=None, repr=False, compare=False)

    @property
    def file(self) -> str:
        """Its path."""
        return self.document.file

    @property
    def images(self) -> tuple[FileEntry, ...]:
        """The entries of its list `images:`."""
        return self.entries[: len(self.nodes)]

    def edited(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        own: list[Change] = []
        for index, assignment in wanted.items():
            if index < len(self.nodes) and (fields := self._changes(index, assignment)):
                # An entry that is no mapping is refused, so that what is edited is one.
                node = cast("MappingNode", self.nodes[index])
                own.append(Change(node, entry.fields(node), entry.FIELDS, fields))
        if self.inline is not None:
            first = len(self.nodes)
            inside = {index - first: assignment for index, assignment in wanted.items() if index >= first}
            own += self.inline.changes(inside).get(None, ())
        return edited(self.document, {None: own}, fold=True)

    def mistyped(self, index: int) -> Iterator[Problem]:
        """The values of an entry that are no strings to kustomize."""
        if self.inline is not None and index >= len(self.nodes):
            return self.inline.mistyped(index - len(self.nodes))
        return entry.mistyped(self.document, self.nodes[index])

    def _changes(self, index: int, assignment: Assignment) -> Wanted:
        """The fields that must become another text, or go (None), for the entry to be as asked."""
        present = self.entries[index]
        pin = pinned(present, assignment.pin)
        changes: Wanted = {}
        if assignment.new_name is not None and assignment.new_name != present.new_name:
            changes["newName"] = assignment.new_name
        tag = entry.fields(self.nodes[index]).get("newTag")
        if tag is not None and entry.joined(str(tag.value.value)):
            if pin != present.pin:
                changes["newTag"] = str(pin)
            return changes
        if pin.tag != present.pin.tag:
            changes["newTag"] = pin.tag
        if pin.digest != present.pin.digest:
            changes["digest"] = pin.digest
        return changes


def read(data: bytes, file: str) -> Kustomization:
    """Read a kustomization. Without `images:` it has no entries.

    Raises:
        EditError: the file as a whole cannot be edited (see `document.read`; no mapping, a key given twice, `images`
            that is no list or has over 10,000 items); with file, line and column. What is wrong with one entry
            is in its `refusal`.
    """
    parsed = document.read(data, file)
    if parsed.root is None:
        return Kustomization((), "Kustomization", (), parsed, ())
    if not isinstance(parsed.root, MappingNode):
        raise EditError(
            parsed.problem(parsed.root, "the file is no kustomization: it holds no mapping", "Name another file.")
        )
    top = _top(parsed, parsed.root)
    images = top.get("images")
    nodes = tuple(images.value) if isinstance(images, SequenceNode) else ()
    if images is not None and not isinstance(images, SequenceNode) and images.value not in ("", "null", "~"):
        raise EditError(parsed.problem(images, "`images` is no list", "Write one `- name: ...` for each image."))
    if images is not None and len(nodes) > ENTRY_LIMIT:
        raise EditError(
            parsed.problem(images, f"`images` has more than {ENTRY_LIMIT:,} entries", "Split the kustomization.")
        )
    anchored = parsed.root.anchor is not None or (images is not None and images.anchor is not None)
    entries = tuple(entry.read(parsed, node, anchored=anchored) for node in nodes)
    inline = _inline(parsed, top.get("helmcharts"))
    kind = top.get("kind")
    return Kustomization(
        tuple(_unique((*entries, *inline.entries), file)),
        "Component" if kind is not None and kind.value == "Component" else "Kustomization",
        tuple(str(item.value) for key in _LISTS for item in _items(top.get(key)) if isinstance(item, ScalarNode)),
        parsed,
        nodes,
        inline if inline.places else None,
    )


def _inline(parsed: Document, charts: Node | None) -> YamlPins:
    """What the values of the charts pin, each by the name of its chart and its path."""
    found: list[Place] = []
    shared = refusals.shared(parsed.roots) if charts is not None else frozenset()
    seen: set[int] = set()
    for chart in _items(charts):
        label = nodes_of.text(chart, "releaseName") or nodes_of.text(chart, "name")
        values = nodes_of.value(chart, "valuesInline")
        if values is None or id(values) in seen:
            continue  # what an alias leads to is refused, and looked at once
        seen.add(id(values))
        places = Tree(parsed, values).places((), shared)
        found += (replace(place, entry=replace(place.entry, name=f"{label}.{place.entry.name}")) for place in places)
    if len(found) > ENTRY_LIMIT and charts is not None:
        raise EditError(parsed.problem(charts, f"`helmCharts` pin more than {ENTRY_LIMIT:,} images", "Split them."))
    return YamlPins(parsed, tuple(found))


def _top(parsed: Document, root: MappingNode) -> dict[str, Node]:
    """The values of the keys that are read here; one of them given twice leaves open which one counts."""
    found: dict[str, Node] = {}
    for key, value in root.value:
        folded = key.value.casefold() if isinstance(key, ScalarNode) else ""
        if folded in found:
            advice = "Keep one of them: kustomize takes the last, and the case of the letters makes no difference."
            raise EditError(parsed.problem(key, f"the file has two keys {key.value!r}", advice))
        if folded in _KEYS:
            found[folded] = value
    return found


def _items(node: Node | None) -> Sequence[Node]:
    return node.value if isinstance(node, SequenceNode) else ()


def _unique(entries: Sequence[FileEntry], file: str) -> Iterator[FileEntry]:
    """The entries, each refused that shares its name with another one."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for one in entries:
        lines[one.name].append(one.line)
    messages = {name: _shared(name, places) for name, places in lines.items() if name and len(places) > 1}
    advice = "Keep one of them: kustomize applies them one after the other."
    for one in entries:
        if one.refusal is None and one.name in messages:
            message = messages[one.name]
            yield replace(one, refusal=Problem("failed.edit", message, advice, file, one.line, one.column))
        else:
            yield one


def _shared(name: str, lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_PLACES_SHOWN])) + (", ..." if len(lines) > _PLACES_SHOWN else "")
    return f"{len(lines)} entries are called {name[:300]!r} (lines {shown})"


def count(data: bytes) -> int:
    """How many entries it has, where nothing else is asked: a repository may have thousands of such files.

    It is read as YAML only where it is written in some other way than most.
    """
    inline = b"valuesInline" in data
    if b"images" not in data.lower() and not inline:
        return 0
    block = _BLOCK.search(data) if not inline else None
    items: list[bytes] = _ITEM.findall(block[1]) if block else []
    if items:
        return items.count(items[0])
    try:
        return len(read(data, "").entries)
    except EditError:
        return 0
