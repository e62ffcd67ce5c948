"""kustomize's own file: the pins are in its list `images:`, and in the values of its Helm charts."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document, nodes
from gitops_bot.targets.kustomization import entry
from gitops_bot.targets.yaml_pins import ENTRY_LIMIT, YamlPins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pin_file import FileEntry
    from gitops_bot.targets.pin_location import Place
    from gitops_bot.targets.yaml_pins import Slot

#: What kustomize looks for in a directory; two of them in one are an error.
FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: Lines of entries with one name that a message lists.
_LINES_SHOWN: Final = 10
#: Where a kustomization lists what other files contribute, and the keys of it that are read here.
_LISTS: Final = ("resources", "bases", "components")
_KEYS: Final = ("images", "kind", "helmcharts", *_LISTS)
#: The list in block style, as people write it: up to the next key at the beginning of a line.
_BLOCK: Final = re.compile(
    rb"^images:[ \t]*(?:#[^\n]*)?\r?\n((?:(?:[ \t#-][^\n]*|\r?)(?:\n|\Z))*)", re.IGNORECASE | re.MULTILINE
)
#: What an item of it begins with.
_ITEM: Final = re.compile(rb"^([ \t]*)-(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kustomization(YamlPins):
    """A kustomization as it stands in the file.

    `kind` is `Kustomization` or `Component`; `resources` are the items of `resources`, `bases` and `components`.
    """

    kind: str = "Kustomization"
    resources: tuple[str, ...] = ()
    #: The composed items of `images:`, one for each of the first entries; the others are of charts.
    items: tuple[Node, ...] = field(default=(), repr=False, compare=False)

    @property
    def images(self) -> tuple[FileEntry, ...]:
        """The entries of its list `images:`."""
        return self.entries[: len(self.items)]

    def mistyped(self, index: int) -> Iterator[Problem]:
        """The values of an entry that are no strings to kustomize."""
        if index < len(self.items):
            return entry.mistyped(self.document, self.items[index])
        return YamlPins.mistyped(self, index)


@dataclass(frozen=True, slots=True)
class KustomizationTarget:
    """A `kustomization.yaml`; see `Target`."""

    NOUN: ClassVar = "kustomization"
    FILE_NAMES: ClassVar = FILE_NAMES
    ALONE: ClassVar = True

    def known_by(self, name: str) -> Literal["name"] | None:
        """Its name: kustomize knows these and no others."""
        return "name" if name in FILE_NAMES else None

    def read(self, data: bytes, file: str) -> Kustomization:
        """Read a kustomization. Without `images:` and charts it has no entries.

        Raises:
            EditError: the file as a whole cannot be edited (see `document.read`; no mapping, a key given twice,
                `images` that is no list or has over 10,000 items); with file, line and column. What is wrong with one
                entry is in its `refusal`.
        """
        parsed = document.read(data, file)
        if parsed.root is None:
            return Kustomization(parsed)
        if not isinstance(parsed.root, MappingNode):
            message = "the file is no kustomization: it holds no mapping"
            raise EditError(parsed.problem(parsed.root, message, "Name another file."))
        top = _top(parsed, parsed.root)
        images, kind = top.get("images"), top.get("kind")
        items = tuple(nodes.items(images))
        if images is not None and not isinstance(images, SequenceNode) and images.value not in ("", "null", "~"):
            raise EditError(parsed.problem(images, "`images` is no list", "Write one `- name: ...` for each image."))
        if images is not None and len(items) > ENTRY_LIMIT:
            message = f"`images` has more than {ENTRY_LIMIT:,} entries"
            raise EditError(parsed.problem(images, message, "Split the kustomization."))
        anchored = parsed.root.anchor is not None or (images is not None and images.anchor is not None)
        places = [entry.read(parsed, node, anchored=anchored) for node in items]
        return Kustomization(
            parsed,
            tuple(_unique((*places, *_of_charts(parsed, top.get("helmcharts"))), file)),
            "Component" if kind is not None and kind.value == "Component" else "Kustomization",
            tuple(
                str(item.value) for key in _LISTS for item in nodes.items(top.get(key)) if isinstance(item, ScalarNode)
            ),
            items,
        )

    def count(self, data: bytes) -> int:
        """How many entries it has; it is read as YAML only where it is written in some other way than most."""
        inline = b"valuesInline" in data
        if b"images" not in data.lower() and not inline:
            return 0
        block = _BLOCK.search(data) if not inline else None
        items: list[bytes] = _ITEM.findall(block[1]) if block else []
        if items:
            return items.count(items[0])
        try:
            return len(self.read(data, "").entries)
        except EditError:
            return 0


read: Final = KustomizationTarget().read


def _of_charts(parsed: Document, charts: Node | None) -> Iterator[Place[Slot]]:
    """What the values of the charts pin, each by the name of its chart and its path."""
    if charts is None:
        return
    from gitops_bot.targets.image_values import Tree

    shared = nodes.shared(parsed.roots)
    seen: set[int] = set()
    total = 0
    for chart in nodes.items(charts):
        label = nodes.text(chart, "releaseName") or nodes.text(chart, "name")
        values = nodes.value(chart, "valuesInline")
        if values is None or id(values) in seen:
            continue  # what an alias leads to is refused, and looked at once
        seen.add(id(values))
        for place in Tree(parsed, values).places((), shared):
            total += 1
            if total > ENTRY_LIMIT:
                message = f"`helmCharts` pin more than {ENTRY_LIMIT:,} images"
                raise EditError(parsed.problem(chart, message, "Split them."))
            yield place.with_entry(name=f"{label}.{place.entry.name}")


def _top(parsed: Document, root: MappingNode) -> dict[str, Node]:
    """The values of the keys that are read here; one of them given twice leaves open which one counts."""
    top: dict[str, Node] = {}
    for key, value in root.value:
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
