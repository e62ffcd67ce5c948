"""The files that differ between two trees.

`git diff-tree -r` collects its whole list before it prints, and three small trees that refer to one another over and
over contain a billion paths. So its memory and time are limited, and where they are not enough, each level of
directories is listed separately, for all commits in one process: a single level is never larger than the trees
themselves. A commit that changes too much is skipped.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from gitops_bot.releases.history.tree_change import ABSENT, Change

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gitops_bot.edges.git.store import Store

#: Changed files of one commit, and of all; levels of directories; characters of one path.
CHANGE_LIMIT, JOINT_LIMIT = 5_000, 200_000
_DEPTH_LIMIT = 100
_PATH_LIMIT = 4096
#: Bytes of one list from git.
LIST_LIMIT = 32 * 1024 * 1024
_DIRECTORY = "040000"
_SLASH = re.compile("/")
_DIFF_TREE = ("diff-tree", "--stdin", "-z", "--no-renames")
#: A line that it prints. In front of the first one of two trees stand these trees.
_LINE = re.compile(r"(?:([0-9a-f]+) ([0-9a-f]+)\n)?:([0-9]+) ([0-9]+) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\0([^\0]+)\0")
#: The empty tree, by the length of an object id. Git knows it without storing it.
NO_FILES = {
    len(empty.hexdigest()): empty.hexdigest()
    for empty in (hashlib.sha1(b"tree 0\0", usedforsecurity=False), hashlib.sha256(b"tree 0\0"))
}

Trees = tuple[str, str]


class Scope:
    """The directories whose files matter (`.` is all); only paths that lead there are opened."""

    def __init__(self, directories: Iterable[str]) -> None:
        inside = frozenset(directories)
        self._all = "." in inside
        self._inside = frozenset(f"{path}/" for path in inside)
        self._towards = frozenset(path[: slash.end()] for path in self._inside for slash in _SLASH.finditer(path))
        #: Whether a directory is one of them, or below one: thousands of commits change the same few.
        self._is_inside = lru_cache(maxsize=10_000)(self._below_one)

    def has(self, path: str) -> bool:
        """Whether a file is in one of them, or below one."""
        return self._is_inside(path[: path.rfind("/") + 1])

    def of(self, prefix: str, changes: Iterable[Change]) -> Iterable[Change]:
        """The relevant changes in the directory `prefix`, which ends in a slash unless it is the root."""
        if self._is_inside(prefix):
            return changes
        return (
            change for change in changes if _DIRECTORY in change.modes and f"{prefix}{change.path}/" in self._towards
        )

    def _below_one(self, prefix: str) -> bool:
        return self._all or any(prefix[: slash.end()] in self._inside for slash in _SLASH.finditer(prefix))


def differences(
    store: Store, trees: Mapping[str, Trees], scope: Scope | None = None, limit: int | None = None
) -> dict[str, list[Change]]:
    """The changes of each commit in `scope`, by its parent's tree and its own; commits with too many are left out.

    If there are too many in all, the last commits are left out. `limit` is for one commit, by default `CHANGE_LIMIT`.

    Raises:
        DamagedError: a tree is missing.
    """
    scope = scope or Scope(["."])
    limit = CHANGE_LIMIT if limit is None else limit
    pairs = list(dict.fromkeys(trees.values()))
    answer = store.git.run(*_DIFF_TREE, "-r", stdin=_stdin(pairs), limit=LIST_LIMIT, cut=True, bounded=True)
    if answer.status != 0 or len(answer.out) == LIST_LIMIT:
        return _by_levels(store, trees, scope, limit)
    by_pair, remaining = _read(answer.out, pairs, scope), JOINT_LIMIT
    result: dict[str, list[Change]] = {}
    for commit, pair in trees.items():
        changes = by_pair[pair]
        if len(changes) <= min(remaining, limit) and all(_is_short(change.path) for change in changes):
            result[commit] = sorted(changes)
            remaining -= len(changes)
    return result


def _is_short(path: str) -> bool:
    return len(path) <= _PATH_LIMIT and path.count("/") < _DEPTH_LIMIT


def _by_levels(store: Store, trees: Mapping[str, Trees], scope: Scope, limit: int) -> dict[str, list[Change]]:
    result: dict[str, list[Change]] = {commit: [] for commit in trees}
    level = {commit: [("", pair)] for commit, pair in trees.items()}
    remaining = JOINT_LIMIT
    for _ in range(_DEPTH_LIMIT):
        if not level:
            break
        pairs = dict.fromkeys(pair for directories in level.values() for _, pair in directories)
        by_pair = top_level(store, list(pairs))
        deeper: dict[str, list[tuple[str, Trees]]] = {}
        for commit, directories in level.items():
            listed = _list(directories, by_pair, scope, min(remaining, limit - len(result[commit])))
            if listed is None:
                remaining += len(result.pop(commit))
                continue
            files, below = listed
            result[commit] += files
            remaining -= len(files)
            if below:
                deeper[commit] = below
        level = deeper
    return {commit: sorted(changes) for commit, changes in result.items() if commit not in level}


def _list(
    directories: Sequence[tuple[str, Trees]], by_pair: Mapping[Trees, Sequence[Change]], scope: Scope, limit: int
) -> tuple[list[Change], list[tuple[str, Trees]]] | None:
    """The files and directories that changed in these; None if there are more than `limit`, or paths are too long.

    One tree may occur at many places, so no more are listed than wanted.
    """
    files: list[Change] = []
    below: list[tuple[str, Trees]] = []
    for prefix, pair in directories:
        if pair not in by_pair:
            return None
        for name, modes, ids in scope.of(prefix, by_pair[pair]):
            path = prefix + name
            if len(files) + len(below) == limit or len(path) > _PATH_LIMIT:
                return None
            if _DIRECTORY in modes:
                below.append((f"{path}/", _trees(modes, ids)))
            else:
                files.append(Change(path, modes, ids))
    return files, below


def _trees(modes: tuple[str, str], ids: tuple[str, str]) -> Trees:
    """The trees of a directory before and after."""
    old, new = ids
    return old if modes[0] != ABSENT else NO_FILES[len(old)], new if modes[1] != ABSENT else NO_FILES[len(new)]


def top_level(store: Store, pairs: Sequence[Trees]) -> dict[Trees, list[Change]]:
    """The top level of these differences, by the trees before and after; a list that is too long is left out."""
    out = store.run(*_DIFF_TREE, stdin=_stdin(pairs), limit=LIST_LIMIT, cut=True)
    if len(out) < LIST_LIMIT:
        return _read(out, pairs)
    half = len(pairs) // 2
    return top_level(store, pairs[:half]) | top_level(store, pairs[half:]) if half else {}


def _stdin(pairs: Iterable[Trees]) -> bytes:
    return "".join(f"{old} {new}\n" for old, new in pairs).encode()


def _read(out: bytes, pairs: Collection[Trees], scope: Scope | None = None) -> dict[Trees, list[Change]]:
    """What `git diff-tree` printed of these trees, in `scope` if all of its paths are whole."""
    result: dict[Trees, list[Change]] = {pair: [] for pair in pairs}
    changes: list[Change] = []
    for line in _LINE.finditer(out.decode("utf-8", "surrogateescape")):
        before_tree, after_tree, before, after, old, new, path = line.groups()
        if before_tree is not None:
            changes = result[before_tree, after_tree]
        if scope is None or scope.has(path):
            changes.append(Change(path, (before, after), (old, new)))
    return result
