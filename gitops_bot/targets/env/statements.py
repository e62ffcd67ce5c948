"""The statements of a `.env` file and where their values stand, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document, dotenv

#: The greatest files of real repositories have some hundred.
_MOST: Final = 20_000
_LINE: Final = re.compile(r"[^\n]*+\n?")
_EMPTY: Final = re.compile(r"\s*+(?:#|\Z)")
_START: Final = re.compile(
    rf"(?>{dotenv.BLANK}*)(?>(?:export{dotenv.BLANK}+)?)({dotenv.KEY})(?>{dotenv.BLANK}*)(?:([=:])((?>{dotenv.BLANK}*)))?"
)
#: Up to the quote that ends a value.
_ENDS: Final = {quote: re.compile(rf"(?>(?:[^\\{quote}\n]|\\.)*){quote}") for quote in "'\""}


@dataclass(frozen=True, slots=True)
class Statement:
    """A key with its value, which starts at `start` of the file's text, quotes left out. `column` is the value's."""

    key: str
    text: str
    start: int
    line: int
    column: int
    bare: bool = False

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.start + len(self.text)


def read(data: bytes, file: str) -> tuple[str, tuple[Statement, ...]]:
    """The text of a file, and every statement in it with a value on one line.

    A value that runs over several lines is passed over, with what looks like a statement in it.

    Raises:
        EditError: over 1 MiB, no text, over 20,000 statements; a line is no statement, or a quote has no end.
    """
    text = _decoded(data, file)
    statements: list[Statement] = []
    at = len(text) - len(text.removeprefix("\ufeff"))
    opened: tuple[str, int] | None = None
    for number, line in enumerate(_LINE.findall(text, at), 1):
        content, closed = line.rstrip("\r\n"), None
        if opened is not None:
            closed = _ENDS[opened[0]].match(content)
            opened = opened if closed is None else None
        elif not _EMPTY.match(content):
            key, first, quote = _start(content, file, number)
            closed = _ENDS[quote].match(content, first) if quote else None
            if quote and closed is None:
                opened = quote, number
            elif key:
                value = content[first : closed.end() - 1] if closed else content[first:].partition(" #")[0].rstrip()
                statements.append(Statement(key, value, at + first, number, first + 1))
        if closed is not None and not _EMPTY.match(content, closed.end()):  # programs differ on what that means
            message, advice = "something stands behind a quoted value", "Put it on a line of its own, or behind `#`."
            raise EditError(Problem("failed.edit", message, advice, file, number, closed.end() + 1))
        at += len(line)
    if opened is not None:
        message = "the quoted value that begins here has no end"
        raise EditError(Problem("failed.edit", message, f"Close it with {opened[0]}.", file, opened[1]))
    if len(statements) > _MOST:
        message = f"the file has more than {_MOST:,} statements"
        raise EditError(Problem("failed.edit", message, "Split the file.", file))
    return text, tuple(statements)


def _decoded(data: bytes, file: str) -> str:
    text = document.decode(data, file)
    for char, name in (("\0", "a zero byte"), ("\r", "a carriage return without a line feed")):
        if (at := text.replace("\r\n", "\n\n").find(char)) >= 0:
            line = text.count("\n", 0, at) + 1
            raise EditError(Problem("failed.edit", f"the file has {name}", "Remove it.", file, line))
    return text


def _start(content: str, file: str, line: int) -> tuple[str, int, str]:
    """The key of a statement, where its value starts, and the quote in front of that.

    No key where docker compose takes the value from its own environment.
    """
    start = _START.match(content)
    if start is None or (start[2] is None and content[start.end() :].strip()):
        advice = "Write `KEY=value`, or `#` in front of a comment."
        raise EditError(Problem("failed.edit", "the line is no statement", advice, file, line))
    first = start.end()
    quote = content[first] if content[first : first + 1] in _ENDS else ""
    return start[1] if start[2] is not None else "", first + len(quote), quote
