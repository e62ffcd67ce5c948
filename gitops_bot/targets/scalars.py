"""How a value is written so that every parser reads it back as the same string.

kustomize decodes through go-yaml v2 and refuses a tag that is no string (`1.10`, `0123`, `on`); other tools of the
same repository follow YAML 1.1 (PyYAML) or 1.2 (ruamel.yaml). A value goes without quotes only where all agree.
"""

from __future__ import annotations

import re

#: No indicator at the front, no `: ` and no ` #` anywhere: a plain scalar in block and in flow style.
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/@-]|:(?=[A-Za-z0-9]))*\Z")

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
    if not _PLAIN.match(text) or text.casefold() in _WORDS:
        return False
    return not _NUMBER.fullmatch(text.replace("_", "")) if text[0].isdigit() else True


def render(text: str, quote: str | None = None) -> str:
    """`text` as it is written into a file: in the quotes given, or plain where that stays a string, else in `"`.

    Raises:
        ValueError: the text holds what would need an escape; no tag, digest or repository name does.
    """
    if '"' in text or "'" in text or "\\" in text or not text.isprintable():
        raise ValueError(f"{text[:300]!r} cannot be written without escapes")
    if not quote and is_plain_string(text):
        return text
    quote = quote or '"'
    return f"{quote}{text}{quote}"
