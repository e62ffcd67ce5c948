"""kustomize's own file: the pins are in its list `images:`, in the values of its Helm charts, and in its patches.

Keys are matched as kustomize matches them: it decodes through Go's JSON package, whose field names ignore case by
Unicode's simple folding.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import image_items, nodes, writing
from gitops_bot.targets.helm import Tree
from gitops_bot.targets.kustomization import patches
from gitops_bot.targets.yaml_pins import ENTRY_LIMIT, Slot, YamlPins, YamlTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pin_file import FileEntry, Place

#: What kustomize looks for in a directory; two of them in one are an error.
FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: Lines of entries with one name that a message lists.
_LINES_SHOWN: Final = 10
#: Where a kustomization lists what other files contribute, and the keys of it that are read here.
LISTS: Final = ("resources", "bases", "components")
_KEYS: Final = ("images", "kind", "helmcharts", *LISTS)
#: The list in block style, as people write it: up to the next key at the beginning of a line.
_BLOCK: Final = re.compile(
    rb"^images:[ \t]*(?:#[^\n]*)?\r?\n((?:(?:[ \t#-][^\n]*|\r?)(?:\n|\Z))*)", re.IGNORECASE | re.MULTILINE
)
#: What an item of it begins with.
_ITEM: Final = re.compile(rb"^([ \t]*)-(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kustomization(YamlPins):
    """A kustomization, or `Component` by its `kind`; `resources` are the items of `LISTS` together."""

    kind: str = "Kustomization"
    resources: tuple[str, ...] = ()
    #: How many of the entries, the first ones, are of `images:`; the others are of charts and patches.
    listed: int = 0

    @property
    def images(self) -> tuple[FileEntry, ...]:
        """The entries of its list `images:`."""
        return self.entries[: self.listed]

    def type_mistakes(self) -> Iterator[tuple[int, Problem]]:
        """The values without quotes that are strings to people, but not to kustomize: `newTag: 1.10`.

        kustomize decodes the file through go-yaml v2 into Go strings and refuses all of it where a value is a number or
        a truth. What only other parsers take for something else (`2024-01-15`) is a string to it.
        """
        yield from ((index, problem) for index, problem in YamlPins.type_mistakes(self) if index >= self.listed)
        texts = ((its.name, its.new_name, its.pin.tag, its.pin.digest) for its in self.images)
        if not any(text and writing.kind_in_go(text) for own in texts for text in own):
            return
        parsed, places = self.open()
        for index, place in enumerate(places[: self.listed]):
            for key, (_, value) in image_items.fields(place.name.mapping).items() if place.name is not None else ():
                text = str(value.value) if isinstance(value, ScalarNode) and value.style is None else ""
                if kind := writing.kind_in_go(text):
                    message = f"{key}: {text[:100]} is {kind} to kustomize, which refuses the file"
                    yield index, parsed.problem(value, message, f'Write it in quotes: `{key}: "{text[:100]}"`.')


@dataclass(frozen=True, slots=True)
class KustomizationTarget(YamlTarget):
    """A `kustomization.yaml`; see `Target`."""

    NOUN: ClassVar = "kustomization"
    FILE_NAMES: ClassVar = FILE_NAMES
    NAMES: ClassVar = re.compile("|".join(map(re.escape, FILE_NAMES)))  # kustomize knows these and no others
    ALONE: ClassVar = True
    CUT: ClassVar = True
    SEVERAL: ClassVar = False

    def places(self, parsed: Document) -> Iterator[Place[Slot]]:
        """The entries of `images:`, and those of charts and patches; see `YamlTarget`.

        Refused: what is not a mapping, has one of the keys twice, or has over 10,000 items.
        """
        top = _top(parsed)
        images = top.get("images")
        items = tuple(nodes.items(images))
        if images is not None and not isinstance(images, SequenceNode) and images.value not in ("", "null", "~"):
            raise EditError(parsed.problem(images, "`images` is not a list", "Write one `- name: ...` for each image."))
        if images is not None and len(items) > ENTRY_LIMIT:
            message = f"`images` has more than {ENTRY_LIMIT:,} entries"
            raise EditError(parsed.problem(images, message, "Split the kustomization."))
        anchored = any(node is not None and node.anchor is not None for node in (parsed.root, images))
        places = [image_items.entry(parsed, node, anchored=anchored) for node in items]
        if (charts := top.get("helmcharts")) is not None:
            places += _of_charts(parsed, charts, self.reads)
        if self.reads >= 2:
            places += patches.places(parsed, [place.entry.name for place in places[: len(items)]])
        return _unique(places, parsed.file)

    def parse(self, data: bytes, file: str) -> Kustomization:
        """Read a kustomization; see `Target`."""
        parsed, places = self.open(data, file)
        top = _top(parsed)
        listed = (item for key in LISTS for item in nodes.items(top.get(key)) if isinstance(item, ScalarNode))
        entries, resources = tuple(place.entry for place in places), tuple(str(item.value) for item in listed)
        kind = "Component" if "kind" in top and top["kind"].value == "Component" else "Kustomization"
        return Kustomization(file, entries, data, self, kind, resources, len(nodes.items(top.get("images"))))

    def count(self, data: bytes) -> int:
        """How many entries it has; it is read as YAML only where it is written in some other way than most."""
        inline = b"valuesInline" in data or (self.reads >= 2 and patches.may_be_in(data))
        if b"images" not in data.lower() and not inline:
            return 0
        block = _BLOCK.search(data) if not inline else None
        items: list[bytes] = _ITEM.findall(block[1]) if block else []
        if items:
            return items.count(items[0])
        return YamlTarget.count(self, data)


def _of_charts(parsed: Document, charts: Node, reads: int) -> Iterator[Place[Slot]]:
    """What the values of the charts pin, each by the name of its chart and its path."""
    seen: set[int] = set()
    total = 0
    for chart in nodes.items(charts):
        label = nodes.text(chart, "releaseName") or nodes.text(chart, "name")
        values = nodes.value(chart, "valuesInline")
        if values is None or id(values) in seen:
            continue  # what an alias leads to is refused, and looked at once
        seen.add(id(values))
        for place in Tree(parsed, values).places((), reads):
            total += 1
            if total > ENTRY_LIMIT:
                message = f"`helmCharts` pin more than {ENTRY_LIMIT:,} images"
                raise EditError(parsed.problem(chart, message, "Split them."))
            yield place.with_entry(name=f"{label}.{place.entry.name}")


def _top(parsed: Document) -> dict[str, Node]:
    """The values of the keys that are read here; one of them given twice leaves open which one counts."""
    top: dict[str, Node] = {}
    root = parsed.root
    if root is not None and not isinstance(root, MappingNode):
        message = "the file is not a kustomization: it is not a mapping"
        raise EditError(parsed.problem(root, message, "Name another file."))
    for key, value in root.value if root is not None else ():
        folded = key.value.casefold() if isinstance(key, ScalarNode) else ""
        if folded in top:
            advice = "Keep one of them: kustomize takes the last, and the case of the letters makes no difference."
            raise EditError(parsed.problem(key, f"the file has two keys {key.value!r}", advice))
        if folded in _KEYS:
            top[folded] = value
    return top


def _unique(places: Sequence[Place[Slot]], file: str) -> Iterator[Place[Slot]]:
    """The places, each refused that shares the name of its entry with another one."""
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for place in places:
        by_name[place.entry.name].append(place.entry.line)
    messages: dict[str, str] = {}
    for name, lines in by_name.items():
        if name and len(lines) > 1:
            shown = ", ".join(map(str, lines[:_LINES_SHOWN])) + (", ..." if len(lines) > _LINES_SHOWN else "")
            messages[name] = f"{len(lines)} entries are called {name[:300]!r} (lines {shown})"
    advice = "Keep one of them: kustomize applies them one after the other."
    for place in places:
        own = place.entry
        if own.refusal is None and own.name in messages:
            refusal = Problem("failed.edit", messages[own.name], advice, file, own.line, own.column)
            place = place.with_entry(refusal=refusal)  # noqa: PLW2901
        yield place


read: Final = KustomizationTarget().read
