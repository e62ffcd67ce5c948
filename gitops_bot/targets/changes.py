"""Changes of a YAML file, in its mappings and in the texts inside of it: made, and proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gitops_bot.targets import document, pairs, proof, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ruamel.yaml.nodes import MappingNode

    from gitops_bot.targets.blocks import Block
    from gitops_bot.targets.document import Document
    from gitops_bot.targets.pairs import Pair
    from gitops_bot.targets.spans import Splice


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one mapping: the texts of its keys. `order` are all of its keys, new ones in their places."""

    mapping: MappingNode
    present: Mapping[str, Pair]
    order: Sequence[str]
    fields: pairs.Wanted


#: The changes of a file: in each of the texts inside of it, and outside of them.
Changes: TypeAlias = "Mapping[Block | None, Sequence[Change]]"


def edited(before: Document, changes: Changes, *, fold: bool = False) -> bytes:
    """The bytes of a file with these changes, proved. `fold`: the case of keys makes no difference in this file.

    Raises:
        EditError: a change cannot be made without touching something else.
    """
    splices: list[Splice] = []
    blocks: dict[int, tuple[Block, str]] = {}
    for block, inside in changes.items():
        if block is not None:
            found = list(_splices(block.document, inside))
            after = document.compose(spans.apply(block.document.text, found), before.file)
            proof.prove(block.document, after, _asked(inside))
            splices += map(block.outside, found)
            blocks[id(block.node)] = block, after.text
    outside = changes.get(None, ())
    splices += _splices(before, outside)
    if not splices:
        return before.text.encode()
    several = len(before.roots) > 1
    after = document.compose(spans.apply(before.text, splices), before.file, several=several)
    proof.prove(before, after, _asked(outside), fold=fold, blocks=blocks)
    return after.text.encode()


def _splices(before: Document, changes: Iterable[Change]) -> Iterator[Splice]:
    for change in changes:
        yield from pairs.splices(before, change.mapping, change.present, change.order, change.fields)


def _asked(changes: Iterable[Change]) -> Mapping[int, pairs.Wanted]:
    return {id(change.mapping): change.fields for change in changes}
