"""The last line of defence: no secret, and nothing that a terminal or a job's log would obey, is ever shown.

Code that gets a secret registers it here; code that shows text (the log, the reports, a traceback) strikes secrets out
here. What is written to a repository never passes through here: a pin is a pin, whatever it looks like.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STRUCK = "***"

#: Shorter secrets are not struck out: `test` or `main` would vanish from every report.
SHORTEST = 6
#: A line that is a secret by itself: of a key, or of the JSON of a service account.
_SHORTEST_LINE = 16
#: Short-lived secrets that are remembered: a process that runs for months gets ever new ones.
_PASSING = 1024

# Secrets that nobody registered, as a server, a label or a file may hold them. No repetition is tried twice over the
# same text, so a hostile one takes no longer than another. Only single characters are repeated possessively: of a
# group, Python before 3.11.5 takes too much, and what follows a secret would be struck out, too.

#: PEM, also as git repeats what a server says.
_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[\sA-Za-z0-9+/=\\·]++|(?<=remote):|(?<=Proc)-Type: 4,ENCRYPTED|(?<=DEK)-Info: [A-Z0-9-]{1,40},"
    r"|(?<=Version|Comment): [\w. ()/+-]{0,100}+)*(?:-----END [A-Z0-9 ]{0,40}-----)?"
)
#: A login in an address; the `git@` of ssh is none, nor is the name of an image before its digest.
_LOGIN = r"://(?:(?<!ssh://)|(?=[^/\s@:]{0,500}:))[^/\s\"<>]{1,2000}@(?!sha(?:256|512):)"
#: An address that is signed, or carries a token.
_SIGNED = (
    r"(?i)([?&](?:(?:access_|private_)?token|sig(?:nature)?|x-(?:amz|goog)-(?:signature|credential|security-token))=)"
    r"[^&\s'\"<>]{1,8000}+"
)
#: A header, also where a structure of Python or JSON is quoted.
_HEADER = (
    r"(?i)(\bauthorization\\{0,15}[\"']?\s{0,5}[:=,]\s{0,5}b?\\{0,15}[\"']?)"
    r"(?:(?:bearer|basic|token)\s{1,5}[^\s\"'\\,;]{1,8000}+"
    r"|(?<!/authorization:)(?!@?sha(?:256:|512:|-[0-9a-f]{7}))[^\s\"'\\,;]{16,8000}+)"
)
_SCHEME = r"(?i)\b((?:bearer|basic)\s{1,5})[a-z0-9._~+/=-]{20,8000}+"
#: JSON, also inside of a string: docker's configuration, answers of token servers and of credential helpers.
_FIELD = (
    r"(?i)([\"'](?:auth|(?:identity|registry|id_|refresh_|access_?)?token|(?:client_)?secret|passw(?:or)?d|private_key)"
    r"\\{0,15}[\"']\s{0,5}[:=]\s{0,5}(\\{0,15}[\"']))(?:(?!\2)(?:\\{1,16}+.|[^\\\n])){1,8000}"
)
#: What is recognised by itself: the tokens of forges and registries (`gh?_`, `NAME_pat_`, `gl*-`, `ya29.`), JWT, and
#: the passwords of Amazon's registries.
_TELLING = (
    r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9_]{16,2000}+(?:[.-][A-Za-z0-9_-]{1,4000}+){0,3}"
    r"|[a-z]{4,12}_(?:pat|oat)_[A-Za-z0-9_-]{16,500}+"
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-[A-Za-z0-9_.-]{16,500}+"
    r"|ya29\.[A-Za-z0-9_.-]{16,4000}+"
    r"|eyJ(?:[A-Za-z0-9_+/=-]{60,}+|[A-Za-z0-9_-]{8,59}\.[A-Za-z0-9_-]{8,}+)[A-Za-z0-9_.+/=-]*+)"
)


def _line_by_line(match: re.Match[str]) -> str:
    """As many lines as before: a diff keeps its numbers."""
    return re.sub(r"[^\n]+", STRUCK, match[0])


class _Form(NamedTuple):
    """What a secret looks like, and what stands instead. It contains one of the `hints`, in lower case."""

    hints: tuple[str, ...]
    expression: str
    instead: str | Callable[[re.Match[str]], str]


_FORMS = (
    _Form(("private key",), _KEY, _line_by_line),
    _Form(("://",), _LOGIN, f"://{STRUCK}@"),
    _Form(("token=", "sig=", "signature=", "credential="), _SIGNED, rf"\1{STRUCK}"),
    _Form(("authorization",), _HEADER, rf"\1{STRUCK}"),
    _Form(("bearer", "basic"), _SCHEME, rf"\1{STRUCK}"),
    _Form(("auth", "token", "secret", "passw", "private_key"), _FIELD, rf"\1{STRUCK}"),
    _Form(("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "_pat_", "_oat_", "gl", "ya29.", "eyj"), _TELLING, STRUCK),
)

#: What GitHub Actions (`::` at the start of a line, after any blanks; `##[`) and its relatives (`##vso[`) would obey.
_COMMAND = re.compile(r"^[^\S\n]*:(?=:)|#(?=#[a-z]{0,20}\[)", re.MULTILINE)
_UNUSUAL = re.compile(r"[^ -~\n\t]")

#: They belong to the process, like its environment: every room that shows text needs them all.
_known: set[str] = set()
_passing: deque[str] = deque(maxlen=_PASSING)
_lock = threading.Lock()


def learn(*secrets: str | None, passing: bool = False) -> None:
    """Never show these from now on, nor their forms in an address or in JSON.

    `passing`: they are short-lived, and only the newest are remembered.
    """
    forms: set[str] = set()
    for secret in secrets:
        if secret and secret not in _known:
            # Of several lines, each long one too.
            lines = (line.strip() for line in secret.splitlines())
            for part in (secret.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)):
                forms |= {part, quote(part, safe="", errors="replace"), json.dumps(part)[1:-1]}
    forms = {form for form in forms if len(form) >= SHORTEST}
    with _lock:
        if passing:
            _passing.extend(forms.difference(_known, _passing))
        else:
            _known.update(forms)


def strike(text: str) -> str:
    """The text with every known secret, and everything in the form of one, struck out."""
    with _lock:
        present = [secret for secrets in (_known, _passing) for secret in secrets if secret in text]
    for secret in sorted(present, key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    lower = text.lower()
    for form in _FORMS:
        if any(hint in lower for hint in form.hints):
            # Compiled for the first text with a hint (`re` caches it): many commands show none.
            text = re.sub(form.expression, form.instead, text)
    return text


def printable(text: str) -> str:
    """The text for a terminal or a job's log: no secret, no control character but line breaks and tabs, no command."""
    shown = _UNUSUAL.sub(_escape, strike(text))
    return _COMMAND.sub(lambda match: f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}", shown)


def strike_all(value: Any) -> Any:
    """A value with every text in it struck out, at any depth; the names of its fields are our own."""
    # Most values hold nothing of the kind, and one look at all of their texts tells: no form needs what stands behind a
    # line break, or is hidden by it.
    texts = "\n".join(dict.fromkeys(_texts(value)))
    return value if strike(texts) == texts else _strike_all(value)


def _texts(value: Any) -> Iterator[str]:
    left = [value]
    for item in left:  # which grows
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += item.values()
        elif isinstance(item, list | tuple):
            left += item
        elif item is not None and is_dataclass(item) and not isinstance(item, type):
            left += (getattr(item, field.name) for field in fields(item) if field.init)


def _strike_all(value: Any) -> Any:
    match value:
        case str():
            return strike(value)
        case dict():
            return {key: _strike_all(item) for key, item in value.items()}
        case list():
            return [_strike_all(item) for item in value]
        case tuple():
            return tuple(_strike_all(item) for item in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(
                value, **{field.name: _strike_all(getattr(value, field.name)) for field in fields(value) if field.init}
            )
        case _:
            return value


def _escape(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else match[0].encode("unicode_escape").decode()
