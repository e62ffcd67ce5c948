"""Foreign text in Markdown: names from manifests and words from registries are shown, never obeyed."""

from __future__ import annotations

import re
import unicodedata

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
