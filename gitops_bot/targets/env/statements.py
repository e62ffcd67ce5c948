"""The statements of a `.env` file and where their values stand, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import dotenv
from gitops_bot.targets.document import SIZE_LIMIT

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
    """A key with its value, from `start` to `end` of the text, quotes left out. Line and column count from 1."""

    key: str
    value: str
    start: int
    end: int
    line: int
    column: int


def decode(data: bytes, file: str) -> str:
    """The text of a file; everything in it counts, the byte order mark too.

    Raises:
        EditError: over 1 MiB, or no text.
    """
    if len(data) > SIZE_LIMIT:
        raise EditError(Problem("failed.edit", f"the file is larger than 1 MiB ({len(data)} bytes)", "Split it.", file))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise EditError(Problem("failed.edit", "the file is not UTF-8", "Save it as UTF-8.", file, line)) from error
    for char, name in (("\0", "a zero byte"), ("\r", "a carriage return without a line feed")):
        if (at := text.replace("\r\n", "\n\n").find(char)) >= 0:
            line = text.count("\n", 0, at) + 1
            raise EditError(Problem("failed.edit", f"the file has {name}", "Remove it.", file, line))
    return text


def read(text: str, file: str) -> tuple[Statement, ...]:
    """Every statement with a value on one line, in the order of the file.

    A value that runs over several lines is passed over, with what looks like a statement in it.

    Raises:
        EditError: a line is no statement, or a quote has no end.
    """
    found: list[Statement] = []
    at = len(text) - len(text.removeprefix("\ufeff"))
    opened: tuple[str, int] | None = None
    for number, line in enumerate(_LINE.findall(text, at), 1):
        content = line.rstrip("\r\n")
        if opened is not None:
            if (end := _ENDS[opened[0]].match(content)) is not None:
                _closed(content, end.end(), file, number)
                opened = None
        elif not _EMPTY.match(content):
            start = _start(content, file, number)
            quote = content[start.end() : start.end() + 1]
            if start[2] is None:
                pass  # the value is taken from where docker compose runs
            elif quote not in _ENDS:
                value = content[start.end() :].partition(" #")[0].rstrip()
                found.append(Statement(start[1], value, *_span(at + start.end(), value), number, start.end() + 1))
            elif (end := _ENDS[quote].match(content, start.end() + 1)) is not None:
                _closed(content, end.end(), file, number)
                value = content[start.end() + 1 : end.end() - 1]
                found.append(Statement(start[1], value, *_span(at + start.end() + 1, value), number, start.end() + 2))
            else:
                opened = (quote, number)
        at += len(line)
    if opened is not None:
        message = "the quoted value that begins here has no end"
        raise EditError(Problem("failed.edit", message, f"Close it with {opened[0]}.", file, opened[1]))
    if len(found) > _MOST:
        message = f"the file has more than {_MOST:,} statements"
        raise EditError(Problem("failed.edit", message, "Split the file.", file))
    return tuple(found)


def _start(content: str, file: str, line: int) -> re.Match[str]:
    """What stands in front of a value."""
    start = _START.match(content)
    if start is None or (start[2] is None and content[start.end() :].strip()):
        advice = "Write `KEY=value`, or `#` in front of a comment."
        raise EditError(Problem("failed.edit", "the line is no statement", advice, file, line))
    return start


def _span(start: int, value: str) -> tuple[int, int]:
    return start, start + len(value)


def _closed(content: str, end: int, file: str, line: int) -> None:
    """Nothing but a comment may stand behind a quoted value: programs read anything else differently."""
    if not _EMPTY.match(content, end):
        message, advice = "something stands behind a quoted value", "Put it on a line of its own, or behind `#`."
        raise EditError(Problem("failed.edit", message, advice, file, line, end + 1))
