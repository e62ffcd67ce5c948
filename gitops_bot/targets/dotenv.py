"""A `.env` file: its statements and where their values stand, what docker compose reads, and the proof of an edit.

Its rules are those of https://github.com/compose-spec/compose-go. Substitutions in values are not done.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document
from gitops_bot.targets.pin_file import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Blanks; a line break is not one.
_BLANK: Final = r"[ \t\v\f\r\x85\xa0]"
_NAME: Final = r"[\w.\[\]-]+"
_SKIP: Final = re.compile(r"(?>(?:\s|#[^\n]*+)*)")
_KEY: Final = re.compile(rf"(?>(?:export{_BLANK}+)?)({_NAME})(?>{_BLANK}*)(?:([=:])(?>{_BLANK}*)|\n|\Z)")
_QUOTED: Final = re.compile(r"""(["'])((?>(?:(?!\1)[^\\]|\\.)*))\1""", re.DOTALL)
_LINE: Final = re.compile(r"[^\n]*+")
#: The greatest files of real repositories have some hundred.
_MOST: Final = 20_000
_WHOLE_LINE: Final = re.compile(r"[^\n]*+\n?")
_EMPTY: Final = re.compile(r"\s*+(?:#|\Z)")
_START: Final = re.compile(rf"(?>{_BLANK}*)(?>(?:export{_BLANK}+)?)({_NAME})(?>{_BLANK}*)(?:([=:])((?>{_BLANK}*)))?")
#: Up to the quote that ends a value.
_ENDS: Final = {quote: re.compile(rf"(?>(?:[^\\{quote}\n]|\\.)*){quote}") for quote in "'\""}


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


def read(data: bytes, file: str) -> tuple[str, tuple[Span, ...], Mapping[str, int]]:
    """The text of a file, and the value of every statement in it that has one on one line, without its quotes.

    A value that runs over several lines is passed over, with what looks like a statement in it. Keys with such values
    come last, each with the line on which the last of them begins.

    Raises:
        EditError: over 1 MiB, not UTF-8, over 20,000 statements; a line is not a statement, or a quote has no end.
    """
    text = _decode(data, file)
    statements: list[Span] = []
    at = len(text) - len(text.removeprefix("\ufeff"))
    opened: tuple[str, int] | None = None
    over_lines: dict[str, int] = {}
    for number, line in enumerate(_WHOLE_LINE.findall(text, at), 1):
        content, closed = line.rstrip("\r\n"), None
        if opened is not None:
            closed = _ENDS[opened[0]].match(content)
            opened = opened if closed is None else None
        elif not _EMPTY.match(content):
            key, first, quote = _start(content, file, number)
            closed = _ENDS[quote].match(content, first) if quote else None
            if quote and closed is None:
                opened = quote, number
                over_lines[key] = number
            elif key:
                value = content[first : closed.end() - 1] if closed else content[first:].partition(" #")[0].rstrip()
                statements.append(Span(at + first, value, key=key, line=number, column=first + 1))
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
    return text, tuple(statements), over_lines


def _decode(data: bytes, file: str) -> str:
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
        message, advice = "the line is not a statement", "Write `KEY=value`, or `#` in front of a comment."
        if document.conflict_marker(content):
            message, advice = f"line {line} is a conflict marker", document.MEND_CONFLICT
        raise EditError(Problem("failed.edit", message, advice, file, line))
    first = start.end()
    quote = content[first] if content[first : first + 1] in _ENDS else ""
    return start[1] if start[2] is not None else "", first + len(quote), quote


def prove(before: str, after: str, asked: Mapping[str, str], file: str) -> None:
    """Refuse an edit, unless docker compose reads both texts alike but for these values, and no other text differs."""
    if (why := _difference(before, after, asked)) is not None:
        message = f"the edit was not made, because it could not be proved to change nothing else: {why}"
        raise EditError(Problem("failed.edit", message, "Nothing was written. Edit the file by hand.", file))


def _difference(before: str, after: str, asked: Mapping[str, str]) -> str | None:
    try:
        old, new = values(before), values(after)
    except ValueError as error:
        return str(error)
    if new != {**old, **asked} or list(new) != list(old):
        return "docker compose would read other values"
    lines = list(zip(before.split("\n"), after.split("\n"), strict=False))
    if before.count("\n") != after.count("\n"):
        return "there are more or fewer lines"
    changed = [(line, other) for line, other in lines if line != other]
    wanted = {key: (old[key], text) for key, text in asked.items() if old[key] != text}
    if len(changed) != len(wanted):
        return "another line differs"
    for key, (value, text) in wanted.items():
        if not any(_is_replacement(line, other, key, value, text) for line, other in changed):
            return "more than a value differs"
    return None


def _is_replacement(line: str, other: str, key: str, value: str, text: str) -> bool:
    """Whether a line is another one with one text in the place of a value, behind its key."""
    behind = line.find(key) + len(key)
    return key in line and any(
        line.startswith(value, at) and line[:at] + text + line[at + len(value) :] == other
        for at in range(behind, len(line) - len(value) + 1)
    )
