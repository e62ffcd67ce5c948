"""One item of `images:`: what it says, and whether it can be edited without a doubt.

Keys are matched as kustomize matches them: it decodes through Go's JSON package, whose field names ignore case by
Unicode's simple folding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops_bot.images.reference import ImageName, Pin, is_digest, is_tag
from gitops_bot.targets import refusals, scalars
from gitops_bot.targets.pairs import Pair
from gitops_bot.targets.pin_file import FileEntry, without_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document

#: The fields that an edit may touch or take its bearings from, in the order in which they are written.
FIELDS = ("name", "newName", "newTag", "digest")
_FOLDED = {field.casefold(): field for field in FIELDS}

_COMMENT = re.compile(r"#[^\r\n]*")


def read(document: Document, node: Node, *, anchored: bool = False) -> FileEntry:
    """What one item of `images:` says. `anchored` says that the list or what holds it can be reached by an alias."""
    found = fields(node)
    texts = {field: _text(pair.value) for field, pair in found.items()}
    return FileEntry(
        name=texts.get("name") or "",
        new_name=texts.get("newName"),
        pin=_pin(texts.get("newTag"), texts.get("digest")),
        line=node.start_mark.line + 1,
        column=node.start_mark.column + 1,
        refusal=next(_refusals(document, node, found, anchored=anchored), None),
    )


def fields(node: Node) -> dict[str, Pair]:
    """The pairs of an entry that matter here, by kustomize's own spelling of their keys."""
    found: dict[str, Pair] = {}
    for key, value in node.value if isinstance(node, MappingNode) else ():
        field = _FOLDED.get(key.value.casefold()) if isinstance(key, ScalarNode) else None
        if field:
            found[field] = Pair(key, value)
    return found


def joined(tag: str | None) -> bool:
    """Whether a `newTag` carries its digest with it: `1.2@sha256:...`."""
    return tag is not None and "@" in tag


def _text(value: Node) -> str | None:
    """The text of a value; None where kustomize sees no value either (nothing, empty quotes, a plain null)."""
    if not isinstance(value, ScalarNode) or (value.style is None and value.value in scalars.NULLS):
        return None
    return str(value.value) or None


def _pin(tag: str | None, digest: str | None) -> Pin:
    if tag is not None and joined(tag):
        before, _, after = tag.partition("@")
        return Pin(before or None, after or None)
    return Pin(tag, digest)


def _refusals(document: Document, node: Node, found: dict[str, Pair], *, anchored: bool) -> Iterator[Problem]:
    """Every reason not to edit the entry, the plainest first."""
    if node.anchor is not None:
        advice = f"Write the entry out: what is edited here would change wherever &{node.anchor} is used."
        yield document.problem(node, "the entry carries an anchor or is an alias", advice)
    elif anchored:
        advice = "Remove the anchor: what is edited here would change wherever it is used."
        yield document.problem(node, "the list of images carries an anchor or is an alias", advice)
    if not isinstance(node, MappingNode):
        yield document.problem(node, "the entry is no mapping", "Write it as `- name: ...`.")
        return
    for field, pair in found.items():
        if problem := _placeholder(document, field, pair.value):
            yield problem
    yield from _marks(document, node)
    yield from _keys(document, node)
    for field, pair in found.items():
        if problem := refusals.unclear(document, field, pair):
            yield problem
    if "name" not in found or _text(found["name"].value) is None:
        yield document.problem(node, "the entry has no name", "Give it the image name that the base uses.")
    yield from _contradictions(document, found)


def _placeholder(document: Document, field: str, value: Node) -> Problem | None:
    text = str(value.value) if isinstance(value, ScalarNode) else document.raw(value)[:300]
    if refusals.placeholder(text, fits=_fits(field, text)):
        advice = "Pin the image where the template gets its values."
        return document.problem(value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    return None


def _fits(field: str, text: str) -> bool:
    if field == "digest":
        return is_digest(text)
    if field == "newTag":
        return is_tag(text.partition("@")[0])
    return ImageName.of(without_tag(text)) is not None


def _marks(document: Document, entry: MappingNode) -> Iterator[Problem]:
    """Anchors, aliases, merge keys and explicit tags anywhere inside the entry."""
    waiting: list[Node] = [entry]
    while waiting:
        node = waiting.pop()
        if node is not entry and node.anchor is not None:
            advice = f"Write the value out: what is edited here may change wherever &{node.anchor} is used."
            yield document.problem(entry, "the entry holds an anchor or an alias", advice)
            return  # what hangs on an alias may be endless
        if refusals.tagged(document, node):
            yield document.problem(node, "the entry holds an explicit YAML tag", "Remove the tag.")
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if isinstance(key, ScalarNode) and key.value == "<<":
                    yield document.problem(key, "the entry holds a merge key", "Write the merged values out.")
                waiting += key, value
        elif isinstance(node, SequenceNode):
            waiting += node.value


def _keys(document: Document, entry: MappingNode) -> Iterator[Problem]:
    """Keys given twice or written in a way that leaves no place for a further one."""
    if entry.flow_style and not document.raw(entry).startswith("{"):
        yield document.problem(entry, "the entry is a single pair without braces", "Write it as `{name: ...}`.")
    seen: set[str] = set()
    end = entry.start_mark.index
    for key, value in entry.value:
        if not isinstance(key, ScalarNode):
            yield document.problem(
                key, "a key of the entry is no plain word", "Remove it: kustomize knows no such key."
            )
            continue
        if key.value.casefold() in seen:
            advice = "Keep one of them: kustomize takes the last, and the case of the letters makes no difference."
            yield document.problem(key, f"the entry has two keys {key.value[:100]!r}", advice)
        seen.add(key.value.casefold())
        between = document.text[end : key.start_mark.index]
        if "?" in _COMMENT.sub("", between):
            yield document.problem(key, f"the key {key.value[:100]!r} is written with `?`", "Write it as `key: value`.")
        end = value.end_mark.index


def _contradictions(document: Document, found: dict[str, Pair]) -> Iterator[Problem]:
    tag, digest, new_name = (
        _text(found[field].value) if field in found else None for field in ("newTag", "digest", "newName")
    )
    if tag is not None and joined(tag):
        if digest is not None:
            message = "newTag carries a digest beside the one in the field `digest`"
            yield document.problem(found["newTag"].value, message, "Keep one of them.")
        before, _, after = tag.partition("@")
        if not is_tag(before) or not after:
            message = f"newTag is neither a tag nor a tag, `@` and a digest: {tag[:200]!r}"
            yield document.problem(found["newTag"].value, message, "Write the digest into the field `digest`.")
    if new_name is not None and new_name != without_tag(new_name):
        what = "a digest" if "@" in new_name else "a tag"
        advice = "Move it to the field `newTag` or `digest`: kustomize appends those to newName as it stands."
        yield document.problem(found["newName"].value, f"newName carries {what}: {new_name[:200]!r}", advice)


def mistyped(document: Document, node: Node) -> Iterator[Problem]:
    """The values without quotes that are texts to people and none to kustomize: `newTag: 1.10`.

    kustomize decodes the file through go-yaml v2 into Go strings and refuses all of it where a value is a number or a
    truth. What only other parsers take for something else (`2024-01-15`) is a string to it.
    """
    for field, (_, value) in fields(node).items():
        if not isinstance(value, ScalarNode) or value.style is not None:
            continue
        text = str(value.value)
        kind = scalars.kind_in_go(text)
        if kind is not None:
            message = f"{field}: {text[:100]} is {kind} to kustomize, which refuses the file"
            yield document.problem(value, message, f'Write it in quotes: `{field}: "{text[:100]}"`.')
