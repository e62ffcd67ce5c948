"""Floating tags, which are followed when they move. Any other tag that moves is reported."""

from __future__ import annotations

import re

# Any one of these in a tag names one build for good.
_FIXED = re.compile(
    r"""
      (?<![0-9.])[0-9]+\.[0-9]+\.[0-9]+                                    # 1.2.3, v1.2.3-alpine, go1.21.3, 2024.01.05
    | (?:^|[-_.])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])                       # 2024-01-05
    | (?:^|[-_.])[gv]?[0-9a-f]{7,128}(?:$|[-_.])                           # a commit, a date stamp, a Unix time
    | (?:^|[-_.])[0-9]{8}[Tt][0-9]{4,6}                                    # 20240105T1200Z
    | (?:^|[-_])v?(?!(?:19|20)[0-9]{2}(?:$|[-_]))[0-9]{3,}(?:$|[-_])       # 123, v100, main-57012; a year moves
    | (?:^|[-_.])(?:build|run|ci|b|r)[-_.]?[0-9]+(?:$|[-_.])               # build-57, b57
    """,
    re.ASCII | re.VERBOSE,
)


def is_floating(tag: str) -> bool:
    """Whether the tag is floating: `latest`, `main`, `1`, `1.2`, `v1`, `1.27-alpine`, `2022`.

    Not so: full versions, commits (7 hexadecimal digits or more, alone or after a prefix such as `sha-`), dates,
    numbers from 100 (`v100`; years aside), and numbers after `build`, `run`, `ci`, `b` or `r`. In doubt a tag does not
    move: then a move is shown to people instead of being followed.
    """
    return _FIXED.search(tag) is None
