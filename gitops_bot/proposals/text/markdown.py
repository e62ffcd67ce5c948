"""Foreign text in Markdown: names from manifests and words from registries are shown, never obeyed; and its length.

What is too long is cut between whole parts, with a note about the rest.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_Item = TypeVar("_Item")

#: GitHub's limit of a body, in characters.
LIMIT = 65_536
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&$])")
#: What makes a list, a rule or a heading of a line that begins with it.
_OPENING = re.compile(r"^(?:(?=[-+=])|([0-9]{1,9})(?=[.)](?: |$)))")
#: What a forge acts upon even where Markdown is escaped: mentions, issues (closed by "fixes #1", "fixes GH-1"),
#: addresses.
_ACTIVE = re.compile(r"[@#]|:(?=//)|www(?=\.)|\bGH(?=-[0-9])", re.IGNORECASE)
#: Not seen, and no part of any word that a forge knows.
BREAK = "\u200b"
_TICKS = re.compile(r"`+")


def plain(text: str, limit: int = 500) -> str:
    """One line without control and formatting characters (line breaks, escapes, bidi overrides), cut at `limit`."""
    if not text.isprintable():
        text = "".join(
            " " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C"
        )
    shown = " ".join(text.split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def quiet(text: str, limit: int = 500) -> str:
    """Text for where no Markdown is read: titles and commit messages. It notifies nobody and closes nothing."""
    return _ACTIVE.sub(rf"\g<0>{BREAK}", plain(text, limit))


def prose(text: str, limit: int = 500) -> str:
    """Text that Markdown shows as it stands. Zero-width spaces keep it from notifying, closing or linking anything."""
    escaped = _SPECIAL.sub(r"\\\1", plain(text, limit))
    return _ACTIVE.sub(rf"\g<0>{BREAK}", _OPENING.sub(lambda match: f"{match[1] or ''}\\", escaped))


def code(text: str, limit: int = 500) -> str:
    """A code span that survives back-ticks and, inside a table, pipes."""
    shown = plain(text, limit).replace("|", "\\|")
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in _TICKS.findall(shown)), default=0) + 1)
    space = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}"


def html_code(text: str, limit: int = 500) -> str:
    """A code element, for where HTML stands around it and Markdown is not read."""
    from html import escape  # which also loads 2,000 names of characters

    shown = escape(plain(text, limit))
    return f"<code>{shown}</code>" if shown else ""


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
