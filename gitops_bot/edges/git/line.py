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

from gitops_bot import log
from gitops_bot.edges.git.store import FILE_LIMIT, NO_FILES, fitting, parse_commit
from gitops_bot.releases.history.line import Line, Step
from gitops_bot.releases.history.pin_files import ABSENT, ChangedTrees, PinFiles, TreeChange
from gitops_bot.releases.layout.overlays import REGULAR
from gitops_bot.targets import tells_of_others

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gitops_bot.edges.git.store import CommitHeaders, Store
    from gitops_bot.releases.history.pin_files import FileVersion
    from gitops_bot.targets import FileTargets


#: Commits of the line to read, in steps, up to the last. With many overlays, 200 commits of each are never among a few
#: hundred, so a smaller first step would not help.
WINDOWS = (2_000, 10_000, 50_000)
#: Changed paths of one commit, and of the whole line. Of a commit that exceeds one of these, only the files that hold
#: pins are listed. The line ends before one that exceeds it all the same: older commits mean nothing without it.
CHANGE_LIMIT, PATH_LIMIT = 50_000, 500_000
#: Versions of pin files on the whole line, and their bytes. The line also ends before a commit that exceeds these.
VERSION_LIMIT, BYTE_LIMIT = 100_000, 64 * 1024 * 1024
#: Bytes of commit objects, newest first. Later commits have no author or message.
COMMIT_BYTE_LIMIT = 32 * 1024 * 1024
#: Versions of files that are looked into to tell how they were read, the newest first, and bytes of these and of the
#: files beside them. Files that would need more are read by their names.
HELD_VERSION_LIMIT, HELD_BYTE_LIMIT = 10_000, 16 * 1024 * 1024
#: How many commits of each merged branch are asked what they say.
_MERGED = 10
#: Replaces what was not read, or is no regular file: every target refuses it.
UNREADABLE = b"\0"
#: The last second that a `datetime` can hold; git has no such limit.
_LAST_SECOND = 253_402_300_799
#: What spans two lines cannot be asked of git.
_LINE_END = re.compile(r"[\r\n]")


class _LineCommit(NamedTuple):
    """A commit on the line. `at` is the committer's time in UTC."""

    commit: str
    tree: str
    at: datetime
    parents: tuple[str, ...]


#: A commit, what it changed, and what of that in files with pins.
_ChangedCommit = tuple[_LineCommit, "Sequence[TreeChange]", "list[TreeChange]"]


class LineReader:
    """Reads first-parent lines, window by window. No commit is compared twice, whichever line it is on."""

    def __init__(self, store: Store, directories: Iterable[str], targets: FileTargets) -> None:
        self._store, self._directories = store, frozenset(directories)
        self._pin_files = PinFiles(targets, store.tree, self._read_versions)
        #: What each compared commit changed in these directories; None for nothing.
        self._compared: dict[str, Step | None] = {}
        self._paths = self._bytes = self._versions = 0
        self._commit_room, self._held_room = COMMIT_BYTE_LIMIT, HELD_BYTE_LIMIT
        self._blobs: dict[str, bytes] = {}
        self._on_line: set[str] = set()
        #: Whether a larger window cannot show more: the line is complete, at a limit, or all that the remote has.
        self.ended = False
        #: The commit before which the line ends because it changes too much.
        self._too_large = ""

    def read(self, commit: str, window: int, shallow: Collection[str]) -> Line:
        """The line of `commit` within its first `window` commits; `shallow` are the commits where the copy ends."""
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
        commits = tuple(link.commit for link in known)
        too_large = "" if whole else self._too_large
        touching = tuple(step for step in steps if step is not None)
        return Line(touching, rooted and whole, commits, too_large, limited=not self.ended)

    def _chain(self, commit: str, window: int) -> list[_LineCommit]:
        """The first commits of the line, newest first."""
        form = ("--first-parent", f"--max-count={window}", "--format=%T,%ct,%P")
        out = self._store.run("rev-list", *form, "--end-of-options", commit).decode("ascii").splitlines()
        chain = []
        # Each commit takes two lines: `commit ID`, and what was asked for.
        for line, fields in zip(out[::2], out[1::2], strict=True):
            tree, seconds, parents = fields.split(",")
            # Clamped to valid dates; 1970 if there is none, as git shows it.
            at = datetime.fromtimestamp(min(int(seconds[:20] or "0"), _LAST_SECOND), UTC)
            chain.append(_LineCommit(line.removeprefix("commit "), tree, at, tuple(parents.split())))
        return chain

    def _compare(self, pairs: Sequence[tuple[_LineCommit, str]], newest: str) -> None:
        """Compare these commits, newest first, with their parents' trees, up to one that exceeds a limit."""
        changed: list[tuple[_LineCommit, ChangedTrees]] = []
        compared: list[str] = []
        differences = self._store.differences([(before, link.tree) for link, before in pairs], self._directories)
        for (link, before), changes in zip(pairs, differences, strict=True):
            most = min(CHANGE_LIMIT, PATH_LIMIT - self._paths)
            if changes is not None and len(changes) > most:
                changes = self._with_pins(changes)  # noqa: PLW2901 - the same commit, told shorter
            if changes is None or len(changes) > most:
                self._end(link.commit)
                break
            compared.append(link.commit)
            self._paths += len(changes)
            if changes:
                changed.append((link, ChangedTrees(changes, before, link.tree)))
        is_older = bool(pairs) and pairs[0][0].commit != newest
        pins = self._pin_files.changes(newest, [trees for _, trees in changed], older=is_older)
        commits = [(link, trees.changes, own) for (link, trees), own in zip(changed, pins, strict=True)]
        whole = self._load(commits)
        if whole < len(commits):
            self._end(commits[whole][0].commit)
            del compared[compared.index(commits[whole][0].commit) :]
        self._compared |= dict.fromkeys(compared)
        self._compared |= {step.commit: step for step in self._steps(commits[:whole])}

    def _with_pins(self, changes: Sequence[TreeChange]) -> list[TreeChange]:
        """Of very many changes those of files that hold pins by their names and settings, and one in each directory.

        So it is known which overlays the commit changed. What the content of other files told is not asked.
        """
        targets, seen, kept = self._pin_files.targets, set(), list[TreeChange]()
        for change in changes:
            claim = targets.claim(change.path) if targets.claim is not None else None
            is_claimed = claim is not None and (claim.named or claim.target is not None or bool(claim.following))
            directory = posixpath.dirname(change.path)
            if is_claimed or targets.holds_pins(change.path) or directory not in seen:
                kept.append(change)
            seen.add(directory)
        return kept

    def _end(self, commit: str) -> None:
        """The line ends before this commit."""
        self._too_large = commit
        log.once("history.ends", level="warning", commit=commit, reason="it changes more files than the bot reads")

    def _load(self, commits: Sequence[_ChangedCommit]) -> int:
        """Read the pin files of these commits; returns for how many commits the limits were enough."""
        wanted: dict[str, None] = {}
        ends = []
        for _, _, pins in commits:
            for change in pins:
                sides = zip(change.modes, change.ids, strict=True)
                wanted |= dict.fromkeys(blob for mode, blob in sides if mode in REGULAR)
            ends.append(len(wanted))
        newest = list(wanted)[: VERSION_LIMIT - len(self._blobs)]
        found = self._store.find(newest)
        read = []
        for blob in newest:
            size = found.sizes[blob]
            self._bytes += size if size <= FILE_LIMIT else 0
            if self._bytes > BYTE_LIMIT:
                break
            read.append(blob)
        small = [blob for blob in read if found.sizes[blob] <= FILE_LIMIT]
        self._blobs |= dict.fromkeys(read, UNREADABLE) | found.contents(small)
        return sum(end <= len(read) for end in ends)

    def _steps(self, commits: Sequence[_ChangedCommit]) -> list[Step]:
        """What these commits, whose pin files are loaded, made of their files, and what they say of it."""
        headers = self._headers([link.commit for link, _, _ in commits])
        merged = self._merged([head for link, _, _ in commits for head in link.parents[1:]])
        steps = []
        for link, changes, pins in commits:
            header = headers.get(link.commit)
            author, message = (header.author, header.message) if header else ("", "")
            merges = tuple(message for head in link.parents[1:] for message in merged[head])
            files = {}
            for change in pins:
                before, after = (
                    None if mode == ABSENT else self._blobs[blob] if mode in REGULAR else UNREADABLE
                    for mode, blob in zip(change.modes, change.ids, strict=True)
                )
                files[change.name] = (before, after)
            names, targets = tuple(change.name for change in changes), self._pin_files.targets
            steps.append(Step(link.commit, link.parents, link.at, author, message, names, files, targets, merges))
        return steps

    def _merged(self, heads: Collection[str]) -> dict[str, list[str]]:
        """What the commits say that these heads of branches brought in, along their first parents, newest first."""
        headers: dict[str, CommitHeaders] = {}
        level = set(heads)
        for _ in range(_MERGED):
            level -= self._on_line | headers.keys()
            if not level:
                break
            read = self._headers(self._store.present(sorted(level)).sizes)
            headers |= read
            level = {commit.parents[0] for commit in read.values() if commit.parents}
        messages: dict[str, list[str]] = {}
        for head in heads:
            messages[head], commit = [], head
            while commit in headers and len(messages[head]) < _MERGED:
                messages[head].append(headers[commit].message)
                commit = next(iter(headers[commit].parents), "")
        return messages

    def _headers(self, commits: Collection[str]) -> dict[str, CommitHeaders]:
        """The headers of these commits, newest first, within the limits of their size; without malformed ones."""
        found = self._store.find(commits)
        wanted, self._commit_room = fitting(found.sizes, self._commit_room)
        data = found.contents(wanted)
        return {commit: header for commit, text in data.items() if (header := parse_commit(text)) is not None}

    def _read_versions(self, versions: Sequence[FileVersion]) -> dict[FileVersion, dict[str, bytes]]:
        """The bytes that tell how each version was read, by the names of the files, within the limits for all."""
        wanted = versions[: max(HELD_VERSION_LIMIT - self._versions, 0)]
        self._versions += len(versions)
        beside = self._beside([version.directory for version in wanted if version.file.reads_beside])
        files = {
            version: {**beside.get(version.directory, {}), posixpath.basename(version.file.path): version.blob}
            for version in wanted
            if version.file.by_content or version.directory in beside
        }
        found = self._store.find(dict.fromkeys(blob for names in files.values() for blob in names.values()))
        fits, self._held_room = fitting(found.sizes, self._held_room)
        blobs = found.contents(fits)
        return {
            version: {name: blobs[blob] for name, blob in files.get(version, {}).items() if blob in blobs}
            for version in wanted
        }

    def _beside(self, directories: Iterable[str]) -> dict[str, dict[str, str]]:
        """The files in these directories that may tell how to read another one: names and blobs, by the directory."""
        wanted = dict.fromkeys(directory for directory in directories if not _LINE_END.search(directory))
        if not wanted:
            return {}
        found = zip(wanted, self._store.look_up(wanted), strict=True)
        trees = {directory: stored.id for directory, stored in found if stored is not None and stored.kind == "tree"}
        pairs = [(NO_FILES[len(tree)], tree) for tree in trees.values()]
        return {
            directory: {
                change.name: change.ids[1]
                for change in listed or ()
                if change.modes[1] in REGULAR and change.is_utf8 and tells_of_others(change.name)
            }
            for directory, listed in zip(trees, self._store.differences(pairs, recursive=False), strict=True)
        }
