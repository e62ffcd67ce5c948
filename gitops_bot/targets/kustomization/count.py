"""How many images a kustomization pins, where nothing else about it is asked: a repository may have thousands."""

from __future__ import annotations

import re
from typing import Final

from gitops_bot.errors import EditError
from gitops_bot.targets.kustomization.file import read

#: The list in block style, as people write it: up to the next key at the beginning of a line.
_BLOCK: Final = re.compile(
    rb"^images:[ \t]*(?:#[^\n]*)?\r?\n((?:(?:[ \t#-][^\n]*|\r?)(?:\n|\Z))*)", re.IGNORECASE | re.MULTILINE
)
#: What an item of it begins with.
_ITEM: Final = re.compile(rb"^([ \t]*)-(?=[ \t\r\n]|\Z)", re.MULTILINE)


def count(data: bytes) -> int:
    """The number of its entries. It is read as YAML only where it is written in some other way than most."""
    if b"images" not in data.lower():
        return 0
    block = _BLOCK.search(data)
    items: list[bytes] = _ITEM.findall(block[1]) if block else []
    if items:
        return items.count(items[0])
    try:
        return len(read(data, "").entries)
    except EditError:
        return 0
