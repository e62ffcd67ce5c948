"""What docker compose reads from a `.env` file, by its own rules: one statement after the other, as a stream.

The rules are those of https://github.com/compose-spec/compose-go. Substitutions in values are not done.
"""

from __future__ import annotations

import re
from typing import Final

#: Blanks, which a line break is none of.
BLANK: Final = r"[ \t\v\f\r\x85\xa0]"
KEY: Final = r"[\w.\[\]-]+"
_SKIP: Final = re.compile(r"(?>(?:\s|#[^\n]*+)*)")
_KEY: Final = re.compile(rf"(?>(?:export{BLANK}+)?)({KEY})(?>{BLANK}*)(?:([=:])(?>{BLANK}*)|\n|\Z)")
_QUOTED: Final = re.compile(r"""(["'])((?>(?:(?!\1)[^\\]|\\.)*))\1""", re.DOTALL)
_LINE: Final = re.compile(r"[^\n]*+")


def values(text: str) -> dict[str, str]:
    """The values by their keys; of two the last one.

    Raises:
        ValueError: docker compose refuses the file.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    read: dict[str, str] = {}
    at = _end(_SKIP, text, 0)
    while at < len(text):
        statement = _KEY.match(text, at)
        if statement is None:
            raise ValueError("a statement has no key")
        at = statement.end()
        if statement[2]:
            if text[at : at + 1] in ("'", '"') and at < len(text):
                quoted = _QUOTED.match(text, at)
                if quoted is None:
                    raise ValueError("a quoted value has no end")
                read[statement[1]], at = quoted[2], quoted.end()
            else:
                end = _end(_LINE, text, at)
                read[statement[1]], at = text[at:end].partition(" #")[0].rstrip(), end
        at = _end(_SKIP, text, at)
    return read


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
