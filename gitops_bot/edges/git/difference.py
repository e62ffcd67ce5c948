"""Which files differ between two trees, found level by level.

`git diff-tree -r` gathers its whole list before it says the first line of it, and three small trees that name one
another over and over hold a billion paths. A single level is never larger than the trees themselves. So each level is
listed apart, for all commits in one process, and a commit that turns out to change too much is passed over there.
"""

from __future__ import annotations

import hashlib
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.edges.git.store import Store

#: Changed files of one commit, and of all together; levels of directories; bytes of one path.
CHANGE_LIMIT, JOINT_LIMIT = 5_000, 200_000
_DEPTH_LIMIT = 100
_PATH_LIMIT = 4096
#: Bytes that git may list in one go.
LIST_LIMIT = 32 * 1024 * 1024
ABSENT = "000000"
_DIRECTORY = "040000"
_SUBMODULE = "160000"
_SLASH = re.compile(rb"/")
#: The tree without files, by the length of an object's id. Git knows it without having it.
NO_FILES = {
    len(empty.hexdigest()): empty.hexdigest()
    for empty in (hashlib.sha1(b"tree 0\0", usedforsecurity=False), hashlib.sha256(b"tree 0\0"))
}

Trees = tuple[str, str]


class Scope:
    """The directories whose files are asked for (`.` is all); only what leads there is looked into."""

    def __init__(self, directories: Iterable[str]) -> None:
        inside = frozenset(each.encode("utf-8", "surrogatepass") for each in directories)
        self._all = b"." in inside
        self._inside = frozenset(each + b"/" for each in inside)
        self._towards = frozenset(each[: slash.end()] for each in self._inside for slash in _SLASH.finditer(each))

    def of(self, prefix: bytes, listed: Iterable[Change]) -> Iterable[Change]:
        """What counts of the changes in the directory `prefix`, which ends in a slash unless it is the top."""
        if self._all or any(prefix[: slash.end()] in self._inside for slash in _SLASH.finditer(prefix)):
            return listed
        return (each for each in listed if _DIRECTORY in each.modes and prefix + each.path + b"/" in self._towards)


class Change(NamedTuple):
    """A file before and after; the id of an absent side names no object."""

    path: bytes
    modes: tuple[str, str]
    ids: tuple[str, str]

    def objects(self) -> Iterator[str]:
        """The ids of both sides, as far as they are files of this repository."""
        return (each for mode, each in zip(self.modes, self.ids, strict=True) if mode not in (ABSENT, _SUBMODULE))


def differences(
    store: Store, trees: Mapping[str, Trees], scope: Scope | None = None, limit: int | None = None
) -> dict[str, list[Change]]:
    """What each commit changed in `scope`, by its parent's tree and its own; left out where it is too much.

    Where it is too much for all together, the last ones are left out. `limit` is for one commit, else `CHANGE_LIMIT`.

    Raises:
        DamagedError: a tree is not here.
    """
    found: dict[str, list[Change]] = {each: [] for each in trees}
    level = {each: [(b"", pair)] for each, pair in trees.items()}
    scope, room = scope or Scope(["."]), JOINT_LIMIT
    limit = CHANGE_LIMIT if limit is None else limit
    for _ in range(_DEPTH_LIMIT):
        if not level:
            break
        listed = _listed(store, list(dict.fromkeys(pair for places in level.values() for _, pair in places)))
        deeper: dict[str, list[tuple[bytes, Trees]]] = {}
        for each, places in level.items():
            most = min(room, limit - len(found[each]))
            changes = _placed(places, listed, scope, most)
            if changes is None:
                room += len(found.pop(each))
                continue
            files = [change for change in changes if _DIRECTORY not in change.modes]
            found[each] += files
            room -= len(files)
            if len(files) < len(changes):
                deeper[each] = [_inside(change) for change in changes if _DIRECTORY in change.modes]
        level = deeper
    return {each: sorted(changes) for each, changes in found.items() if each not in level}


def _placed(
    places: Sequence[tuple[bytes, Trees]], listed: Mapping[Trees, Sequence[Change]], scope: Scope, most: int
) -> list[Change] | None:
    """The changes at all these places, by their whole paths; None where there are more than `most`, or too long ones.

    One tree may stand at many places: nothing is made of more than are wanted.
    """
    if any(pair not in listed for _, pair in places):
        return None
    changes = (
        change._replace(path=prefix + change.path)
        for prefix, pair in places
        for change in scope.of(prefix, listed[pair])
    )
    first = list(islice(changes, most + 1))
    return None if len(first) > most or any(len(change.path) > _PATH_LIMIT for change in first) else first


def _inside(change: Change) -> tuple[bytes, Trees]:
    """A directory that changed: where, and from which tree to which."""
    old, new = (
        NO_FILES[len(each)] if mode == ABSENT else each for mode, each in zip(change.modes, change.ids, strict=True)
    )
    return change.path + b"/", (old, new)


def _listed(store: Store, pairs: Sequence[Trees]) -> dict[Trees, list[Change]]:
    """The uppermost level of these differences; a list that is too long by itself is left out."""
    asked = "".join(f"{old} {new}\n" for old, new in pairs).encode()
    out = store.run("diff-tree", "--stdin", "-z", "--no-renames", stdin=asked, limit=LIST_LIMIT, cut=True)
    if len(out) < LIST_LIMIT:
        return _read(out, pairs)
    half = len(pairs) // 2
    return _listed(store, pairs[:half]) | _listed(store, pairs[half:]) if half else {}


def _read(out: bytes, pairs: Collection[Trees]) -> dict[Trees, list[Change]]:
    """Read `git diff-tree --stdin -z`: `TREE TREE` and a line break, then `:MODE MODE ID ID STATUS` and a path each."""
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
