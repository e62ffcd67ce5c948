"""A composed file comes back from its packed form as it was: the same nodes, at the same places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gitops_bot.targets import document, packed
from gitops_bot.targets.nodes import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ruamel.yaml.nodes import Node


def everything(roots: Sequence[Node]) -> list[object]:
    nodes = list(walk(roots))
    numbers = {id(node): number for number, node in enumerate(nodes)}

    def value(part: object) -> object:
        return [value(each) for each in part] if isinstance(part, list | tuple) else numbers.get(id(part), part)

    marks = [(mark.index, mark.line, mark.column) for node in nodes for mark in (node.start_mark, node.end_mark)]
    styles = [(getattr(node, "style", None), getattr(node, "flow_style", None)) for node in nodes]
    return [
        marks, styles, [(type(node), str(node.ctag), node.anchor, value(node.value)) for node in nodes],
        [numbers[id(root)] for root in roots],
    ]  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize(
    "start", ["", "\ufeff", "# c\n", "\ufeff\n\n"], ids=["plain", "mark", "comment", "mark, blank"]
)
@pytest.mark.parametrize(
    "text",
    [
        "a: b\nc: {d: 'e', f: [\"g\", 1, 1.10, ~, on]}\n", "a: |\n  b: c\n\nd: >-\n  e\n  f",
        "a: &x {y: 1} # c\nb: *x\nc: &l [*l]\n",
        "%TAG !e! tag:example.org,2000:\n---\na: !e!b%25c d\ne: !own {f: g}\n---\n- !!str h\n...\n",
        "images:\n- name: \u00e9\U0001f600\n  newTag:\n- {}\n", "",
    ], ids=["styles", "blocks", "aliases", "tags", "no values", "nothing"],
)  # fmt: skip
def test_nodes_come_back_as_they_were(text: str, start: str, newline: str) -> None:
    whole = (start + text).replace("\n", newline)
    roots = document.read(whole.encode(), "k.yaml", several=True).roots
    table = json.loads(json.dumps(packed.pack(roots)[0]))
    assert everything(packed.unpack(table, whole)[0]) == everything(roots)
