"""Suggestions for a tag that a registry does not have."""

from __future__ import annotations

import heapq
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A list may have 300,000 tags, and comparing is slow: tags with the same start or end come first.
_COMPARED = 200


def nearest(word: str, tags: Sequence[str], count: int = 3) -> list[str]:
    """The tags with the most similar spelling, nearest first."""
    likely = heapq.nlargest(_COMPARED, tags, key=lambda tag: max(_shared(word, tag), _shared(word[::-1], tag[::-1])))
    return get_close_matches(word, likely, n=count, cutoff=0.7)


def _shared(first: str, second: str) -> int:
    """The length of the common prefix."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))
