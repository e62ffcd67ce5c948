"""What a commit object says, read from its bytes. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

#: How a commit object begins. Git reads a parent nowhere else, so that a later line of that name is none.
_BEGINNING = re.compile(rb"tree ([0-9a-f]{40,64})\n((?:parent [0-9a-f]{40,64}\n)*)")
_AUTHOR = re.compile(rb"^author (.*>)", re.MULTILINE)


class Headers(NamedTuple):
    """The parts of a commit object that count. What is not UTF-8 in author and message is replaced."""

    tree: str
    parents: tuple[str, ...]
    author: str
    message: str


def headers(data: bytes) -> Headers | None:
    """Read a commit object; None where it does not begin as one."""
    head, _, message = data.partition(b"\n\n")
    beginning = _BEGINNING.match(head + b"\n")
    if beginning is None:
        return None
    author = _AUTHOR.search(head)
    return Headers(
        beginning[1].decode("ascii"),
        tuple(beginning[2].decode("ascii").split()[1::2]),
        author[1].decode("utf-8", "replace") if author else "",
        message.decode("utf-8", "replace"),
    )
