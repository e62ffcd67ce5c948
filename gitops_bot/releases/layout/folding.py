"""Globs for a set of directories: as few as say exactly these, and no other directory that there is."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Parts of a path that may become `*` at once. Two are a cluster and an application.
_STARS: Final = 2
#: Directories beyond which paths are listed as they are.
_MOST: Final = 5000
_DEEPEST: Final = 12


def fold(directories: Collection[str], existing: Collection[str]) -> tuple[str, ...]:
    """Globs that match each of these directories and nothing else among those that exist, the widest first.

    Paths have no `/` at their end. A glob stands for two directories at least; the others are written out.
    """
    left = set(directories)
    if len(left) > _MOST:
        return tuple(sorted(left))
    others = _by_length(set(existing) - left)
    globs: list[str] = []
    for glob, matched in _widest(left, others):
        new = matched & left
        if len(new) > 1:
            globs.append(glob)
            left -= new
    return (*globs, *sorted(left))


def _widest(directories: Collection[str], others: dict[int, list[list[str]]]) -> Iterator[tuple[str, set[str]]]:
    """Every glob that matches none of the others, with what it matches: the one with the most first."""
    found: dict[tuple[str, ...], set[str]] = {}
    for directory in directories:
        parts = directory.split("/")
        if len(parts) > _DEEPEST:
            continue
        for count in range(1, _STARS + 1):
            for stars in combinations(range(len(parts)), count):
                if all(not parts[at].startswith(".") for at in stars):
                    glob = tuple("*" if at in stars else part for at, part in enumerate(parts))
                    found.setdefault(glob, set()).add(directory)
    # As few wildcards as possible for the same directories; then by the alphabet.
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0].count("*"), item[0]))
    for glob, matched in ranked:
        if len(matched) > 1 and not any(_matches(glob, parts) for parts in others.get(len(glob), ())):
            yield "/".join(glob), matched


def _matches(glob: tuple[str, ...], parts: list[str]) -> bool:
    return all(
        one == other or (one == "*" and not other.startswith(".")) for one, other in zip(glob, parts, strict=True)
    )


def _by_length(directories: Collection[str]) -> dict[int, list[list[str]]]:
    found: dict[int, list[list[str]]] = {}
    for directory in directories:
        parts = directory.split("/")
        found.setdefault(len(parts), []).append(parts)
    return found


def is_plain(directory: str) -> bool:
    """Whether a path, taken as a glob, means itself and nothing else."""
    try:
        return Glob.parse(directory).prefix == f"{directory}/"
    except ValueError:
        return False
