"""kustomize's own file: the pins are in its list `images:`, and in the values of its Helm charts.

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
from gitops_bot.images.reference import ImageName, is_digest, is_tag, split
from gitops_bot.targets import nodes, writing, yaml_pins
from gitops_bot.targets.helm import Tree
from gitops_bot.targets.pin_file import FileEntry, Place, pin_of
from gitops_bot.targets.yaml_pins import ENTRY_LIMIT, Slot, YamlPins, YamlTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document
    from gitops_bot.targets.nodes import KeyAndValue

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

#: The fields that an edit may touch or take its bearings from, by their spelling in small letters.
_FIELDS = {field.casefold(): field for field in ("name", "newName", "newTag", "digest")}
_COMMENT = re.compile(r"#[^\r\n]*")
#: What Flux fills in after kustomize (`postBuild`), with its default where nothing sets it: `${NAME:=default}`.
_VARIABLE = re.compile(r"\$\{\w+(?::?[=-](?P<default>[^{}]*)|[^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Kustomization(YamlPins):
    """A kustomization, or `Component` by its `kind`; `resources` are the items of `LISTS` together."""

    kind: str = "Kustomization"
    resources: tuple[str, ...] = ()
    #: How many of the entries, the first ones, are of `images:`; the others are of charts.
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
        parsed, places = self.open()
        for index, place in enumerate(places[: self.listed]):
            for key, (_, value) in _pairs(place.name.mapping).items() if place.name is not None else ():
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
        """The entries of `images:`, and those of charts; see `YamlTarget`.

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
        places = [_entry(parsed, node, anchored=anchored) for node in items]
        if (charts := top.get("helmcharts")) is not None:
            places += _of_charts(parsed, charts, self.reads)
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
        inline = b"valuesInline" in data
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


def _entry(parsed: Document, node: Node, *, anchored: bool = False) -> Place[Slot]:
    """What one item of `images:` says. `anchored` says that the list or what holds it can be reached by an alias."""
    pairs = _pairs(node)
    texts = {field: text for field, pair in pairs.items() if (text := _text(pair.value)) is not None}
    written = texts.get("newName", "")
    repository = _VARIABLE.sub(lambda variable: variable["default"] or variable[0], written)
    line, column = parsed.place(node)
    refusal = next(_refusals(parsed, node, pairs, texts | {"newName": repository}, anchored=anchored), None)
    pin, _ = pin_of(texts.get("newTag"), texts.get("digest"))
    default = repository if repository != written else None
    entry = FileEntry(texts.get("name", ""), texts.get("newName"), pin, line, column, refusal, default)
    if not isinstance(node, MappingNode):
        return Place(entry)
    name, new_name, tag, digest = (
        Slot(node, str(pairs[field].key.value) if field in pairs else field, optional=field == "digest")
        for field in _FIELDS.values()
    )
    is_template = yaml_pins.has_placeholder(written, fits=_fits("newName", written))
    return Place(entry, name=name, repository=None if is_template else new_name, tag=tag, digest=digest)


def _pairs(node: Node) -> dict[str, KeyAndValue]:
    """The pairs of an entry that matter here, by kustomize's own spelling of their keys."""
    return {_FIELDS[folded]: pair for key, pair in nodes.pairs(node).items() if (folded := key.casefold()) in _FIELDS}


def _text(value: Node) -> str | None:
    """The text of a value; None where kustomize sees no value either (nothing, empty quotes, a plain null)."""
    if not isinstance(value, ScalarNode) or (value.style is None and value.value in writing.NULLS):
        return None
    return str(value.value) or None


def _refusals(
    parsed: Document, node: Node, pairs: Mapping[str, KeyAndValue], texts: Mapping[str, str], *, anchored: bool
) -> Iterator[Problem]:
    """Every reason not to edit the entry, the plainest first."""
    if node.anchor is not None:
        advice = f"Write the entry out: what is edited here would change wherever &{node.anchor} is used."
        yield parsed.problem(node, "the entry carries an anchor or is an alias", advice)
    elif anchored:
        advice = "Remove the anchor: what is edited here would change wherever it is used."
        yield parsed.problem(node, "the list of images carries an anchor or is an alias", advice)
    if not isinstance(node, MappingNode):
        yield parsed.problem(node, "the entry is not a mapping", "Write it as `- name: ...`.")
        return
    for key, pair in pairs.items():
        value = pair.value
        text = str(value.value) if isinstance(value, ScalarNode) else parsed.raw(value)[:300]
        if key == "newName" and isinstance(value, ScalarNode):
            continue  # an edit of tag and digest leaves it as it is
        if yaml_pins.has_placeholder(text, fits=_fits(key, text)):
            advice = "Pin the image where the template gets its values."
            yield parsed.problem(value, f"{key} holds a template placeholder: {text[:100]!r}", advice)
    yield from _marks(parsed, node)
    yield from _keys(parsed, node)
    for key, pair in pairs.items():
        if problem := yaml_pins.form_refusal(parsed, key, pair):
            yield problem
    if "name" not in texts:
        yield parsed.problem(node, "the entry has no name", "Give it the image name that the base uses.")
    yield from _suffix(parsed, node, texts)
    yield from _contradictions(parsed, pairs, texts)


def _suffix(parsed: Document, node: Node, texts: Mapping[str, str]) -> Iterator[Problem]:
    """Kustomize appends `tagSuffix` to the base's tag where the entry has neither newTag nor digest."""
    for key, pair in nodes.pairs(node).items() if texts.keys().isdisjoint(("newTag", "digest")) else ():
        if key.casefold() == "tagsuffix" and _text(pair.value):
            message = "tagSuffix extends the tag of the base, and kustomize ignores it beside a newTag"
            yield parsed.problem(pair.key, message, "Write the whole tag as newTag, and remove tagSuffix.")


def _fits(field: str, text: str) -> bool:
    if field == "digest":
        return is_digest(text)
    if field == "newTag":
        return is_tag(text.partition("@")[0])
    return ImageName.of(split(text)[0]) is not None


def _marks(parsed: Document, entry: MappingNode) -> Iterator[Problem]:
    """Anchors, aliases, merge keys and explicit tags anywhere inside the entry."""
    for node in nodes.walk([entry]):
        if node is not entry and node.anchor is not None:
            advice = f"Write the value out: what is edited here may change wherever &{node.anchor} is used."
            yield parsed.problem(entry, "the entry holds an anchor or an alias", advice)
            return  # what hangs on an alias may be endless
        if yaml_pins.has_tag(parsed, node):
            yield parsed.problem(node, "the entry holds an explicit YAML tag", "Remove the tag.")
        if merge := nodes.pairs(node).get("<<"):
            yield parsed.problem(merge.key, "the entry holds a merge key", "Write the merged values out.")


def _keys(parsed: Document, entry: MappingNode) -> Iterator[Problem]:
    """Keys given twice or written in a way that leaves no place for a further one."""
    if entry.flow_style and not parsed.raw(entry).startswith("{"):
        yield parsed.problem(entry, "the entry is a single pair without braces", "Write it as `{name: ...}`.")
    seen: set[str] = set()
    end = entry.start_mark.index
    for key, value in entry.value:
        if not isinstance(key, ScalarNode):
            advice = "Remove it: kustomize knows no such key."
            yield parsed.problem(key, "a key of the entry is not a plain word", advice)
            continue
        if key.value.casefold() in seen:
            advice = "Keep one of them: kustomize takes the last, and the case of the letters makes no difference."
            yield parsed.problem(key, f"the entry has two keys {key.value[:100]!r}", advice)
        seen.add(key.value.casefold())
        between = parsed.text[end : key.start_mark.index]
        if "?" in _COMMENT.sub("", between):
            yield parsed.problem(key, f"the key {key.value[:100]!r} is written with `?`", "Write it as `key: value`.")
        end = value.end_mark.index


def _contradictions(parsed: Document, pairs: Mapping[str, KeyAndValue], texts: Mapping[str, str]) -> Iterator[Problem]:
    tag, new_name = texts.get("newTag", ""), texts.get("newName", "")
    name, joint, digest = tag.partition("@")
    if joint and "digest" in texts:
        message = "newTag carries a digest beside the one in the field `digest`"
        yield parsed.problem(pairs["newTag"].value, message, "Keep one of them.")
    if joint and (not is_tag(name) or not digest):
        message = f"newTag is neither a tag nor a tag, `@` and a digest: {tag[:200]!r}"
        yield parsed.problem(pairs["newTag"].value, message, "Write the digest into the field `digest`.")
    repository = _VARIABLE.sub("x", new_name)
    if repository != split(repository)[0]:
        what = "a digest" if "@" in new_name else "a tag"
        advice = "Move it to the field `newTag` or `digest`: kustomize appends those to newName as it stands."
        yield parsed.problem(pairs["newName"].value, f"newName carries {what}: {new_name[:200]!r}", advice)


read: Final = KustomizationTarget().read
