"""An item of a list `images:` as kustomize has it: in a kustomization, and in resources of Flux.

Keys are matched as kustomize matches them: it decodes through Go's JSON package, whose field names ignore case by
Unicode's simple folding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import MappingNode, ScalarNode

from gitops_bot.images.reference import ImageName, is_digest, is_tag, split
from gitops_bot.targets import nodes, writing, yaml_pins
from gitops_bot.targets.pin_file import FileEntry, Place, pin_of
from gitops_bot.targets.yaml_pins import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.nodes import KeyAndValue

#: The fields that an edit may touch or take its bearings from, by their spelling in small letters.
_FIELDS = {field.casefold(): field for field in ("name", "newName", "newTag", "digest")}
_COMMENT = re.compile(r"#[^\r\n]*")
#: What Flux fills in after kustomize (`postBuild`), with its default where nothing sets it: `${NAME:=default}`.
_VARIABLE = re.compile(r"\$\{\w+(?::?[=-](?P<default>[^{}]*)|[^{}]*)\}")


def entry(parsed: Document, node: Node, *, anchored: bool = False) -> Place[Slot]:
    """What one item of `images:` says. `anchored` says that the list or what holds it can be reached by an alias."""
    pairs = fields(node)
    texts = {field: text for field, pair in pairs.items() if (text := _text(pair.value)) is not None}
    written = texts.get("newName", "")
    repository = _VARIABLE.sub(lambda variable: variable["default"] or variable[0], written)
    line, column = parsed.place(node)
    refusal = next(_refusals(parsed, node, pairs, texts | {"newName": repository}, anchored=anchored), None)
    pin, _ = pin_of(texts.get("newTag"), texts.get("digest"))
    default = repository if repository != written else None
    own = FileEntry(texts.get("name", ""), texts.get("newName"), pin, line, column, refusal, default)
    if not isinstance(node, MappingNode):
        return Place(own)
    name, new_name, tag, digest = (
        Slot(node, str(pairs[field].key.value) if field in pairs else field, optional=field == "digest")
        for field in _FIELDS.values()
    )
    is_template = yaml_pins.has_placeholder(written, fits=_fits("newName", written))
    return Place(own, name=name, repository=None if is_template else new_name, tag=tag, digest=digest)


def fields(node: Node | None) -> dict[str, KeyAndValue]:
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


def _marks(parsed: Document, item: MappingNode) -> Iterator[Problem]:
    """Anchors, aliases, merge keys and explicit tags anywhere inside the entry."""
    for node in nodes.walk([item]):
        if node is not item and node.anchor is not None:
            advice = f"Write the value out: what is edited here may change wherever &{node.anchor} is used."
            yield parsed.problem(item, "the entry holds an anchor or an alias", advice)
            return  # what hangs on an alias may be endless
        if yaml_pins.has_tag(parsed, node):
            yield parsed.problem(node, "the entry holds an explicit YAML tag", "Remove the tag.")
        if merge := nodes.pairs(node).get("<<"):
            yield parsed.problem(merge.key, "the entry holds a merge key", "Write the merged values out.")


def _keys(parsed: Document, item: MappingNode) -> Iterator[Problem]:
    """Keys given twice or written in a way that leaves no place for a further one."""
    if item.flow_style and not parsed.raw(item).startswith("{"):
        yield parsed.problem(item, "the entry is a single pair without braces", "Write it as `{name: ...}`.")
    seen: set[str] = set()
    end = item.start_mark.index
    for key, value in item.value:
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
