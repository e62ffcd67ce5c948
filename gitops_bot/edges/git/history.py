"""What the commits of the bot's branches did since they left the base branch. All branches are read in one go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.store import FILE_LIMIT, REGULAR, Store
from gitops_bot.proposals.branch import Branch, Commit, FileChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

#: Beyond these a branch is not read and comes back incomplete: no proposal of the bot's is like that.
COMMIT_LIMIT = 200
CHANGE_LIMIT = 5_000
BYTE_LIMIT = 32 * 1024 * 1024
#: Bytes of commit objects, messages included, that are read of all branches together, the smallest first.
COMMIT_BYTE_LIMIT = 32 * 1024 * 1024
#: How a commit object begins. Git reads a parent nowhere else, so that a later line of that name is none.
_BEGINNING = re.compile(rb"tree ([0-9a-f]{40,64})\n((?:parent [0-9a-f]{40,64}\n)*)")
_AUTHOR = re.compile(rb"^author (.*>)", re.MULTILINE)
_ABSENT = "000000"
_SUBMODULE = "160000"


class Line(NamedTuple):
    """The commits that one branch has beyond the base, oldest first, and the newest one of the base that it holds."""

    commits: tuple[str, ...]
    fork: str | None
    #: Merges whose second parent is on the base.
    updates: frozenset[str]
    #: The copy ends before the common history: more has to be fetched to tell.
    cut: bool

    @property
    def readable(self) -> bool:
        """Whether the branch has a common history with the base, and few enough commits."""
        return self.fork is not None and not self.cut and len(self.commits) <= COMMIT_LIMIT


class _Read(NamedTuple):
    commit: Commit
    tree: str


class _Change(NamedTuple):
    """One line of `git diff-tree --raw`; the id of an absent side names no object."""

    path: bytes
    modes: tuple[str, str]
    ids: tuple[str, str]

    def objects(self) -> Iterator[str]:
        return (each for mode, each in zip(self.modes, self.ids, strict=True) if mode not in (_ABSENT, _SUBMODULE))


@dataclass(slots=True)
class History:
    """Reads branches against a base. `shallow` tells the commits whose parents are not in the copy.

    `merged(first, second)` is the tree that git makes of two commits, None where it makes none.
    """

    store: Store
    shallow: Callable[[], Collection[str]]
    merged: Callable[[str, str], str | None]
    #: What was read, by commit; None for a commit that is malformed or too large to read.
    _known: dict[str, _Read | None] = field(default_factory=dict)
    _clean: dict[str, bool] = field(default_factory=dict)

    def lines(self, heads: Mapping[str, str], base: str) -> dict[str, Line]:
        """The line of every branch (name to head), from what the copy holds.

        Raises:
            DamagedError: the base is not in the copy.
        """
        asked = "".join(f"{head}\n" for head in sorted(set(heads.values()))) + f"^{base}\n"
        out = self.store.run("rev-list", "--topo-order", "--reverse", "--parents", "--stdin", stdin=asked.encode())
        parents = {first: tuple(rest) for first, *rest in (line.split() for line in out.decode("ascii").splitlines())}
        shallow = frozenset(self.shallow())
        return {name: _line(head, parents, shallow) for name, head in heads.items()}

    def read(self, heads: Mapping[str, str], lines: Mapping[str, Line]) -> dict[str, Branch]:
        """The branches with all their changes; incomplete, and without commits, where there is too much or no fork."""
        wanted = dict.fromkeys(each for line in lines.values() if line.readable for each in line.commits)
        self._load([each for each in wanted if each not in self._known])
        return {name: self._branch(name, heads[name], line) for name, line in lines.items()}

    def _branch(self, name: str, head: str, line: Line) -> Branch:
        read = [found for each in line.commits if line.readable and (found := self._known[each])]
        if not line.readable or len(read) < len(line.commits):
            return Branch(name, head, line.fork, (), complete=False)
        return Branch(name, head, line.fork, tuple(self._judged(each, line) for each in read))

    def _judged(self, read: _Read, line: Line) -> Commit:
        commit = read.commit
        if commit.id not in line.updates:
            return commit
        if commit.id not in self._clean:
            self._clean[commit.id] = self.merged(*commit.parents) == read.tree
        return replace(commit, clean_merge=self._clean[commit.id])

    def _load(self, ids: Collection[str]) -> None:
        weights = sorted((size, each) for each, size in self.store.sizes(ids).items())
        totals = accumulate(size for size, _ in weights)
        light = [each for (_, each), total in zip(weights, totals, strict=True) if total <= COMMIT_BYTE_LIMIT]
        read = {each: _headers(data) for each, data in self.store.contents(light).items()}
        raw = {each: headers for each, headers in read.items() if headers is not None}
        pairs = "".join(f"{each} {parents[0]}\n" for each, (_, parents, _, _) in raw.items() if parents)
        changes = _changes(self.store.run("diff-tree", "--stdin", "-r", "-z", "--no-renames", stdin=pairs.encode()))
        small = {each: found for each in raw if len(found := changes.get(each, ())) <= CHANGE_LIMIT}
        sizes = self.store.sizes(
            {each: None for found in small.values() for change in found for each in change.objects()}
        )
        for each, found in list(small.items()):
            if sum(min(sizes[blob], FILE_LIMIT) for change in found for blob in change.objects()) > BYTE_LIMIT:
                del small[each]
        needed = {each for found in small.values() for change in found for each in change.objects()}
        blobs = self.store.blobs({each: sizes[each] for each in needed})
        for each in ids:
            self._known[each] = None
            if each in small:
                tree, parents, author, message = raw[each]
                files = tuple(_file_change(change, blobs) for change in small[each])
                self._known[each] = _Read(Commit(each, parents, author, message, files), tree)


def _line(head: str, parents: Mapping[str, tuple[str, ...]], shallow: frozenset[str]) -> Line:
    """Follow a branch down to the base. `parents` has every commit that is not on the base, oldest first."""
    reached, open_ends = set[str](), [head]
    while open_ends:
        if (commit := open_ends.pop()) in parents and commit not in reached:
            reached.add(commit)
            open_ends += parents[commit]
    commits = tuple(each for each in parents if each in reached)
    on_base = [up for each in commits for up in parents[each] if up not in parents]
    fork = (on_base[-1] if on_base else None) if commits else head
    updates = (each for each in commits if len(parents[each]) == 2 and parents[each][1] not in parents)
    if any(not parents[each] and each not in shallow for each in commits):
        # A root that is not on the base: no common history, unless the base's own line is cut before it gets there.
        return Line(commits, None, frozenset(), cut=bool(shallow))
    return Line(commits, fork, frozenset(updates), cut=not shallow.isdisjoint(commits))


def _headers(data: bytes) -> tuple[str, tuple[str, ...], str, str] | None:
    """Tree, parents, author and message of a commit object; None where it does not begin as one."""
    head, _, message = data.partition(b"\n\n")
    beginning = _BEGINNING.match(head + b"\n")
    if beginning is None:
        return None
    author = _AUTHOR.search(head)
    return (
        beginning[1].decode("ascii"),
        tuple(beginning[2].decode("ascii").split()[1::2]),
        author[1].decode("utf-8", "replace") if author else "",
        message.decode("utf-8", "replace"),
    )


def _changes(out: bytes) -> dict[str, list[_Change]]:
    """Read `git diff-tree --stdin -z`: a commit's id, then `:MODE MODE ID ID STATUS` and a path for each change."""
    result: dict[str, list[_Change]] = {}
    commit = ""
    fields = iter(out.split(b"\0"))
    for word in fields:
        if word.startswith(b":"):
            before, after, old, new, _ = word[1:].decode("ascii").split(" ")
            result.setdefault(commit, []).append(_Change(next(fields), (before, after), (old, new)))
        else:
            commit = word.decode("ascii").strip()
    return result


def _file_change(change: _Change, blobs: Mapping[str, bytes]) -> FileChange:
    """`mode_changed` also for what cannot be judged by its bytes: no regular file, cut by its size, an odd name."""
    before, after = (
        None if mode == _ABSENT else blobs.get(each, each.encode())
        for mode, each in zip(change.modes, change.ids, strict=True)
    )
    present = [mode for mode in change.modes if mode != _ABSENT]
    plain = len(set(present)) == 1 and present[0] in REGULAR
    whole = all(data is None or len(data) <= FILE_LIMIT for data in (before, after))
    try:
        path, named = change.path.decode(), True
    except UnicodeDecodeError:
        path, named = change.path.decode("utf-8", "backslashreplace"), False
    return FileChange(path, before, after, mode_changed=not (plain and whole and named))
