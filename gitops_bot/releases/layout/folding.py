"""Globs for a set of directories: few, and matching no other existing directory but what they exclude."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Final

from gitops_bot.releases.layout.glob import is_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Parts of a path that may become `*` at once. Two are a cluster and an application.
_STARS: Final = 2
#: More directories than these are listed as they are.
_MOST: Final = 5000
_DEEPEST: Final = 12
#: Paths that one glob is worth having for although others fit it too, and how many of these one may be excluded for.
_FEW: Final = 3
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


def fold_except(
    paths: Collection[str], existing: Collection[str], taken: Collection[str] = (), *, files: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As `fold`, and what to exclude: three paths or more become one glob although it fits others, a third as many.

    So the next path of that shape is covered too. What is `taken`, by another environment, is never excluded. `files`:
    a file's name follows, so that a glob may have no other part than its wildcard.
    """
    globs = fold(paths, existing)
    alone = {glob for glob in globs if "*" not in glob}
    if not _FEW <= len(alone) <= _MOST:
        return globs, ()
    matched: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    others: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for path in alone:
        for parts in _open(path, files=files):
            matched[parts].add(path)
    for path in {*existing}.difference(paths):
        for parts in _open(path, files=files):
            if parts in matched:
                others[parts].add(path)
    found: list[str] = []
    excluded: set[str] = set()
    for parts in sorted(matched, key=lambda parts: (-len(matched[parts]), parts)):
        own, foreign = matched[parts] & alone, others[parts]
        is_few = _FEW * len(foreign) <= len(own) >= _FEW
        if is_few and foreign.isdisjoint(taken) and all(map(is_plain, foreign)):
            found.append("/".join(parts))
            excluded |= foreign
            alone -= own
    return (*found, *(glob for glob in globs if "*" in glob or glob in alone)), tuple(sorted(excluded))


def _open(path: str, *, files: bool) -> Iterator[tuple[str, ...]]:
    """The globs with one wildcard that match a path."""
    yield from (parts for parts in _globs(path) if parts.count("*") == 1)
    if files and "/" not in path and not path.startswith("."):
        yield ("*",)


def fold_files(
    files: Collection[str], existing: Collection[str], taken: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same for files: the ending of their names is kept, and what is before it becomes a glob."""
    globs: list[str] = []
    excluded: list[str] = []
    below = [file for file in files if "/" in file]
    for ending in sorted({ending_of(file) for file in below}):
        wanted, others, foreign = (
            {path.removesuffix(ending) for path in paths if path.endswith(ending)} for paths in (below, existing, taken)
        )
        own, without = fold_except(wanted, others, foreign, files=ending.startswith("/"))
        globs += (f"{glob}{ending}" for glob in own)
        excluded += (f"{path}{ending}" for path in without)
    return (*globs, *sorted({*files}.difference(below))), tuple(excluded)


def ending_of(file: str) -> str:
    """What the names of such files have in common: `-values.yaml` of an application's, else the whole name."""
    values = _VALUES.search(file)
    return values[0] if values else f"/{file.rpartition('/')[2]}"
