"""The object database of a scratch repository: reads trees and blobs in bulk, writes one commit, works offline.

It never contacts the remote itself: `fetch` is passed in, and gets all missing blobs at once. Fetched one by one as git
does it, 100 blobs take seconds.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.process import ANSWER_LIMIT, error
from gitops_bot.errors import GitError, Problem
from gitops_bot.releases.history.tree_change import ABSENT, REGULAR, Change

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gitops_bot.edges.git.process import Git
    from gitops_bot.releases.history.tags import NewTag


#: Bytes of one file that are read. A longer one is cut to one byte more, so that its reader refuses it.
FILE_LIMIT = 1024 * 1024
#: Bytes of files that are read whole, all of them together.
WHOLE_LIMIT = 128 * 1024 * 1024
#: Bytes of the text of one tag, and of all of them: anybody can write these.
TEXT_LIMIT, TEXTS_LIMIT = 4 * 1024 * 1024, 64 * 1024 * 1024
#: Bytes of objects that are read together with their sizes: it saves a process.
SMALL_LIMIT = 16 * 1024 * 1024
#: Bytes of paths in one tree: half a million files.
_TREE_LIMIT = 64 * 1024 * 1024
#: Trees that are kept: the history of a large repository has thousands.
_TREES = 8
_MADE = "refs/gitops-bot/made"


class DamagedError(GitError):
    """The scratch repository lacks something: a broken cache, or a commit that was never fetched."""


class TreeEntry(NamedTuple):
    """An entry of a tree: its git mode and object id."""

    mode: str
    id: str

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, and not a symbolic link or submodule."""
        return self.mode in REGULAR


class Identity(NamedTuple):
    """The author or committer of a commit: the bot unless configured otherwise."""

    name: str = "gitops-bot"
    email: str = "gitops-bot@noreply.invalid"

    @classmethod
    def of(cls, environ: Mapping[str, str], role: str) -> Identity:
        """The identity in git's variables for `AUTHOR` or `COMMITTER`."""
        configured = {part: environ.get(f"GIT_{role}_{part.upper()}", "").strip() for part in cls._fields}
        return cls(**{part: text for part, text in configured.items() if text})

    def line(self) -> bytes:
        """As fast-import reads it, at the present time, without the characters that git drops too."""
        name, email = (part.translate(_NOT_IN_IDENTITY).strip(" .,:;\"'") for part in self)
        return f"{name or 'unknown'} <{email}> now".encode("utf-8", "replace")


_NOT_IN_IDENTITY = dict.fromkeys([*range(32), ord("<"), ord(">"), 127])


@dataclass(slots=True)
class Store:
    """Objects by id. `fetch` gets missing ones from the remote; trees and commits are present from the start."""

    git: Git
    fetch: Callable[[Collection[str]], None]
    _trees: dict[str, dict[str, TreeEntry]] = field(default_factory=dict)
    #: The objects whose sizes were asked for last, unless they are too large together.
    _read: dict[str, bytes] = field(default_factory=dict)

    def tree(self, commit: str) -> Mapping[str, TreeEntry]:
        """Every file of a commit. Names that are not UTF-8 are left out: no overlay can match them.

        Raises:
            DamagedError: the commit is missing.
            GitError: the names take more than 64 MiB.
        """
        if commit not in self._trees:
            while len(self._trees) >= _TREES:
                del self._trees[next(iter(self._trees))]
            output = self.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, limit=_TREE_LIMIT)
            entries: dict[str, TreeEntry] = {}
            for record in output.split(b"\0")[:-1]:
                head, _, name = record.partition(b"\t")
                with suppress(UnicodeDecodeError):
                    mode, _, oid = head.decode("ascii").split(" ")
                    entries[name.decode()] = TreeEntry(mode, oid)
            self._trees[commit] = entries
        return self._trees[commit]

    def sizes(self, ids: Collection[str]) -> dict[str, int]:
        """The size of each object in bytes; missing ones are fetched first, in one go.

        Raises:
            DamagedError: an object is neither here nor on the remote.
        """
        known = self.present(ids)
        if missing := [oid for oid in ids if oid not in known]:
            read = self._read
            self.fetch(missing)
            known |= self.present(missing)
            self._read |= read
        if absent := next((oid for oid in ids if oid not in known), None):
            raise damaged(f"object {absent} is missing")
        return known

    def present(self, ids: Collection[str]) -> dict[str, int]:
        """The sizes of those of these objects that are here; nothing is fetched."""
        if not ids:
            return {}
        if any(oid not in self._read for oid in ids):
            out = self.run("cat-file", "--batch", "--buffer", stdin=_lines(ids), limit=SMALL_LIMIT, cut=True)
            self._read = _objects(out, ids) if len(out) < SMALL_LIMIT else {}
            if len(out) == SMALL_LIMIT:
                lines = self.run("cat-file", "--batch-check", "--buffer", stdin=_lines(ids)).decode("ascii", "replace")
                records = (line.split() for line in lines.splitlines())
                return {record[0]: int(record[2]) for record in records if len(record) == 3}
        return {oid: len(self._read[oid]) for oid in ids if oid in self._read}

    def blobs(self, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """The bytes of local blobs, cut to `FILE_LIMIT` + 1; `sizes` is from the method of that name."""
        read = self.contents([oid for oid, size in sizes.items() if size <= FILE_LIMIT])
        for oid, size in sizes.items():
            if size > FILE_LIMIT:
                read[oid] = self.git.run("cat-file", "blob", oid, limit=FILE_LIMIT + 1, cut=True).out
        return read

    def whole(self, ids: Collection[str]) -> dict[str, bytes]:
        """The whole bytes of blobs, however large each is; missing ones are fetched first.

        Raises:
            GitError: together they are more than 128 MiB.
        """
        sizes = self.sizes(dict.fromkeys(ids))
        if sum(sizes.values()) > WHOLE_LIMIT:
            raise error(f"these files are larger than {WHOLE_LIMIT >> 20} MiB", "Use `git worktree add` instead.")
        return self.contents(sizes)

    def contents(self, ids: Collection[str]) -> dict[str, bytes]:
        """The whole bytes of small local objects. Raises DamagedError if one is missing or unreadable."""
        if not ids:
            return {}
        if any(oid not in self._read for oid in ids):
            self._read = _objects(self.run("cat-file", "--batch", "--buffer", stdin=_lines(ids)), ids)
        read, self._read = self._read, {}
        if absent := next((oid for oid in ids if oid not in read), None):
            raise damaged(f"object {absent} is missing")
        return {oid: read[oid] for oid in ids}

    def commits(self, ids: Collection[str]) -> dict[str, CommitHeaders]:
        """The headers of small local commits, without malformed ones; raises as `contents`."""
        return {oid: parsed for oid, data in self.contents(ids).items() if (parsed := parse_commit(data)) is not None}

    def commit(
        self, parent: str, files: Mapping[str, bytes], message: str, author: Identity, committer: Identity
    ) -> str:
        """Write blobs, trees and a commit on top of `parent`, in one git process; returns the commit id.

        Raises:
            GitError: a path is no regular file in `parent`, or leads through a file or a link.
        """
        text = message.replace("\0", "").encode("utf-8", "replace")
        tree = self.tree(parent)
        stream = [b"feature done\ncommit %s\nmark :1\nauthor %s\n" % (_MADE.encode(), author.line())]
        stream.append(b"committer %s\ndata %d\n%s\nfrom %s\n" % (committer.line(), len(text), text, parent.encode()))
        for path, content in files.items():
            name = path.replace("\\", "\\\\").replace('"', '\\"').encode()
            stream.append(b'M %s inline "%s"\ndata %d\n' % (_mode(tree, path).encode(), name, len(content)))
            stream += (content, b"\n")
        stream.append(b"get-mark :1\ndone\n")
        return self._import(stream).strip()

    def tag(self, tags: Sequence[NewTag], tagger: Identity) -> list[str]:
        """Write annotated tags of commits, in one git process; returns their ids. Refs with their names stay here."""
        stream = [b"feature done\n"]
        for mark, tag in enumerate(tags, start=1):
            text = tag.text.encode("utf-8", "replace")
            stream.append(b"tag %s\nmark :%d\nfrom %s\n" % (tag.name.encode(), mark, tag.commit.encode()))
            stream.append(b"tagger %s\ndata %d\n%s\n" % (tagger.line(), len(text), text))
        stream += [b"get-mark :%d\n" % mark for mark in range(1, len(tags) + 1)]
        stream.append(b"done\n")
        return self._import(stream).split()

    def _import(self, stream: Sequence[bytes]) -> str:
        arguments = ("fast-import", "--quiet", "--force", "--date-format=now", "--cat-blob-fd=1")
        return self.run(*arguments, stdin=b"".join(stream)).decode()

    def tag_texts(self, objects: Mapping[str, str]) -> dict[str, str | None]:
        """The text of each tag, given its local object; None for one without an object, or not UTF-8.

        Those that are too long, or come after 64 MiB of others, are left out.
        """
        room, wanted = TEXTS_LIMIT, []
        for oid, size in self.sizes(dict.fromkeys(objects.values())).items():
            if size <= min(TEXT_LIMIT, room):
                room -= size
                wanted.append(oid)
        data = self.contents(wanted)
        return {name: _tag_text(data[oid]) for name, oid in objects.items() if oid in data}

    def run(self, *arguments: str, stdin: bytes = b"", limit: int = ANSWER_LIMIT, cut: bool = False) -> bytes:
        """The output of a git command on this repository; with `cut`, at most `limit` bytes of it."""
        answer = self.git.run(*arguments, stdin=stdin, limit=limit, cut=cut)
        # git was stopped at the limit, which looks like a failure.
        if answer.status != 0 and not (cut and len(answer.out) == limit):
            raise damaged(f"git {arguments[0]} failed: {answer.err[-300:]}")
        return answer.out


def damaged(what: str) -> DamagedError:
    """The error for a scratch repository that cannot be read."""
    return DamagedError(Problem("failed.git", f"the local copy cannot be read: {what}", "Run it again."))


def _objects(out: bytes, ids: Iterable[str]) -> dict[str, bytes]:
    """What `git cat-file --batch` told of these objects, without those that are missing."""
    read: dict[str, bytes] = {}
    at = 0
    for oid in ids:
        start = out.find(b"\n", at) + 1
        fields = out[at:start].split()
        at = start
        if len(fields) == 3:
            end = start + int(fields[2])
            read[oid] = out[start:end]
            at = end + 1
    return read


def _lines(ids: Iterable[str]) -> bytes:
    return "".join(f"{oid}\n" for oid in ids).encode()


def _mode(tree: Mapping[str, TreeEntry], path: str) -> str:
    """The mode for writing a file: unchanged, and never through a link, over a link, or over a directory."""
    entry = tree.get(path)
    if entry is not None and entry.is_regular:
        return entry.mode
    parts = path.split("/")
    obstacle = next((ancestor for end in range(1, len(parts)) if (ancestor := "/".join(parts[:end])) in tree), None)
    if entry is not None or obstacle is not None:
        message = f"{path!r} is not written: {obstacle or path!r} is a link, a submodule, or a file in the way"
        raise error(message, "Name the file itself.")
    if any(other.startswith(f"{path}/") for other in tree):
        raise error(f"{path!r} is not written: it is a directory", "Name the file itself.")
    return "100644"


def _tag_text(data: bytes) -> str | None:
    try:
        return data.partition(b"\n\n")[2].decode() if _TAG.match(data) else None
    except UnicodeDecodeError:
        return None


_TAG = re.compile(rb"object [0-9a-f]{40,64}\ntype commit\n")
#: The beginning of a commit object. Git reads parents only there, so later `parent` lines do not count.
_BEGINNING = re.compile(rb"tree ([0-9a-f]{40,64})\n((?:parent [0-9a-f]{40,64}\n)*)")
_AUTHOR = re.compile(rb"^author (.*>)", re.MULTILINE)


class CommitHeaders(NamedTuple):
    """The relevant parts of a commit object. Invalid UTF-8 in author and message is replaced."""

    tree: str
    parents: tuple[str, ...]
    author: str
    message: str


def parse_commit(data: bytes) -> CommitHeaders | None:
    """Parse a commit object; None if it does not begin as one."""
    head, _, message = data.partition(b"\n\n")
    beginning = _BEGINNING.match(head + b"\n")
    if beginning is None:
        return None
    author = _AUTHOR.search(head)
    return CommitHeaders(
        beginning[1].decode("ascii"),
        tuple(beginning[2].decode("ascii").split()[1::2]),
        author[1].decode("utf-8", "replace") if author else "",
        message.decode("utf-8", "replace"),
    )


# The files that differ between two trees.
#
# `git diff-tree -r` collects its whole list before it prints, and three small trees that refer to one another over and
# over contain a billion paths. So its memory and time are limited, and where they are not enough, each level of
# directories is listed separately, for all commits in one process: a single level is never larger than the trees
# themselves. A commit that changes too much is skipped.


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
