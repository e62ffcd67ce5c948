"""One item of `images:`: what it says, and whether it can be edited without a doubt.

Keys are matched as kustomize matches them: it decodes through Go's JSON package, whose field names ignore case by
Unicode's simple folding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from gitops_bot.images.reference import ImageName, is_digest, is_tag, split
from gitops_bot.targets import nodes, refusals, scalars
from gitops_bot.targets.pin_file import FileEntry
from gitops_bot.targets.pin_location import Place, pin_of
from gitops_bot.targets.yaml_pins import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.nodes import Pair

#: The fields that an edit may touch or take its bearings from, by their spelling in small letters.
_FIELDS = {field.casefold(): field for field in ("name", "newName", "newTag", "digest")}
_COMMENT = re.compile(r"#[^\r\n]*")


def read(document: Document, node: Node, *, anchored: bool = False) -> Place[Slot]:
    """What one item of `images:` says. `anchored` says that the list or what holds it can be reached by an alias."""
    pairs = _pairs(node)
    texts = {field: text for field, pair in pairs.items() if (text := _text(pair.value)) is not None}
    line, column = document.place(node)
    refusal = next(_refusals(document, node, pairs, texts, anchored=anchored), None)
    pin, _ = pin_of(texts.get("newTag"), texts.get("digest"))
    entry = FileEntry(texts.get("name", ""), texts.get("newName"), pin, line, column, refusal)
    if not isinstance(node, MappingNode):
        return Place(entry)
    name, new_name, tag, digest = (
        Slot(node, str(pairs[field].key.value) if field in pairs else field, optional=field == "digest")
        for field in _FIELDS.values()
    )
    return Place(entry, name=name, repository=new_name, tag=tag, digest=digest)


def _pairs(node: Node) -> dict[str, Pair]:
    """The pairs of an entry that matter here, by kustomize's own spelling of their keys."""
    return {_FIELDS[folded]: pair for key, pair in nodes.pairs(node).items() if (folded := key.casefold()) in _FIELDS}


def _text(value: Node) -> str | None:
    """The text of a value; None where kustomize sees no value either (nothing, empty quotes, a plain null)."""
    if not isinstance(value, ScalarNode) or (value.style is None and value.value in scalars.NULLS):
        return None
    return str(value.value) or None


def _refusals(
    document: Document, node: Node, pairs: Mapping[str, Pair], texts: Mapping[str, str], *, anchored: bool
) -> Iterator[Problem]:
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
    for field, pair in pairs.items():
        value = pair.value
        text = str(value.value) if isinstance(value, ScalarNode) else document.raw(value)[:300]
        if refusals.placeholder(text, fits=_fits(field, text)):
            advice = "Pin the image where the template gets its values."
            yield document.problem(value, f"{field} holds a template placeholder: {text[:100]!r}", advice)
    yield from _marks(document, node)
    yield from _keys(document, node)
    for field, pair in pairs.items():
        if problem := refusals.unclear(document, field, pair):
            yield problem
    if "name" not in texts:
        yield document.problem(node, "the entry has no name", "Give it the image name that the base uses.")
    yield from _contradictions(document, pairs, texts)


def _fits(field: str, text: str) -> bool:
    if field == "digest":
        return is_digest(text)
    if field == "newTag":
        return is_tag(text.partition("@")[0])
    return ImageName.of(split(text)[0]) is not None


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
        if merge := nodes.pairs(node).get("<<"):
            yield document.problem(merge.key, "the entry holds a merge key", "Write the merged values out.")
        waiting += nodes.children(node)


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


def _contradictions(document: Document, pairs: Mapping[str, Pair], texts: Mapping[str, str]) -> Iterator[Problem]:
    tag, new_name = texts.get("newTag", ""), texts.get("newName", "")
    name, joint, digest = tag.partition("@")
    if joint and "digest" in texts:
        message = "newTag carries a digest beside the one in the field `digest`"
        yield document.problem(pairs["newTag"].value, message, "Keep one of them.")
    if joint and (not is_tag(name) or not digest):
        message = f"newTag is neither a tag nor a tag, `@` and a digest: {tag[:200]!r}"
        yield document.problem(pairs["newTag"].value, message, "Write the digest into the field `digest`.")
    if new_name != split(new_name)[0]:
        what = "a digest" if "@" in new_name else "a tag"
        advice = "Move it to the field `newTag` or `digest`: kustomize appends those to newName as it stands."
        yield document.problem(pairs["newName"].value, f"newName carries {what}: {new_name[:200]!r}", advice)


def mistyped(document: Document, node: Node) -> Iterator[Problem]:
    """The values without quotes that are texts to people and none to kustomize: `newTag: 1.10`.

    kustomize decodes the file through go-yaml v2 into Go strings and refuses all of it where a value is a number or a
    truth. What only other parsers take for something else (`2024-01-15`) is a string to it.
    """
    for field, (_, value) in _pairs(node).items():
        if not isinstance(value, ScalarNode) or value.style is not None:
            continue
        text = str(value.value)
        if kind := scalars.kind_in_go(text):
            message = f"{field}: {text[:100]} is {kind} to kustomize, which refuses the file"
            yield document.problem(value, message, f'Write it in quotes: `{field}: "{text[:100]}"`.')
