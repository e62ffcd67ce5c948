"""What the commits of the bot's branches did since they left the base branch. All branches are read in one go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.difference import ABSENT, Change, differences
from gitops_bot.edges.git.store import FILE_LIMIT, REGULAR, Headers, Store, headers
from gitops_bot.proposals.branch import Branch, Commit, FileChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

#: Beyond this a branch is not read and comes back incomplete: no proposal of the bot's is like that.
COMMIT_LIMIT = 200
#: What is read of all branches together, the smallest first: bytes of commit objects, messages included, and bytes of
#: changed files, before and after.
COMMIT_BYTE_LIMIT = 32 * 1024 * 1024
BYTE_LIMIT = 128 * 1024 * 1024


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
        short_first = sorted((line for line in lines.values() if line.readable), key=lambda line: len(line.commits))
        wanted = dict.fromkeys(each for line in short_first for each in line.commits)
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
        light = _lightest(self.store.sizes(ids), COMMIT_BYTE_LIMIT)
        read = {each: headers(data) for each, data in self.store.contents([*filter(light.__contains__, ids)]).items()}
        raw = {each: found for each, found in read.items() if found is not None}
        listed = differences(self.store, self._trees(raw))
        objects = {each: [name for change in found for name in change.objects()] for each, found in listed.items()}
        sizes = self.store.sizes({name: None for names in objects.values() for name in names})
        weights = {each: sum(min(sizes[name], FILE_LIMIT) for name in names) for each, names in objects.items()}
        small = _lightest(weights, BYTE_LIMIT)
        blobs = self.store.blobs({name: sizes[name] for each in small for name in objects[each]})
        for each in ids:
            self._known[each] = None
            if each in raw and (each in small or not raw[each].parents):
                tree, parents, author, message = raw[each]
                files = tuple(_file_change(change, blobs) for change in listed.get(each, ()))
                self._known[each] = _Read(Commit(each, parents, author, message, files), tree)

    def _trees(self, raw: Mapping[str, Headers]) -> dict[str, tuple[str, str]]:
        """From which tree to which each commit goes; a first parent is known by its commit only."""
        parents = {each: found.parents[0] for each, found in raw.items() if found.parents}
        asked = "".join(f"{parent}^{{tree}}\n" for parent in parents.values()).encode()
        out = self.store.run("cat-file", "--batch-check=%(objectname)", "--buffer", stdin=asked) if asked else b""
        trees = out.decode("ascii").splitlines()
        return {each: (tree, raw[each].tree) for each, tree in zip(parents, trees, strict=True)}


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


def _lightest(weights: Mapping[str, int], limit: int) -> frozenset[str]:
    """As many as weigh no more than `limit` together, the lightest first."""
    ordered = sorted((weight, each) for each, weight in weights.items())
    totals = accumulate(weight for weight, _ in ordered)
    return frozenset(each for (_, each), total in zip(ordered, totals, strict=True) if total <= limit)


def _file_change(change: Change, blobs: Mapping[str, bytes]) -> FileChange:
    """`mode_changed` also for what cannot be judged by its bytes: no regular file, cut by its size, an odd name."""
    before, after = (
        None if mode == ABSENT else blobs.get(each, each.encode())
        for mode, each in zip(change.modes, change.ids, strict=True)
    )
    present = [mode for mode in change.modes if mode != ABSENT]
    plain = len(set(present)) == 1 and present[0] in REGULAR
    whole = all(data is None or len(data) <= FILE_LIMIT for data in (before, after))
    try:
        path, named = change.path.decode(), True
    except UnicodeDecodeError:
        path, named = change.path.decode("utf-8", "backslashreplace"), False
    return FileChange(path, before, after, mode_changed=not (plain and whole and named))
