"""The first-parent line of a commit: what each commit on it changed in the given directories.

Each commit is compared with its first parent, merges too, so a pull request is one step however it was merged. The line
is read in windows of a fixed number of commits, not as deep as the copy happens to be, so the result never depends on
the cache. `git log --raw -- PATHS` would do this in one process, but nothing bounds what one commit takes; see
`Store.differences`.
"""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.store import FILE_LIMIT, NO_FILES
from gitops_bot.releases.history.line import Line, Step
from gitops_bot.releases.history.pin_files import ChangedTrees, PinFiles
from gitops_bot.releases.history.tree_change import ABSENT, REGULAR, Change
from gitops_bot.targets import tells_of_others

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.edges.git.store import CommitHeaders, Store
    from gitops_bot.releases.history.pin_files import Version
    from gitops_bot.targets import FileTargets


#: Commits of the line to read, in steps, up to the last. With many overlays, 200 commits of each are never among a few
#: hundred, so a smaller first step would not help.
WINDOWS = (2_000, 10_000, 50_000)
#: Changed paths of one commit, and of the whole line. The line ends before a commit that exceeds one of these, because
#: older commits mean nothing without its changes.
CHANGE_LIMIT, PATH_LIMIT = 50_000, 500_000
#: Versions of pin files on the whole line, and their bytes. The line also ends before a commit that exceeds these.
VERSION_LIMIT, BYTE_LIMIT = 100_000, 64 * 1024 * 1024
#: Bytes of commit objects, newest first. Later commits have no author or message.
COMMIT_BYTE_LIMIT = 32 * 1024 * 1024
#: How many commits of each merged branch are asked what they say.
_MERGED = 10
#: Replaces what was not read, or is no regular file: every target refuses it.
UNREADABLE = b"\0"
#: The last second that a `datetime` can hold; git has no such limit.
_LAST_SECOND = 253_402_300_799


class _LineCommit(NamedTuple):
    """A commit on the line. `time` is the committer's, in seconds since 1970, as far as git can read it."""

    commit: str
    tree: str
    time: str
    parents: tuple[str, ...]

    def at(self) -> datetime:
        """The committer's time in UTC, clamped to valid dates; 1970 if there is none, as git shows it."""
        return datetime.fromtimestamp(min(int(self.time[:20] or "0"), _LAST_SECOND), UTC)


class _ChangedCommit(NamedTuple):
    """A commit and what it changed; `pins` of that in files with pins."""

    link: _LineCommit
    changes: list[Change]
    pins: list[Change]


class LineReader:
    """Reads first-parent lines, window by window. No commit is compared twice, whichever line it is on."""

    def __init__(self, store: Store, directories: Iterable[str], targets: FileTargets) -> None:
        self._store, self._directories = store, frozenset(directories)
        self._pin_files = PinFiles(targets, store.tree, VersionReader(store).read)
        #: What each compared commit changed in these directories; None for nothing.
        self._compared: dict[str, Step | None] = {}
        self._paths = self._commit_bytes = self._bytes = 0
        self._blobs: dict[str, bytes] = {}
        self._on_line: set[str] = set()
        #: Whether a larger window cannot show more: the line is complete, at a limit, or all that the remote has.
        self.ended = False

    def read(self, commit: str, window: int, shallow: Collection[str]) -> Line:
        """The line of `commit` within its first `window` commits; `shallow` are the commits where the copy ends.

        Raises:
            DamagedError: the copy lacks something.
            GitError: what is missing cannot be fetched.
        """
        chain = self._chain(commit, window)
        self._on_line.update(link.commit for link in chain)
        rooted = not chain[-1].parents and chain[-1].commit not in shallow
        pairs: list[tuple[_LineCommit, str]] = [(link, older.tree) for link, older in pairwise(chain)]
        if rooted:
            # Only a true root added all its files; at the end of a shallow copy that is unknown.
            pairs.append((chain[-1], NO_FILES[len(chain[-1].tree)]))
        self._compare([pair for pair in pairs if pair[0].commit not in self._compared], commit)
        known = list(takewhile(lambda link: link.commit in self._compared, (link for link, _ in pairs)))
        steps = (self._compared[link.commit] for link in known)
        whole = len(known) == len(pairs)
        self.ended = rooted or not whole or len(chain) < window
        return Line(tuple(step for step in steps if step is not None), complete=rooted and whole)

    def _compare(self, pairs: Sequence[tuple[_LineCommit, str]], newest: str) -> None:
        """Compare these commits with their parents' trees, up to one that exceeds a limit."""
        compared, end = self._changes(pairs)
        trees = {link.commit: tree for link, tree in pairs}
        changed = [ChangedTrees(changes, trees[link.commit], link.tree) for link, changes in compared]
        pins = self._pin_files.changes(newest, changed, older=bool(pairs) and pairs[0][0].commit != newest)
        commits = [_ChangedCommit(*commit, own) for commit, own in zip(compared, pins, strict=True)]
        whole = self._load(commits)
        if whole < len(commits):
            end = [link for link, _ in pairs].index(commits[whole].link)
        steps = {step.commit: step for step in self._steps(commits[:whole])}
        self._compared |= {link.commit: steps.get(link.commit) for link, _ in pairs[:end]}

    def _chain(self, commit: str, window: int) -> list[_LineCommit]:
        """The first commits of the line, newest first."""
        form = ("--first-parent", f"--max-count={window}", "--format=%T,%ct,%P")
        out = self._store.run("rev-list", *form, "--end-of-options", commit).decode("ascii").splitlines()
        # Each commit takes two lines: `commit ID`, and what was asked for.
        commits = (line.removeprefix("commit ") for line in out[::2])
        fields = (line.split(",") for line in out[1::2])
        return [
            _LineCommit(commit, tree, time, tuple(parents.split()))
            for commit, (tree, time, parents) in zip(commits, fields, strict=True)
        ]

    def _changes(self, pairs: Sequence[tuple[_LineCommit, str]]) -> tuple[list[tuple[_LineCommit, list[Change]]], int]:
        """The commits with relevant changes, newest first, up to one that changed too much.

        Also returns how many pairs were compared.
        """
        result: list[tuple[_LineCommit, list[Change]]] = []
        differences = self._store.differences([(before, link.tree) for link, before in pairs], self._directories)
        for at, ((link, _), changes) in enumerate(zip(pairs, differences, strict=True)):
            if changes is None or len(changes) > CHANGE_LIMIT or self._paths + len(changes) > PATH_LIMIT:
                return result, at
            self._paths += len(changes)
            if changes:
                result.append((link, changes))
        return result, len(pairs)

    def _steps(self, commits: Sequence[_ChangedCommit]) -> list[Step]:
        links = [commit.link for commit in commits]
        headers = self._headers([link.commit for link in links])
        merged = self._merged([parent for link in links for parent in link.parents[1:]])
        steps = []
        for link, changes, pins in commits:
            commit = headers.get(link.commit)
            steps.append(
                Step(
                    link.commit,
                    link.parents,
                    link.at(),
                    commit.author if commit else "",
                    commit.message if commit else "",
                    tuple(change.name for change in changes),
                    {change.name: self._sides(change) for change in pins},
                    self._pin_files.targets,
                    tuple(self._messages(merged, link.parents[1:])),
                )
            )
        return steps

    def _merged(self, heads: Iterable[str]) -> dict[str, CommitHeaders]:
        """The newest commits of merged branches, along their first parents, down to the line itself."""
        headers: dict[str, CommitHeaders] = {}
        level = set(heads)
        for _ in range(_MERGED):
            level -= self._on_line | headers.keys()
            if not level:
                break
            read = self._headers(self._store.present(sorted(level)))
            headers |= read
            level = {commit.parents[0] for commit in read.values() if commit.parents}
        return headers

    def _messages(self, merged: Mapping[str, CommitHeaders], heads: Iterable[str]) -> Iterator[str]:
        """What the commits say that these heads of branches brought in, each branch the newest first."""
        for head in heads:
            commit: str | None = head
            for _ in range(_MERGED):
                if commit is None or commit not in merged:
                    break
                yield merged[commit].message
                commit = next(iter(merged[commit].parents), None)

    def _headers(self, commits: Collection[str]) -> dict[str, CommitHeaders]:
        """The headers of these commits, newest first, within the limits of their size."""
        wanted = []
        for commit, size in self._store.sizes(commits).items():
            if size <= FILE_LIMIT and self._commit_bytes + size <= COMMIT_BYTE_LIMIT:
                self._commit_bytes += size
                wanted.append(commit)
        return self._store.commits(wanted)

    def _load(self, commits: Sequence[_ChangedCommit]) -> int:
        """Read the pin files of these commits; returns for how many commits the limits were enough."""
        wanted: dict[str, None] = {}
        ends = []
        for commit in commits:
            for change in commit.pins:
                wanted |= dict.fromkeys(_files(change))
            ends.append(len(wanted))
        remaining = VERSION_LIMIT - len(self._blobs)
        sizes = self._store.sizes(list(wanted)[:remaining])
        fits = 0
        for size in (sizes[blob] for blob in wanted if blob in sizes):
            self._bytes += size if size <= FILE_LIMIT else 0
            if self._bytes > BYTE_LIMIT:
                break
            fits += 1
        read = list(wanted)[:fits]
        small = [blob for blob in read if sizes[blob] <= FILE_LIMIT]
        self._blobs |= dict.fromkeys(read, UNREADABLE) | self._store.contents(small)
        return sum(end <= fits for end in ends)

    def _sides(self, change: Change) -> tuple[bytes | None, bytes | None]:
        before, after = (
            None if mode == ABSENT else self._blobs[blob] if mode in REGULAR else UNREADABLE
            for mode, blob in zip(change.modes, change.ids, strict=True)
        )
        return before, after


def _files(change: Change) -> Iterable[str]:
    """The ids of both sides that are regular files."""
    return (blob for mode, blob in zip(change.modes, change.ids, strict=True) if mode in REGULAR)


# What tells how earlier versions of files were read: their bytes, and the files beside them.


#: Versions that are looked into, the newest first, and their bytes. Files that would need more are read by their names.
HELD_VERSION_LIMIT, HELD_BYTE_LIMIT = 10_000, 16 * 1024 * 1024
_FOUND = re.compile(r"([0-9a-f]{40,64}) tree [0-9]+\Z")
#: What spans two lines cannot be asked of git.
_LINE_END = re.compile(r"[\r\n]")


class VersionReader:
    """Reads versions for `PinFiles`, all of them together within the limits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._versions = self._bytes = 0

    def read(self, versions: Sequence[Version]) -> dict[Version, dict[str, bytes]]:
        """The bytes that tell how each version was read, by the names of the files.

        Raises:
            DamagedError: the copy lacks something.
            GitError: what is missing cannot be fetched.
        """
        wanted = versions[: max(HELD_VERSION_LIMIT - self._versions, 0)]
        self._versions += len(versions)
        beside = self._beside([version for version in wanted if version.file.reads_beside])
        files = {
            version: {**beside.get(version.directory, {}), posixpath.basename(version.file.path): version.blob}
            for version in wanted
            if version.file.by_content or version.directory in beside
        }
        blobs = self._contents(blob for names in files.values() for blob in names.values())
        return {
            version: {name: blobs[blob] for name, blob in files.get(version, {}).items() if blob in blobs}
            for version in wanted
        }

    def _beside(self, versions: Sequence[Version]) -> dict[str, dict[str, str]]:
        """The files beside these that may tell how to read them: names and blobs, by the directory."""
        wanted = dict.fromkeys(version.directory for version in versions if not _LINE_END.search(version.directory))
        if not wanted:
            return {}
        stdin = "".join(f"{directory}\n" for directory in wanted).encode()
        lines = self._store.run("cat-file", "--batch-check", "--buffer", stdin=stdin).decode("utf-8", "replace")
        answers = zip(wanted, map(_FOUND.match, lines.split("\n")), strict=False)
        trees = {directory: answer[1] for directory, answer in answers if answer is not None}
        pairs = [(NO_FILES[len(tree)], tree) for tree in trees.values()]
        return {
            directory: {
                change.name: change.ids[1]
                for change in listed or ()
                if change.modes[1] in REGULAR and change.is_utf8 and tells_of_others(change.name)
            }
            for directory, listed in zip(trees, self._store.differences(pairs, recursive=False), strict=True)
        }

    def _contents(self, blobs: Iterable[str]) -> dict[str, bytes]:
        wanted = []
        for blob, size in self._store.sizes(dict.fromkeys(blobs)).items():
            if size <= FILE_LIMIT and self._bytes + size <= HELD_BYTE_LIMIT:
                self._bytes += size
                wanted.append(blob)
        return self._store.contents(wanted)
