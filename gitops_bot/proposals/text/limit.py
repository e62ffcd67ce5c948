"""How long a text may be, and how it is cut: between whole parts, with a note about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_Item = TypeVar("_Item")

#: GitHub's limit of a body, in characters.
LIMIT = 65_536


def size(text: str) -> int:
    """The length in UTF-16 code units, the most that any forge counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cost(lines: Iterable[str]) -> int:
    """The length of these lines, with their line breaks."""
    return sum(size(line) + 1 for line in lines)


def cut(items: Sequence[_Item], show: Callable[[_Item], str], room: int, word: Callable[[int], str]) -> list[str]:
    """The first items that fit into `room`, and where some do not, `word` for how many; nothing if that does not fit.

    Items are shown one by one: what comes after the cut costs nothing.
    """
    shown: list[str] = []
    for item in items:
        part = show(item)
        if cost([part]) > room:
            break
        room -= cost([part])
        shown.append(part)
    if len(shown) == len(items):
        return shown
    while shown and cost([word(len(items) - len(shown))]) > room:
        room += cost([shown.pop()])
    last = word(len(items) - len(shown))
    return [*shown, last] if cost([last]) <= room else []


def clip(text: str, room: int) -> str:
    """The beginning of a text, cut at `room` if it is longer; never within a character."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * max(room, 0)].decode("utf-16-le", "ignore")
