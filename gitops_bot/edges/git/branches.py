"""The commits of the bot's branches since they left the base branch. All branches are read in one go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.store import FILE_LIMIT, fitting, parse_commit
from gitops_bot.proposals.branch import Branch, FileChange, UnmergedCommit
from gitops_bot.proposals.trailers import BASE
from gitops_bot.releases.history.pin_files import ABSENT, TreeChange
from gitops_bot.releases.layout.overlays import REGULAR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from gitops_bot.edges.git.store import Store

#: A branch with more commits is not read and comes back incomplete: no proposal of the bot has as many.
COMMIT_LIMIT = 200
#: Changed files of one commit, and of all.
CHANGE_LIMIT, JOINT_LIMIT = 5_000, 200_000
#: Read of all branches together, the smallest first: bytes of commit objects, messages included, and bytes of changed
#: files, before and after.
COMMIT_BYTE_LIMIT = 32 * 1024 * 1024
BYTE_LIMIT = 128 * 1024 * 1024
#: What a commit says that it was made on: one line, no longer than an id.
_MADE_ON = f"--format=%<(64,trunc)%(trailers:key={BASE},valueonly,unfold,separator=%x20)"


class BranchCommits(NamedTuple):
    """The commits of one branch that the base lacks, oldest first, and the newest base commit that it contains."""

    commits: tuple[str, ...]
    fork: str | None
    former_base: str | None
    #: Merges whose second parent is on the base.
    updates: frozenset[str]
    #: The copy ends before the shared history: more must be fetched.
    cut: bool
    #: Each commit is traced back to a base, the present or a former one, and they are few enough.
    readable: bool


class _Read(NamedTuple):
    commit: UnmergedCommit
    tree: str


@dataclass(slots=True)
class BranchReader:
    """Compares branches with a base. `shallow` returns the commits whose parents are not in the copy.

    `merge(first, second)` is the tree of git's merge of two commits, None if they conflict.
    """

    store: Store
    shallow: Callable[[], Collection[str]]
    merge: Callable[[str, str], str | None]
    #: What was read, by commit; None for a commit that is malformed or too large to read.
    _known: dict[str, _Read | None] = field(default_factory=dict)
    _clean: dict[str, bool] = field(default_factory=dict)

    def branch_commits(self, heads: Mapping[str, str], base: str) -> dict[str, BranchCommits]:
        """The commits of each branch (name to head) that the base lacks. Raises DamagedError if the base is missing."""
        revisions = [*sorted(set(heads.values())), f"^{base}"]
        form = ("--topo-order", "--reverse", "--parents", _MADE_ON, "--stdin")
        out = self.store.run("rev-list", *form, stdin=revisions).decode("utf-8", "replace").split("\n")
        parents = {first: tuple(rest) for _, first, *rest in (line.split() for line in out[:-1:2])}
        own = {commit for (commit, ups), said in zip(parents.items(), out[1::2], strict=True) if [*ups] == said.split()}
        shallow = frozenset(self.shallow())
        return {name: _follow(head, parents, own, shallow) for name, head in heads.items()}

    def read(self, heads: Mapping[str, str], branch_commits: Mapping[str, BranchCommits]) -> dict[str, Branch]:
        """The branches with all their changes; incomplete, without commits, if too large or without shared history."""
        readable = [unmerged for unmerged in branch_commits.values() if unmerged.readable]
        short_first = sorted(readable, key=lambda unmerged: len(unmerged.commits))
        wanted = dict.fromkeys(commit for unmerged in short_first for commit in unmerged.commits)
        if unread := [commit for commit in wanted if commit not in self._known]:
            self._load(unread)
        return {name: self._branch(name, heads[name], unmerged) for name, unmerged in branch_commits.items()}

    def _branch(self, name: str, head: str, unmerged: BranchCommits) -> Branch:
        read = [entry for commit in unmerged.commits if unmerged.readable and (entry := self._known[commit])]
        if not unmerged.readable or len(read) < len(unmerged.commits):
            return Branch(name, head, unmerged.fork, (), complete=False)
        for commit, tree in read:
            if commit.id in unmerged.updates and commit.id not in self._clean:
                self._clean[commit.id] = self.merge(*commit.parents) == tree
        commits = tuple(replace(commit, clean_merge=self._clean.get(commit.id, False)) for commit, _ in read)
        return Branch(name, head, unmerged.fork, commits, former_base=unmerged.former_base)

    def _load(self, ids: Collection[str]) -> None:
        commits = self.store.find(ids)
        light = _lightest(commits.sizes, COMMIT_BYTE_LIMIT)
        data = commits.contents([commit for commit in ids if commit in light])
        headers = {commit: header for commit, text in data.items() if (header := parse_commit(text)) is not None}
        # Of a first parent only the commit is known.
        parents = {commit: header.parents[0] for commit, header in headers.items() if header.parents}
        befores = self.store.trees([*parents.values()])
        pairs = [(before, headers[commit].tree) for commit, before in zip(parents, befores, strict=True)]
        changed, room = dict[str, list[TreeChange]](), JOINT_LIMIT
        for commit, changes in zip(parents, self.store.differences(pairs), strict=True):
            if changes is not None and len(changes) <= min(CHANGE_LIMIT, room):
                changed[commit] = changes
                room -= len(changes)
        objects = {
            commit: [oid for change in changes for oid in change.objects()] for commit, changes in changed.items()
        }
        found = self.store.find({name: None for names in objects.values() for name in names})
        weights = {commit: sum(min(found.sizes[oid], FILE_LIMIT) for oid in oids) for commit, oids in objects.items()}
        small = _lightest(weights, BYTE_LIMIT)
        blobs = found.contents({name: None for commit in small for name in objects[commit]}, cut=True)
        for commit in ids:
            self._known[commit] = None
            if commit in headers and (commit in small or not headers[commit].parents):
                tree, up, author, message, signed = headers[commit]
                files = tuple(_file_change(change, blobs) for change in changed.get(commit, ()))
                self._known[commit] = _Read(UnmergedCommit(commit, up, author, message, files, signed=signed), tree)


def _follow(
    head: str, parents: Mapping[str, tuple[str, ...]], own: Collection[str], shallow: frozenset[str]
) -> BranchCommits:
    """Follow a branch to the base. `parents` has every commit that the base lacks, oldest first.

    Commits in `own` say that their parent was on the base, so what is below them is none of the branch's.
    """
    every = _reach(head, parents)
    commits = _reach(head, {commit: () if commit in own else ups for commit, ups in parents.items()})
    former = next((up for commit in commits if commit in own for up in parents[commit] if up in parents), None)
    on_base = [up for commit in every for up in parents[commit] if up not in parents]
    # A root that the base lacks: no shared history, unless the copy of the base ends before it.
    rootless = all(parents[commit] or commit in shallow for commit in every)
    cut = not shallow.isdisjoint(every) if rootless else bool(shallow)
    fork = (on_base[-1] if on_base else None) if every else head
    return BranchCommits(
        commits,
        fork if rootless and not cut else None,
        former,
        frozenset(commit for commit in commits if len(parents[commit]) == 2 and parents[commit][1] not in parents),
        cut=cut,
        readable=len(commits) <= COMMIT_LIMIT and all(parents[commit] and commit not in shallow for commit in commits),
    )


def _reach(head: str, parents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The commit and what it is made on, as far as `parents` has them, in their order."""
    reached, open_ends = set[str](), [head]
    while open_ends:
        if (commit := open_ends.pop()) in parents and commit not in reached:
            reached.add(commit)
            open_ends += parents[commit]
    return tuple(commit for commit in parents if commit in reached)


def _lightest(weights: Mapping[str, int], limit: int) -> frozenset[str]:
    """The lightest items, as many as together weigh at most `limit`."""
    ordered = sorted((weight, name) for name, weight in weights.items())
    return frozenset(fitting({name: weight for weight, name in ordered}, limit, limit)[0])


def _file_change(change: TreeChange, blobs: Mapping[str, bytes]) -> FileChange:
    """`mode_changed` is also set where bytes do not tell: no regular file, cut by its size, or an invalid name."""
    before, after = (
        None if mode == ABSENT else blobs.get(oid, oid.encode())
        for mode, oid in zip(change.modes, change.ids, strict=True)
    )
    present = [mode for mode in change.modes if mode != ABSENT]
    plain = len(set(present)) == 1 and present[0] in REGULAR
    whole = all(data is None or len(data) <= FILE_LIMIT for data in (before, after))
    return FileChange(change.name, before, after, mode_changed=not (plain and whole and change.is_utf8))
