"""Families of tags: those with one suffix (`-alpine3.19`), with one prefix (`release-`), or with neither (empty)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A suffix begins and a prefix ends with what separates it from the version.
FORM: Final = r"(?:|[._-][A-Za-z0-9._-]{0,60}|[A-Za-z0-9][A-Za-z0-9._-]{0,60}[._-])"
_FORM = re.compile(rf"{FORM}\Z", re.ASCII)
_SEPARATORS: Final = ("-", "_", ".")
MOST: Final = 10


def check(families: Sequence[str]) -> None:
    """Validate families before they are used.

    Raises:
        ValueError: not all of them are prefixes or suffixes, or one is there twice; the message says what to do.
    """
    for family in families:
        if not _FORM.match(family):
            raise ValueError(
                f"{family[:100]!r} is neither a suffix such as '-alpine', nor a prefix such as 'release-', nor empty "
                "(tags with neither)"
            )
    if len(set(families)) < len(families) or len(families) > MOST:
        raise ValueError(f"the families are at most {MOST}, each once")


def name(family: str) -> str:
    """What messages call it."""
    return family or "neither"


def split(families: Sequence[str], tag: str) -> tuple[str, str] | None:
    """The tag without its prefix or suffix, and that one; the longest where several fit, None where none does."""
    for family in sorted(families, key=len, reverse=True):
        if len(tag) <= len(family):
            continue
        if not family:
            return tag, family
        if family[0] in _SEPARATORS:
            if tag.endswith(family):
                return tag[: -len(family)], family
        elif tag.startswith(family):
            return tag[len(family) :], family
    return None


def scan(families: Sequence[str], tags: Sequence[str]) -> tuple[list[str], tuple[list[str], list[str]]]:
    """The tags of these families, with what is left of each, and its family."""
    longest_first = sorted(families, key=len, reverse=True)
    parts = [(tag, part) for tag in tags if (part := split(longest_first, tag)) is not None]
    return [tag for tag, _ in parts], ([part[0] for _, part in parts], [part[1] for _, part in parts])
