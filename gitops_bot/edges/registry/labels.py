"""What people wrote into an image about it: `org.opencontainers.image.*`, as labels or annotations.

Text from there ends in pull requests: what is no time, no web address or no short line is taken for unsaid.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from gitops_bot.redact import strike

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_PREFIX = "org.opencontainers.image."
#: RFC 3339, 5.6: `fromisoformat` takes much more, dates without a time and times without a zone among it.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
#: Reproducible builds say the epoch of Unix or, as buildpacks do, that of ZIP archives: neither is a time of building.
_EPOCH = datetime(1980, 1, 2, tzinfo=UTC)
_LINE, _ADDRESS = 200, 500
#: RFC 3986, 2: the characters of an address.
_IN_ADDRESS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+:[0-9a-f:.]*")


def said(name: str, read: Callable[[str], T | None], *places: object) -> T | None:
    """What the first of these maps says under a name, in a form that can be read; None where none does."""
    for place in places:
        text = place.get(_PREFIX + name) if isinstance(place, dict) else None
        if isinstance(text, str) and (found := read(text)) is not None:
            return found
    return None


def moment(text: str) -> datetime | None:
    """A time after the beginning of all calendars of computers, in UTC."""
    if not _TIME.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found >= _EPOCH else None


def line(text: str) -> str | None:
    """One short line that can be printed; a longer one is no revision and no version, and half of it neither.

    Nor is one with a secret in it, as from a remote of git in a pipeline.
    """
    shown = text.strip()
    return shown if 0 < len(shown) <= _LINE and shown.isprintable() and strike(shown) == shown else None


def address(text: str) -> str | None:
    """An address of the web. One with a login or a token in it, as from a pipeline, is nobody's to read."""
    if len(text) > _ADDRESS or not _IN_ADDRESS.fullmatch(text) or strike(text) != text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    fine = parts.scheme in ("http", "https") and "@" not in parts.netloc and host and _HOST.fullmatch(host)
    return text if fine else None
