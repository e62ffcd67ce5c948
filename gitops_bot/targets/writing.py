"""How a value is written so that every parser reads it back as the same string, and splices, which put it there.

kustomize decodes through go-yaml v2 and refuses a tag that is not a string (`1.10`, `0123`, `on`); other tools of the
same repository follow YAML 1.1 (PyYAML) or 1.2 (ruamel.yaml). A value goes without quotes only where all agree.

All positions are code points of the one text that they were found in.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: No indicator at the front, no `: ` and no ` #` anywhere: a plain scalar in block and in flow style.
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/@=-]|:(?=[A-Za-z0-9]))*\Z")
#: The same with variables of a compose file in it. In flow style no such text stands without quotes, since `{` and `}`
#: are indicators there; whoever writes one keeps the style that it has.
_WITH_VARIABLES = re.compile(
    r"(?>(?:[A-Za-z0-9._/@=-]|:(?=[A-Za-z0-9$])|\$[A-Za-z_]\w*+|\$\{[A-Za-z_]\w*+(?>(?::?[-?][\w ./@:-]*+)?)\})+)\Z",
    re.ASCII,
)

#: The words that some parser takes for a boolean or for null, in any case.
_WORDS = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null"})

#: Numbers and dates of any of the parsers, after go-yaml's habit of dropping every `_` first: decimal, octal and
#: sexagesimal integers and floats with and without exponent; hexadecimal, octal, binary; timestamps.
_NUMBER = re.compile(
    r"""[0-9]+(?::[0-9]+)*(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?
      | 0x[0-9a-f]+ | 0o[0-7]+ | 0b[01]+
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t\ ].*)?""",
    re.VERBOSE | re.IGNORECASE,
)


def is_plain_string(text: str) -> bool:
    """Whether `text` without quotes is a string under YAML 1.1 and 1.2 alike."""
    if "$" in text and _WITH_VARIABLES.match(text):
        return ": " not in text and text[0] not in "-.@"
    if not _PLAIN.match(text) or text.casefold() in _WORDS:
        return False
    return not _NUMBER.fullmatch(text.replace("_", "")) if text[0].isdigit() else True


def needs_escapes(text: str) -> bool:
    """Whether `text` holds what no tag, digest or repository name does, and what cannot be written as it is."""
    return '"' in text or "'" in text or "\\" in text or not text.isprintable()


def render(text: str, quote: str | None = None) -> str:
    """`text` as it is written into a file: in the quotes given, or plain where that stays a string, else in `"`.

    Raises:
        ValueError: it needs escapes.
    """
    if needs_escapes(text):
        raise ValueError(f"{text[:300]!r} cannot be written without escapes")
    if not quote and is_plain_string(text):
        return text
    quote = quote or '"'
    return f"{quote}{text}{quote}"


#: The words of YAML 1.1 for true and false, which go-yaml takes in small letters, in capitals, and with one capital.
_TRUTHS = _WORDS - {"null"}
#: What Go's `strconv.ParseUint` takes by its prefix, and the floats of go-yaml, of which decimal integers are some.
_BY_PREFIX = re.compile(r"0(?:x[0-9a-f]+|o[0-7]+|b[01]+)", re.IGNORECASE)
_FLOAT = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?", re.IGNORECASE)
_BITS = 64
#: Numbers that these programs print as they were written: no zeros that make no difference, too short for an exponent.
SHORT_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{0,8}[1-9])?")
#: The words of YAML for no value.
NULLS = frozenset({"~", "null", "Null", "NULL"})


def kind_in_go(text: str) -> str | None:
    """What programs in Go take a plain scalar for; None for a string, and for null, which they take for no value.

    Signs and leading points do not count: no tag and no name begins with one.
    """
    if text.lower() in _TRUTHS and text in (text.lower(), text.upper(), text.title()):
        return "true or false"
    if not text[:1].isdecimal():
        return None
    digits = text.replace("_", "")  # go-yaml drops them first
    if _BY_PREFIX.fullmatch(digits):
        is_number = int(digits, 0).bit_length() <= _BITS  # a greater one stays a text
    else:
        is_number = _FLOAT.fullmatch(digits) is not None and math.isfinite(float(digits))
    return "a number" if is_number else None


LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """`text` shall stand where `[start, end)` stands now; an empty span inserts."""

    start: int
    end: int
    text: str


def apply(text: str, splices: Iterable[Splice]) -> str:
    """The text with every splice done; at one place an insertion comes before what is cut there.

    Raises:
        ValueError: two splices overlap, or one lies outside the text.
    """
    parts: list[str] = []
    at = 0
    for splice in sorted(splices):
        if not at <= splice.start <= splice.end <= len(text):
            raise ValueError(f"the span {splice.start}:{splice.end} overlaps another one or leaves the text")
        parts += text[at : splice.start], splice.text
        at = splice.end
    return "".join((*parts, text[at:]))


def line_end(text: str, index: int) -> int:
    """Where the line of `index` ends, before its line break."""
    line_break = LINE_BREAK.search(text, index)
    return line_break.start() if line_break else len(text)


def break_at(text: str, index: int) -> str:
    """The line break that stands at `index`, or the empty string."""
    line_break = LINE_BREAK.match(text, index)
    return line_break.group() if line_break else ""


def break_before(text: str, index: int) -> str:
    """The line break that ends at `index`, or the empty string."""
    before = text[max(0, index - 2) : index]
    if before == "\r\n":
        return before
    return before[-1] if before.endswith(("\r", "\n")) else ""
