"""`WWW-Authenticate`: which ways in a registry offers. Grammar: RFC 9110, 11.6.1; several may stand in one header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Characters of a header that are read; a real one has about 200.
LIMIT = 4096

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar of a token, not one
_GAP = re.compile(r"[\s,]*")
# The value is meant to be a token or quoted; servers leave the quotes off addresses too.
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=]+)(?=[\s,]|\Z))')
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|\Z)")
_JUNK = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,\s])+|.', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in: the scheme in lower case, and its parameters by lower-case name."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(header: str) -> tuple[Challenge, ...]:
    """Every challenge of a header (repeated headers joined by commas), in its order; what cannot be read is left out.

    A parameter belongs to the last scheme before it; the first of two with one name counts.
    """
    found: list[tuple[str, dict[str, str]]] = []
    text, at = header[:LIMIT], 0
    while (at := _GAP.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # matches the empty string too
        if parameter := _PARAMETER.match(text, at):
            name, quoted, bare = parameter.groups()
            if found:
                value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
                found[-1][1].setdefault(name.lower(), value)
            at = parameter.end()
        elif scheme := _SCHEME.match(text, at):
            found.append((scheme[1].lower(), {}))
            at = scheme.end()
        else:
            at = _JUNK.match(text, at).end()  # type: ignore[union-attr]  # matches any character
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)
