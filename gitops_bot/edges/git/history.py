"""The commits of the bot's branches since they left the base branch. All branches are read in one go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.store import FILE_LIMIT, CommitHeaders, Store
from gitops_bot.proposals.branch import Branch, Commit, FileChange
from gitops_bot.releases.history.tree_change import ABSENT, REGULAR, Change

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

#: A branch with more commits is not read and comes back incomplete: no proposal of the bot has as many.
COMMIT_LIMIT = 200
#: Changed files of one commit, and of all.
CHANGE_LIMIT, JOINT_LIMIT = 5_000, 200_000
#: Read of all branches together, the smallest first: bytes of commit objects, messages included, and bytes of changed
#: files, before and after.
COMMIT_BYTE_LIMIT = 32 * 1024 * 1024
BYTE_LIMIT = 128 * 1024 * 1024


class BranchCommits(NamedTuple):
    """The commits of one branch that the base lacks, oldest first, and the newest base commit that it contains."""

    commits: tuple[str, ...]
    fork: str | None
    #: Merges whose second parent is on the base.
    updates: frozenset[str]
    #: The copy ends before the shared history: more must be fetched.
    cut: bool

    @property
    def readable(self) -> bool:
        """Whether the branch shares history with the base, and has few enough commits."""
        return self.fork is not None and not self.cut and len(self.commits) <= COMMIT_LIMIT


class _Read(NamedTuple):
    commit: Commit
    tree: str


@dataclass(slots=True)
class History:
    """Compares branches with a base. `shallow` returns the commits whose parents are not in the copy.

    `merged(first, second)` is the tree of git's merge of two commits, None if they conflict.
    """

    store: Store
    shallow: Callable[[], Collection[str]]
    merged: Callable[[str, str], str | None]
    #: What was read, by commit; None for a commit that is malformed or too large to read.
    _known: dict[str, _Read | None] = field(default_factory=dict)
    _clean: dict[str, bool] = field(default_factory=dict)

    def branch_commits(self, heads: Mapping[str, str], base: str) -> dict[str, BranchCommits]:
        """The commits of each branch (name to head) that the base lacks. Raises DamagedError if the base is missing."""
        revisions = "".join(f"{head}\n" for head in sorted(set(heads.values()))) + f"^{base}\n"
        out = self.store.run("rev-list", "--topo-order", "--reverse", "--parents", "--stdin", stdin=revisions.encode())
        parents = {first: tuple(rest) for first, *rest in (line.split() for line in out.decode("ascii").splitlines())}
        shallow = frozenset(self.shallow())
        return {name: _follow(head, parents, shallow) for name, head in heads.items()}

    def read(self, heads: Mapping[str, str], branch_commits: Mapping[str, BranchCommits]) -> dict[str, Branch]:
        """The branches with all their changes; incomplete, without commits, if too large or without shared history."""
        short_first = sorted(
            (unmerged for unmerged in branch_commits.values() if unmerged.readable),
            key=lambda unmerged: len(unmerged.commits),
        )
        wanted = dict.fromkeys(commit for unmerged in short_first for commit in unmerged.commits)
        self._load([commit for commit in wanted if commit not in self._known])
        return {name: self._branch(name, heads[name], unmerged) for name, unmerged in branch_commits.items()}

    def _branch(self, name: str, head: str, unmerged: BranchCommits) -> Branch:
        read = [entry for commit in unmerged.commits if unmerged.readable and (entry := self._known[commit])]
        if not unmerged.readable or len(read) < len(unmerged.commits):
            return Branch(name, head, unmerged.fork, (), complete=False)
        return Branch(name, head, unmerged.fork, tuple(self._with_clean_merge(commit, unmerged) for commit in read))

    def _with_clean_merge(self, read: _Read, unmerged: BranchCommits) -> Commit:
        commit = read.commit
        if commit.id not in unmerged.updates:
            return commit
        if commit.id not in self._clean:
            self._clean[commit.id] = self.merged(*commit.parents) == read.tree
        return replace(commit, clean_merge=self._clean[commit.id])

    def _load(self, ids: Collection[str]) -> None:
        light = _lightest(self.store.sizes(ids), COMMIT_BYTE_LIMIT)
        parsed = self.store.commits([commit for commit in ids if commit in light])
        trees, changed, room = self._trees(parsed), dict[str, list[Change]](), JOINT_LIMIT
        for commit, changes in zip(trees, self.store.differences(list(trees.values())), strict=True):
            if changes is not None and len(changes) <= min(CHANGE_LIMIT, room):
                changed[commit] = changes
                room -= len(changes)
        objects = {
            commit: [oid for change in changes for oid in change.objects()] for commit, changes in changed.items()
        }
        sizes = self.store.sizes({name: None for names in objects.values() for name in names})
        weights = {commit: sum(min(sizes[oid], FILE_LIMIT) for oid in oids) for commit, oids in objects.items()}
        small = _lightest(weights, BYTE_LIMIT)
        blobs = self.store.blobs({name: sizes[name] for commit in small for name in objects[commit]})
        for commit in ids:
            self._known[commit] = None
            if commit in parsed and (commit in small or not parsed[commit].parents):
                tree, parents, author, message = parsed[commit]
                files = tuple(_file_change(change, blobs) for change in changed.get(commit, ()))
                self._known[commit] = _Read(Commit(commit, parents, author, message, files), tree)

    def _trees(self, parsed: Mapping[str, CommitHeaders]) -> dict[str, tuple[str, str]]:
        """The trees before and after each commit; of a first parent only the commit is known."""
        parents = {commit: header.parents[0] for commit, header in parsed.items() if header.parents}
        revisions = "".join(f"{parent}^{{tree}}\n" for parent in parents.values()).encode()
        out = (
            self.store.run("cat-file", "--batch-check=%(objectname)", "--buffer", stdin=revisions) if revisions else b""
        )
        trees = out.decode("ascii").splitlines()
        return {commit: (tree, parsed[commit].tree) for commit, tree in zip(parents, trees, strict=True)}


def _follow(head: str, parents: Mapping[str, tuple[str, ...]], shallow: frozenset[str]) -> BranchCommits:
    """Follow a branch to the base. `parents` has every commit that the base lacks, oldest first."""
    reached, open_ends = set[str](), [head]
    while open_ends:
        if (commit := open_ends.pop()) in parents and commit not in reached:
            reached.add(commit)
            open_ends += parents[commit]
    commits = tuple(commit for commit in parents if commit in reached)
    on_base = [up for commit in commits for up in parents[commit] if up not in parents]
    fork = (on_base[-1] if on_base else None) if commits else head
    updates = (commit for commit in commits if len(parents[commit]) == 2 and parents[commit][1] not in parents)
    if any(not parents[commit] and commit not in shallow for commit in commits):
        # A root that the base lacks: no shared history, unless the copy of the base ends before it.
        return BranchCommits(commits, None, frozenset(), cut=bool(shallow))
    return BranchCommits(commits, fork, frozenset(updates), cut=not shallow.isdisjoint(commits))


def _lightest(weights: Mapping[str, int], limit: int) -> frozenset[str]:
    """The lightest items, as many as together weigh at most `limit`."""
    ordered = sorted((weight, name) for name, weight in weights.items())
    totals = accumulate(weight for weight, _ in ordered)
    return frozenset(name for (_, name), total in zip(ordered, totals, strict=True) if total <= limit)


def _file_change(change: Change, blobs: Mapping[str, bytes]) -> FileChange:
    """`mode_changed` is also set where bytes do not tell: no regular file, cut by its size, or an invalid name."""
    before, after = (
        None if mode == ABSENT else blobs.get(oid, oid.encode())
        for mode, oid in zip(change.modes, change.ids, strict=True)
    )
    present = [mode for mode in change.modes if mode != ABSENT]
    plain = len(set(present)) == 1 and present[0] in REGULAR
    whole = all(data is None or len(data) <= FILE_LIMIT for data in (before, after))
    return FileChange(change.name, before, after, mode_changed=not (plain and whole and change.is_utf8))
