"""Foreign text in Markdown: names from manifests and words from registries are shown, never obeyed."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&$])")
#: What a forge acts upon even where Markdown is escaped: mentions, issues (closed by "fixes #1"), addresses.
_ACTIVE = re.compile(r"[@#]|:(?=//)|www(?=\.)", re.IGNORECASE)
_TICKS = re.compile(r"`+")


def plain(text: str, limit: int = 500) -> str:
    """One line without control and formatting characters (line breaks, escapes, bidi overrides), cut at `limit`."""
    shown = "".join(
        " " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def prose(text: str) -> str:
    """Text that Markdown shows as it stands. Zero-width spaces keep it from notifying, closing or linking anything."""
    return _ACTIVE.sub("\\g<0>\u200b", _SPECIAL.sub(r"\\\1", plain(text)))


def code(text: str) -> str:
    """A code span that survives back-ticks and, inside a table, pipes."""
    shown = plain(text).replace("|", "\\|")
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in _TICKS.findall(shown)), default=0) + 1)
    space = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}"
