"""The images that a kustomization pins: read from bytes, edited to bytes, and never anything else touched."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import ImageName, Pin, is_digest, is_tag
from gitops_bot.targets import document, pairs, proof, spans
from gitops_bot.targets.kustomization import entry
from gitops_bot.targets.kustomization.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.targets.document import Document

__all__ = ["FILE_NAMES", "Edit", "Entry", "Kustomization", "edit", "pinned", "read"]

#: What kustomize looks for in a directory; two of them in one are an error.
FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

#: Items of `images:` that are read. Each may have a refusal of its own: a hostile file must not make endless ones.
ENTRY_LIMIT = 10_000
#: How many of the places of one name are told.
_PLACES_TOLD = 10
#: The keys of a kustomization that are read here, and where what other files contribute is listed.
_LISTS = ("resources", "bases", "components")
_TAG_ADVICE = "A tag has letters, digits, `_`, `.` and `-`, at most 128 of them."
_DIGEST_ADVICE = "A digest is `sha256:` and 64 lower-case hexadecimal digits."
_KEYS = ("images", "kind", *_LISTS)


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization as it stands in the file. `text` keeps byte order mark and line breaks.

    `kind` is `Kustomization` or `Component`; `resources` are the items of `resources`, `bases` and `components`.
    """

    file: str
    text: str
    entries: tuple[Entry, ...]
    kind: str
    resources: tuple[str, ...]
    document: Document = field(repr=False, compare=False)
    #: The composed items of `images:`, one for each of `entries`.
    nodes: tuple[Node, ...] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """What the entry called `name` shall pin.

    A tag without a digest removes a stale digest, a digest without a tag keeps the tag; `new_name` sets `newName`.
    """

    name: str
    pin: Pin
    new_name: str | None = None


def read(data: bytes, file: str) -> Kustomization:
    """Read a kustomization. Without `images:` it has no entries.

    Raises:
        EditError: the file as a whole cannot be edited (see `document.read`; no mapping, a key given twice, `images`
            that is no list or has over 10,000 items); with file, line and column. What is wrong with one entry
            is in its `refusal`.
    """
    parsed = document.read(data, file)
    if parsed.root is None:
        return Kustomization(file, parsed.text, (), "Kustomization", (), parsed, ())
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
    kind = top.get("kind")
    return Kustomization(
        file,
        parsed.text,
        tuple(_unique(entries, file)),
        "Component" if kind is not None and kind.value == "Component" else "Kustomization",
        tuple(str(item.value) for key in _LISTS for item in _items(top.get(key)) if isinstance(item, ScalarNode)),
        parsed,
        nodes,
    )


def edit(kustomization: Kustomization, edits: Sequence[Edit]) -> bytes:
    """The bytes of the file with every edit done, proved to differ in nothing else. All edits or none.

    An edit that asks for what is there already changes no byte. A comment on the line of a removed digest goes with
    the line.

    Raises:
        EditError: an edit names no entry, or one that is refused; a tag, digest or name outside the OCI grammar; two
            edits that contradict each other; a result that could not be proved.
    """
    asked: dict[int, Edit] = {}
    problems: list[Problem] = []
    places = {entry.name: index for index, entry in enumerate(kustomization.entries)}
    for one in edits:
        index = places.get(one.name)
        if index is None:
            problems.append(
                Problem("failed.edit", f"there is no entry {one.name!r}", "Look at its `name`.", kustomization.file)
            )
        elif refusal := kustomization.entries[index].refusal or _unfit(kustomization, index, one):
            problems.append(refusal)
        elif asked.setdefault(index, one) != one:
            message, advice = f"two different edits of the entry {one.name!r}", "Ask for one of them."
            problems.append(_problem(kustomization, index, message, advice))
    if problems:
        raise EditError(*problems)
    wanted: dict[int, pairs.Wanted] = {}
    for index, one in asked.items():
        if changes := _changes(kustomization, index, one):
            wanted[index] = changes
    if not wanted:
        return kustomization.text.encode()
    parsed = kustomization.document
    # An entry that is no mapping is refused, so that what is edited is one.
    nodes = {index: cast("MappingNode", kustomization.nodes[index]) for index in wanted}
    splices = [splice for index, node in nodes.items() for splice in pairs.splices(parsed, node, wanted[index])]
    after = document.compose(spans.apply(parsed.text, splices), kustomization.file)
    proof.prove(parsed, after, {id(node): wanted[index] for index, node in nodes.items()})
    return after.text.encode()


def pinned(entry: Entry, edit: Edit) -> Pin:
    """The pin that `edit` makes of the one that `entry` has."""
    if edit.pin.tag is not None:
        return edit.pin
    return Pin(entry.pin.tag, edit.pin.digest or entry.pin.digest)


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


def _unique(entries: Sequence[Entry], file: str) -> Iterator[Entry]:
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
    told = ", ".join(map(str, lines[:_PLACES_TOLD])) + (", ..." if len(lines) > _PLACES_TOLD else "")
    return f"{len(lines)} entries are called {name[:300]!r} (lines {told})"


def _unfit(kustomization: Kustomization, index: int, edit: Edit) -> Problem | None:
    """What of an edit is outside the OCI grammar."""
    if edit.pin.tag is not None and not is_tag(edit.pin.tag):
        return _problem(kustomization, index, f"{edit.pin.tag[:300]!r} is not a tag", _TAG_ADVICE)
    if edit.pin.digest is not None and not is_digest(edit.pin.digest):
        return _problem(kustomization, index, f"{edit.pin.digest[:300]!r} is not a digest", _DIGEST_ADVICE)
    if edit.new_name is not None:
        try:
            ImageName.parse(edit.new_name)
        except ValueError as error:
            return _problem(kustomization, index, str(error), "Write it as in ghcr.io/acme/web, without a tag.")
    return None


def _problem(kustomization: Kustomization, index: int, message: str, advice: str) -> Problem:
    at = kustomization.entries[index]
    return Problem("failed.edit", message, advice, kustomization.file, at.line, at.column)


def _changes(kustomization: Kustomization, index: int, edit: Edit) -> pairs.Wanted:
    """The fields that must become another text, or go (None), for the entry to be as asked."""
    present = kustomization.entries[index]
    pin = pinned(present, edit)
    changes: pairs.Wanted = {}
    if edit.new_name is not None and edit.new_name != present.new_name:
        changes["newName"] = edit.new_name
    tag = entry.fields(kustomization.nodes[index]).get("newTag")
    if tag is not None and entry.joined(str(tag.value.value)):
        if pin != present.pin:
            changes["newTag"] = str(pin)
        return changes
    if pin.tag != present.pin.tag:
        changes["newTag"] = pin.tag
    if pin.digest != present.pin.digest:
        changes["digest"] = pin.digest
    return changes
