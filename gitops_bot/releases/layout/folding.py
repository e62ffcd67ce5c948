"""Globs for a set of directories: few, and matching no other existing directory."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Parts of a path that may become `*` at once. Two are a cluster and an application.
_STARS: Final = 2
#: More directories than these are listed as they are.
_MOST: Final = 5000
_DEEPEST: Final = 12
_VALUES: Final = re.compile(r"[-_.]values\.ya?ml$")


def fold(directories: Collection[str], existing: Collection[str]) -> tuple[str, ...]:
    """Globs that match these directories and no other existing one, the widest first; single ones are written out."""
    left = set(directories)
    if len(left) > _MOST:
        return tuple(sorted(left))
    by_parts: dict[tuple[str, ...], list[str]] = {}
    for directory in left:
        for parts in _globs(directory):
            by_parts.setdefault(parts, []).append(directory)
    for other in set(existing) - left:
        for parts in _globs(other):
            by_parts.pop(parts, None)
    globs: list[str] = []
    # The one that matches most first; with as few wildcards as possible for the same directories; then by the alphabet.
    several = [(parts, matched) for parts, matched in by_parts.items() if len(matched) > 1]
    for parts, matched in sorted(several, key=lambda item: (-len(item[1]), item[0].count("*"), item[0])):
        new = left.intersection(matched)
        if len(new) > 1:
            globs.append("/".join(parts))
            left -= new
    return (*globs, *sorted(left))


def _globs(directory: str) -> Iterator[tuple[str, ...]]:
    """Every glob with one or two wildcards that matches a directory; none matches a name that starts with a dot."""
    parts = directory.split("/")
    if len(parts) > _DEEPEST:
        return
    open_to_stars = [at for at, part in enumerate(parts) if not part.startswith(".")]
    for count in range(1, _STARS + 1):
        for stars in combinations(open_to_stars, count):
            if count < len(parts):  # a glob of nothing but wildcards would mean whatever is added later
                yield tuple("*" if at in stars else part for at, part in enumerate(parts))


def fold_files(files: Collection[str], existing: Collection[str]) -> tuple[str, ...]:
    """The same for files: the ending of their names is kept, and what is before it becomes a glob."""
    globs = []
    below = [file for file in files if "/" in file]
    for ending in sorted({ending_of(file) for file in below}):
        wanted, others = (
            {path.removesuffix(ending) for path in paths if path.endswith(ending)} for paths in (below, existing)
        )
        globs += [f"{glob}{ending}" for glob in fold(wanted, others)]
    return (*globs, *sorted({*files}.difference(below)))


def ending_of(file: str) -> str:
    """What the names of such files have in common: `-values.yaml` of an application's, else the whole name."""
    values = _VALUES.search(file)
    return values[0] if values else f"/{file.rpartition('/')[2]}"
