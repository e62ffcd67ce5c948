"""The files that differ between two trees, found level by level.

`git diff-tree -r` collects its whole list before it prints, and three small trees that refer to one another over and
over contain a billion paths. A single level is never larger than the trees themselves, so each level is listed
separately, for all commits in one process, and a commit that changes too much is skipped.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.edges.git.store import Store

#: Changed files of one commit, and of all; levels of directories; bytes of one path.
CHANGE_LIMIT, JOINT_LIMIT = 5_000, 200_000
_DEPTH_LIMIT = 100
_PATH_LIMIT = 4096
#: Bytes of one list from git.
LIST_LIMIT = 32 * 1024 * 1024
ABSENT = "000000"
_DIRECTORY = "040000"
_SUBMODULE = "160000"
_SLASH = re.compile(rb"/")
#: The empty tree, by the length of an object id. Git knows it without storing it.
NO_FILES = {
    len(empty.hexdigest()): empty.hexdigest()
    for empty in (hashlib.sha1(b"tree 0\0", usedforsecurity=False), hashlib.sha256(b"tree 0\0"))
}

Trees = tuple[str, str]


class Scope:
    """The directories whose files matter (`.` is all); only paths that lead there are opened."""

    def __init__(self, directories: Iterable[str]) -> None:
        inside = frozenset(path.encode("utf-8", "surrogatepass") for path in directories)
        self._all = b"." in inside
        self._inside = frozenset(path + b"/" for path in inside)
        self._towards = frozenset(path[: slash.end()] for path in self._inside for slash in _SLASH.finditer(path))
        #: Whether a directory is one of them, or below one: thousands of commits change the same few.
        self._is_inside = lru_cache(maxsize=10_000)(self._below_one)

    def of(self, prefix: bytes, changes: Iterable[Change]) -> Iterable[Change]:
        """The relevant changes in the directory `prefix`, which ends in a slash unless it is the root."""
        if self._is_inside(prefix):
            return changes
        return (
            change for change in changes if _DIRECTORY in change.modes and prefix + change.path + b"/" in self._towards
        )

    def _below_one(self, prefix: bytes) -> bool:
        return self._all or any(prefix[: slash.end()] in self._inside for slash in _SLASH.finditer(prefix))


class Change(NamedTuple):
    """A file before and after; the id of an absent side is no object."""

    path: bytes
    modes: tuple[str, str]
    ids: tuple[str, str]

    @property
    def name(self) -> str:
        """The path as text; bytes that are not UTF-8 are escaped."""
        return self.path.decode("utf-8", "backslashreplace")

    @property
    def is_utf8(self) -> bool:
        """Whether `name` is the path itself."""
        return self.name.encode() == self.path

    def objects(self) -> Iterator[str]:
        """The ids of both sides that are objects of this repository."""
        return (oid for mode, oid in zip(self.modes, self.ids, strict=True) if mode not in (ABSENT, _SUBMODULE))


def differences(
    store: Store, trees: Mapping[str, Trees], scope: Scope | None = None, limit: int | None = None
) -> dict[str, list[Change]]:
    """The changes of each commit in `scope`, by its parent's tree and its own; commits with too many are left out.

    If there are too many in all, the last commits are left out. `limit` is for one commit, by default `CHANGE_LIMIT`.

    Raises:
        DamagedError: a tree is missing.
    """
    result: dict[str, list[Change]] = {commit: [] for commit in trees}
    level = {commit: [(b"", pair)] for commit, pair in trees.items()}
    scope, remaining = scope or Scope(["."]), JOINT_LIMIT
    limit = CHANGE_LIMIT if limit is None else limit
    for _ in range(_DEPTH_LIMIT):
        if not level:
            break
        pairs = dict.fromkeys(pair for directories in level.values() for _, pair in directories)
        by_pair = _top_level(store, list(pairs))
        deeper: dict[str, list[tuple[bytes, Trees]]] = {}
        for commit, directories in level.items():
            allowed = min(remaining, limit - len(result[commit]))
            changes = _in_directories(directories, by_pair, scope, allowed)
            if changes is None:
                remaining += len(result.pop(commit))
                continue
            files = [change for change in changes if _DIRECTORY not in change.modes]
            result[commit] += files
            remaining -= len(files)
            if len(files) < len(changes):
                deeper[commit] = [_inside(change) for change in changes if _DIRECTORY in change.modes]
        level = deeper
    return {commit: sorted(changes) for commit, changes in result.items() if commit not in level}


def _in_directories(
    directories: Sequence[tuple[bytes, Trees]], by_pair: Mapping[Trees, Sequence[Change]], scope: Scope, limit: int
) -> list[Change] | None:
    """The changes in these directories, with full paths; None if there are more than `limit`, or paths are too long.

    One tree may occur at many places, so no more changes than wanted are created.
    """
    if any(pair not in by_pair for _, pair in directories):
        return None
    changes = (
        Change(prefix + change.path, change.modes, change.ids)
        for prefix, pair in directories
        for change in scope.of(prefix, by_pair[pair])
    )
    first = list(islice(changes, limit + 1))
    return None if len(first) > limit or any(len(change.path) > _PATH_LIMIT for change in first) else first


def _inside(change: Change) -> tuple[bytes, Trees]:
    """A directory that changed: its path, and its trees before and after."""
    old, new = (
        NO_FILES[len(oid)] if mode == ABSENT else oid for mode, oid in zip(change.modes, change.ids, strict=True)
    )
    return change.path + b"/", (old, new)


def _top_level(store: Store, pairs: Sequence[Trees]) -> dict[Trees, list[Change]]:
    """The top level of these differences, without lists that are too long on their own."""
    stdin = "".join(f"{old} {new}\n" for old, new in pairs).encode()
    out = store.run("diff-tree", "--stdin", "-z", "--no-renames", stdin=stdin, limit=LIST_LIMIT, cut=True)
    if len(out) < LIST_LIMIT:
        return _read(out, pairs)
    half = len(pairs) // 2
    return _top_level(store, pairs[:half]) | _top_level(store, pairs[half:]) if half else {}


def _read(out: bytes, pairs: Collection[Trees]) -> dict[Trees, list[Change]]:
    """Parse `git diff-tree --stdin -z`: `TREE TREE` and a newline, then `:MODE MODE ID ID STATUS` and a path each."""
    result: dict[Trees, list[Change]] = {pair: [] for pair in pairs}
    changes: list[Change] = []
    fields = iter(out.split(b"\0"))
    for field in fields:
        heading, _, record = field.rpartition(b"\n")
        if heading:
            old, new = heading.decode("ascii").splitlines()[-1].split(" ")
            changes = result[old, new]
        if record:
            before, after, old, new, _ = record[1:].decode("ascii").split(" ")
            changes.append(Change(next(fields), (before, after), (old, new)))
    return result
