"""The proof that an edit did what was asked and nothing else. It knows both texts and what was asked, not the splices.

First the composed nodes of both texts are walked side by side: kinds, tags, values, styles and anchors must agree,
except for the fields asked for. What the walk finds changed, it marks as a region of the one text or the other; then
everything outside the regions must be the same, byte for byte, and so must the comments.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets.nodes import children, item_key, pairs, walk
from gitops_bot.targets.writing import LINE_BREAK, break_at, break_before, is_plain_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.targets.document import Block, Document

_STRING = "tag:yaml.org,2002:str"
#: What goes with a removed line behind its value, and what may stand between two pairs in braces.
_LINE_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:(?P<newline>\r\n|\r|\n)|\Z)")
_COMMENT = re.compile(r"#[^\r\n]*")
_COMMA = re.compile(r"\s*,\s*")


class _Region(NamedTuple):
    """A part of one text that an edit accounts for. `both` marks a value that has a region in the other text, too."""

    start: int
    end: int
    both: bool = False


class _Unproved(Exception):  # noqa: N818 - never leaves this module
    """What differs although nobody asked for it."""


def prove(
    before: Document,
    after: Document,
    asked: Mapping[int, Mapping[str, str | None]],
    *,
    blocks: Mapping[int, tuple[Block, str]] | None = None,
) -> None:
    """Check that `after` is `before` with the fields of the asked mappings changed and nothing else.

    `asked` says for the `id` of a mapping node of `before` which text each of its keys shall have, None for no key.
    `blocks` says for the `id` of a block scalar of `before` which text it shall hold, which was proved by itself.

    Raises:
        EditError: anything else differs, or something asked for is missing.
    """
    try:
        _Comparison(before, after, asked, blocks or {}).run()
    except _Unproved as error:
        message = f"the edit was not made, because it could not be proved to change nothing else: {error}"
        advice = "Nothing was written. Edit the file by hand, and please report this with the lines around the entry."
        raise EditError(Problem("failed.edit", message, advice, before.file)) from error


@dataclass(slots=True)
class _Comparison:
    before: Document
    after: Document
    asked: Mapping[int, Mapping[str, str | None]]
    blocks: Mapping[int, tuple[Block, str]]
    seen: set[tuple[int, int]] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    old: list[_Region] = field(default_factory=list)
    new: list[_Region] = field(default_factory=list)

    def run(self) -> None:
        if not self.before.roots:
            raise _Unproved("the document is empty")
        self.all_same(self.before.roots, self.after.roots)
        if self.done != {*self.asked, *self.blocks}:
            raise _Unproved("an entry that shall change is not there")
        if _outside(self.before.text, self.old) != _outside(self.after.text, self.new):
            raise _Unproved("the text around the changed values differs")
        if not set(LINE_BREAK.findall(self.after.text)) <= set(LINE_BREAK.findall(self.before.text)):
            raise _Unproved("a line break of another kind came in")
        if _comments(self.before, self.old) != _comments(self.after, self.new):
            raise _Unproved("a comment differs")

    def same(self, old: Node, new: Node) -> None:
        """Everything about two nodes agrees, except what was asked for inside."""
        if (id(old), id(new)) in self.seen:  # an alias leads back to the node of its anchor
            return
        self.seen.add((id(old), id(new)))
        if (
            type(old) is not type(new)
            or (old.ctag is not new.ctag and old.ctag != new.ctag)
            or old.anchor != new.anchor
        ):
            raise _Unproved(f"the node on line {old.start_mark.line + 1} has another kind, tag or anchor")
        match old, new:
            case (ScalarNode(), ScalarNode()) if id(old) in self.blocks:
                self.done.add(id(old))
                block, text = self.blocks[id(old)]
                if old.style != new.style or not block.holds(self.after.raw(new), new.value, text):
                    raise _Unproved(f"the block on line {old.start_mark.line + 1} is not the one asked for")
                self.mark(old, new)
            case (ScalarNode(), ScalarNode()):
                if (old.value, old.style) != (new.value, new.style):
                    raise _Unproved(f"the value on line {old.start_mark.line + 1} differs")
            case (MappingNode(), MappingNode()) if id(old) in self.asked and old.flow_style == new.flow_style:
                self.same_but_for(old, new, self.asked[id(old)])
            case (SequenceNode(), SequenceNode()) if id(old) in self.asked and old.flow_style == new.flow_style:
                self.items_but_for(old, new, self.asked[id(old)])
            case (CollectionNode(), CollectionNode()) if old.flow_style == new.flow_style:
                self.all_same(children(old), children(new))
            case _:
                raise _Unproved(f"the node on line {old.start_mark.line + 1} has another style")

    def all_same(self, old: Sequence[Node], new: Sequence[Node]) -> None:
        if len(old) != len(new):
            raise _Unproved("there are more or fewer values")
        for old_node, new_node in zip(old, new, strict=True):
            self.same(old_node, new_node)

    def same_but_for(self, old: MappingNode, new: MappingNode, asked: Mapping[str, str | None]) -> None:
        """The asked keys are as asked, the other pairs agree and keep their order."""
        self.done.add(id(old))
        added = {key: text for key, text in asked.items() if text is not None and key not in pairs(old)}
        staying, known = [], []
        for index, (key, value) in enumerate(old.value):
            if asked.get(_text(key), "") is None:
                self.old.append(_removal(self.before.text, old, index))
            else:
                staying.append((key, value))
        for index, (key, value) in enumerate(new.value):
            if (text := added.pop(_text(key), None)) is not None:
                self.is_written(value, text)
                self.new.append(_addition(self.after.text, new, index))
            else:
                known.append((key, value))
        if added or len(staying) != len(known):
            raise _Unproved(f"the entry on line {old.start_mark.line + 1} has more or fewer keys than asked for")
        for (old_key, old_value), (new_key, new_value) in zip(staying, known, strict=True):
            self.same(old_key, new_key)
            if (text := asked.get(_text(old_key))) is None:
                self.same(old_value, new_value)
                continue
            self.became(old_value, new_value, text)

    def items_but_for(self, old: SequenceNode, new: SequenceNode, asked: Mapping[str, str | None]) -> None:
        """The asked items of a list are as asked, the others agree."""
        self.done.add(id(old))
        if len(old.value) != len(new.value):
            raise _Unproved("there are more or fewer values")
        for index, (old_node, new_node) in enumerate(zip(old.value, new.value, strict=True)):
            if (text := asked.get(item_key(index))) is None:
                self.same(old_node, new_node)
            else:
                self.became(old_node, new_node, text)

    def became(self, old: Node, new: Node, text: str) -> None:
        """One value has become that text, in its own quotes or in double ones."""
        self.is_written(new, text)
        if not (isinstance(old, ScalarNode) and isinstance(new, ScalarNode) and new.style in (old.style, '"')):
            raise _Unproved(f"the value on line {old.start_mark.line + 1} lost its style")
        if old.anchor:
            raise _Unproved(f"the value on line {old.start_mark.line + 1} lost its anchor")
        self.mark(old, new)

    def is_written(self, value: Node, text: str) -> None:
        """The value is that text, and a string for every parser."""
        raw = self.after.raw(value)
        if not isinstance(value, ScalarNode) or value.value != text or value.anchor or str(value.ctag) != _STRING:
            raise _Unproved(f"the value on line {value.start_mark.line + 1} is not the one asked for")
        if raw not in (f"'{text}'", f'"{text}"') and not (raw == text and is_plain_string(text)):
            raise _Unproved(f"the value on line {value.start_mark.line + 1} is not a string for every parser")

    def mark(self, old: Node, new: Node) -> None:
        """What stands at a node differs, as it may."""
        self.old.append(_Region(old.start_mark.index, old.end_mark.index, both=True))
        self.new.append(_Region(new.start_mark.index, new.end_mark.index, both=True))


def _text(key: Node) -> str:
    return str(key.value) if isinstance(key, ScalarNode) else ""


def _addition(text: str, node: MappingNode, index: int) -> _Region:
    """Where an added pair stands: its line with the line break in front of it, or all from the comma on."""
    key, value = node.value[index]
    start, end, line = key.start_mark.index, value.end_mark.index, key.start_mark.index - key.start_mark.column
    if node.flow_style:
        lead, alone = ", ", True
    else:
        newline = break_before(text, line)
        lead = newline + " " * node.value[0][0].start_mark.column
        alone = newline != "" and (end == len(text) or newline == break_at(text, end))
    if not alone or text[start - len(lead) : value.start_mark.index] != f"{lead}{key.value}: ":
        raise _Unproved(f"the added {key.value} on line {key.start_mark.line + 1} is not alone in its place")
    return _Region(start - len(lead), end)


def _removal(text: str, node: MappingNode, index: int) -> _Region:
    """Where a pair stood that may go: its line, or its part of the line with one comma."""
    key, value = node.value[index]
    start, end, line = key.start_mark.index, value.end_mark.index, key.start_mark.index - key.start_mark.column
    following = node.value[index + 1][0].start_mark.index if index + 1 < len(node.value) else -1
    if node.flow_style and index:
        previous = node.value[index - 1][1].end_mark.index
        if _COMMA.fullmatch(text, previous, start):
            return _Region(previous, end)
    elif node.flow_style:
        if _COMMA.fullmatch(text, end, following):
            return _Region(start, following)
    elif key.start_mark.line == value.end_mark.line and (rest := _LINE_REST.match(text, end)):
        if not text[line:start].strip(" "):
            # Without a final line break the line before must end the file as this one did.
            return _Region(line if rest["newline"] else line - len(break_before(text, line)), rest.end())
        if following >= rest.end() and not text[rest.end() : following].strip(" "):
            return _Region(start, following)
    raise _Unproved(f"the {key.value} on line {key.start_mark.line + 1} cannot be removed alone")


def _outside(text: str, regions: list[_Region]) -> list[str]:
    """The text without the regions, cut where a value is replaced."""
    kept = [""]
    at = 0
    for region in sorted(regions):
        if region.start < at:
            raise _Unproved("two changes overlap")
        kept[-1] += text[at : region.start]
        if region.both:
            kept.append("")
        at = region.end
    kept[-1] += text[at:]
    return kept


def _comments(document: Document, regions: list[_Region]) -> list[str]:
    """Every comment, in the order of the file, without those inside the regions (they go with a removed line)."""
    if "#" not in document.text:
        return []
    at = 0
    comments: list[re.Match[str]] = []
    # Between the scalars are only blanks, comments and YAML's own marks.
    scalars = (node for node in walk(document.roots) if isinstance(node, ScalarNode))
    places = [(node.start_mark.index, node.end_mark.index) for node in scalars]
    for start, end in sorted([*places, (len(document.text), len(document.text))]):
        comments += _COMMENT.finditer(document.text, at, max(at, start))
        at = max(at, end)
    kept = []
    cuts = deque(sorted((region.start, region.end) for region in regions))
    for comment in comments:
        while cuts and cuts[0][1] <= comment.start():
            cuts.popleft()
        if not cuts or comment.start() < cuts[0][0]:
            kept.append(comment.group())
    return kept
