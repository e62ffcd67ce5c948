"""Sort keys from the texts of tags: versions, numbers, dates, letters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, assert_never

from gitops_bot.images import calver, version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.kinds import Order

#: A version, an exact number, a date or a text; keys of one policy compare with one another.
SortKey = Any
_FRACTION = re.compile(r"[0-9]+\.[0-9]+\Z")


def keys(order: Order, columns: Sequence[list[str]]) -> list[SortKey | None]:
    """The key of each tag, from the parts of its text, a list for each; None where a part is not of that kind."""
    first, *further = columns
    keys_of_first = _column(order, first)
    if not further:
        return keys_of_first
    parts = [
        [(key,) if text else () for text, key in zip(column, _column(order, column), strict=True)]  # none sorts lowest
        for column in further
    ]
    return [None if None in key or (None,) in key else key for key in zip(keys_of_first, *parts, strict=True)]


def _column(order: Order, texts: list[str]) -> list[Any]:
    match order:
        case "semver":
            return version.keys(texts)
        case "numerical":
            return _numbers(texts)
        case "calver":
            return [calver.parse(text) for text in texts]
        case "alphabetical":
            return texts
    assert_never(order)


def _numbers(texts: list[str]) -> list[SortKey | None]:
    if "".join(texts).isdecimal() and "" not in texts:
        return list(map(int, texts))  # nearly every list that people order by number
    return [_number(text) for text in texts]


def _number(text: str) -> SortKey | None:
    if text.isdecimal():
        return int(text)
    if not _FRACTION.match(text):
        return None
    from fractions import Fraction

    return Fraction(text)
