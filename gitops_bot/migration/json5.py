"""JSON5 for files that are only read: comments, single quotes, keys without quotes, commas at the end; in one pass.
Numbers in hexadecimal and `Infinity` are kept as they are written: nobody asks for such a value here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from gitops_bot.targets.yaml_values import Placed

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES: Final = 512 * 1024
_DEPTH: Final = 50
#: What may stand between two tokens, then one token: a sign, a text in quotes, or a word. Each branch begins with
#: another character, and each character inside of a text is taken by one branch only, so one look is linear.
_SKIPPED: Final = re.compile(r"(?>(?:[\s\ufeff]|//[^\n]*+|/\*(?>(?:[^*]|\*(?!/))*)\*/)*)")
_TOKEN: Final = re.compile(
    r"""[{}\[\]:,]|"(?>(?:[^"\\\n]|\\[\s\S])*)"|'(?>(?:[^'\\\n]|\\[\s\S])*)'|[^\s{}\[\]:,"'/]++""",
)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|\r\n|[\s\S])")
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0", "\n": "", "\r\n": ""}
_SIGNS: Final = frozenset("{}[]:,")


def read(data: bytes, file: str = "") -> Placed:
    """The value of a file; a number or a truth is a text, null an empty one. Raises ValueError, whose message begins
    with the line, if it is not JSON5, too large, or nested too deeply.
    """
    if len(data) > _MOST_BYTES:
        raise ValueError(f"line 1: more than {_MOST_BYTES // 1024} KiB")
    reader = _Reader(data.decode("utf-8", "replace"), file)
    value = reader.value(0)
    if reader.next:
        reader.fail("text after the end")
    return value


class _Reader:
    """Where the reading stands: `next` is the token that comes next, an empty text at the end, and `line` its line."""

    __slots__ = ("_file", "_tokens", "line", "next")

    def __init__(self, text: str, file: str) -> None:
        self._tokens, self._file = _tokens(text), file
        self.next, self.line = next(self._tokens)

    def take(self) -> str:
        token = self.next
        self.next, self.line = next(self._tokens, ("", self.line))
        return token

    def fail(self, what: str) -> NoReturn:
        raise ValueError(f"line {self.line}: {what}")

    def value(self, depth: int) -> Placed:
        line = self.line
        if depth > _DEPTH:
            self.fail("nested too deeply")
        match self.next:
            case "{":
                return Placed(line, pairs=dict(self._pairs(depth)), file=self._file)
            case "[":
                return Placed(line, items=list(self._items(depth)), file=self._file)
            case "" | "}" | "]" | ":" | "," as sign:
                return self.fail(f"{sign!r} is not a value" if sign else "it ends too early")
            case _:
                return Placed(line, text=_text(self.take()), file=self._file)

    def _pairs(self, depth: int) -> Iterator[tuple[str, Placed]]:
        self.take()
        while self.next != "}":
            if not self.next or self.next in _SIGNS:
                self.fail("a key is missing")
            key = _text(self.take())
            if self.take() != ":":
                self.fail(f"no colon after {key[:60]!r}")
            yield key, self.value(depth + 1)
            self._comma("}")
        self.take()

    def _items(self, depth: int) -> Iterator[Placed]:
        self.take()
        while self.next != "]":
            yield self.value(depth + 1)
            self._comma("]")
        self.take()

    def _comma(self, end: str) -> None:
        if self.next == ",":
            self.take()
        elif self.next != end:
            self.fail(f"neither a comma nor {end!r}")


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """The tokens with their lines; an empty one at the end."""
    at, line = 0, 1
    while True:
        skipped = _SKIPPED.match(text, at)
        start = skipped.end() if skipped else at
        line += text.count("\n", at, start)
        if start >= len(text):
            yield "", line
            return
        token = _TOKEN.match(text, start)
        if token is None:
            raise ValueError(f"line {line}: {text[start]!r} has no meaning here")
        yield token[0], line
        at = token.end()
        line += token[0].count("\n")


def _text(word: str) -> str:
    if word[0] not in "\"'":
        return "" if word == "null" else word
    return _ESCAPE.sub(_unescape, word[1:-1])


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) > 2 and escape[0] in "ux":
        return chr(int(escape[1:], 16))
    return _SHORT.get(escape, escape)
