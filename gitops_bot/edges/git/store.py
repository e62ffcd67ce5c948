"""The object database of a scratch repository: reads trees and blobs in bulk, writes one commit, works offline.

`fetch` is passed in, and gets all missing blobs at once: one by one, as git does it, 100 blobs take seconds.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.edges.git.process import ANSWER_LIMIT, Dialogue, error
from gitops_bot.errors import GitError, Problem
from gitops_bot.releases.history.pin_files import TreeChange
from gitops_bot.releases.layout.overlays import REGULAR
from gitops_bot.releases.layout.owners import above

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.edges.git.process import Git
    from gitops_bot.releases.history.releases import NewTag


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
#: Bytes of one list of the files that differ between trees; characters and directories of one path in it.
LIST_LIMIT = 32 * 1024 * 1024
_PATH_LIMIT, _DEPTH_LIMIT = 4096, 100
#: Trees that are too much for git, after which no others are compared.
_TOO_MUCH_LIMIT = 5
#: Bytes of directories that git takes as arguments.
_ARGUMENTS_LIMIT = 100_000
_MADE = "refs/gitops-bot/made"
#: The empty tree, by the length of an object id. Git knows it without storing it.
NO_FILES = {
    len(empty.hexdigest()): empty.hexdigest()
    for empty in (hashlib.sha1(b"tree 0\0", usedforsecurity=False), hashlib.sha256(b"tree 0\0"))
}
_IMPORT = ("fast-import", "--quiet", "--force", "--date-format=now", "--cat-blob-fd=1")
_BOT = ("gitops-bot", "gitops-bot@noreply.invalid")
_NOT_IN_IDENTITY = dict.fromkeys([*range(32), ord("<"), ord(">"), 127])
_DIFF_TREE = ("diff-tree", "--stdin", "-z", "--no-renames")
#: What it prints of two trees: their ids, each file that differs, and the line after them, which it repeats at once.
_DIFFERENCE = re.compile(
    r"(?:[0-9a-f]+ [0-9a-f]+\n)?(?::([0-9]+) ([0-9]+) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\0([^\0]+)\0|end\n)"
)
#: An object in the output of `cat-file`; of a missing one its name is repeated.
_STORED = re.compile(rb"([0-9a-f]{40,64}) ([a-z]+) ([0-9]+)\Z")


class DamagedError(GitError):
    """The scratch repository lacks something: a broken cache, or a commit that was never fetched."""


class StoredObject(NamedTuple):
    """An object; without its bytes where these were too many to be read along."""

    id: str
    kind: str
    size: int
    data: bytes | None


class TreeEntry(NamedTuple):
    """An entry of a tree: its git mode and object id."""

    mode: str
    id: str


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of a store, by id: the sizes of all, and what was read along with these, unless it is too much."""

    store: Store
    sizes: dict[str, int]
    read: dict[str, bytes]

    def contents(self, ids: Collection[str], *, cut: bool = False) -> dict[str, bytes]:
        """The bytes of these; `cut`: at most `FILE_LIMIT` + 1 of each."""
        large = {oid for oid in ids if cut and self.sizes[oid] > FILE_LIMIT}
        whole = [oid for oid in ids if oid not in large]
        read = self.read
        if any(oid not in read for oid in whole):
            out = self.store.run("cat-file", "--batch", "--buffer", stdin=whole)
            read = {stored.id: stored.data for stored in _stored(out, len(whole)) if stored and stored.data is not None}
        if absent := next((oid for oid in whole if oid not in read), None):
            raise damage(f"object {absent} is missing")
        beginnings = {oid: self.store.run("cat-file", "blob", oid, limit=FILE_LIMIT + 1, cut=True) for oid in large}
        return {oid: read[oid] for oid in whole} | beginnings


@dataclass(slots=True)
class Store:
    """Objects by id. `fetch` gets missing ones from the remote; trees and commits are present from the start.

    What is missing all the same, or cannot be read, is a DamagedError.
    """

    git: Git
    fetch: Callable[[Collection[str]], None]
    _trees: dict[str, dict[str, TreeEntry]] = field(default_factory=dict)
    _objects: Dialogue = field(init=False)
    _differing: Dialogue = field(init=False)

    def __post_init__(self) -> None:
        self._objects = Dialogue(self.git, ("cat-file", "--batch"), b" missing\n")
        self._differing = Dialogue(self.git, (*_DIFF_TREE, "-r"), b"\n", bounded=True)

    def close(self) -> None:
        """End the processes that read from it."""
        self._objects.close()
        self._differing.close()

    def tree(self, commit: str) -> Mapping[str, TreeEntry]:
        """Every file of a commit. Names that are not UTF-8 are left out: no overlay can match them.

        Raises:
            GitError: the names take more than 64 MiB.
        """
        if commit not in self._trees:
            while len(self._trees) >= _TREES:
                del self._trees[next(iter(self._trees))]
            (tree,) = self.trees([commit])
            (files,) = self.differences([(NO_FILES[len(tree)], tree)])
            self._trees[commit] = (
                {file.path: TreeEntry(file.modes[1], file.ids[1]) for file in files if file.is_utf8}
                if files is not None
                else self._listed(tree)
            )
        return self._trees[commit]

    def _listed(self, tree: str) -> dict[str, TreeEntry]:
        """Every file of a tree that is too much for `differences`."""
        entries = {}
        output = self.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree, limit=_TREE_LIMIT)
        for record in output.split(b"\0")[:-1]:
            head, _, name = record.partition(b"\t")
            with suppress(UnicodeDecodeError):
                mode, _, oid = head.decode("ascii").split(" ")
                entries[name.decode()] = TreeEntry(mode, oid)
        return entries

    def find(self, ids: Collection[str]) -> Objects:
        """These objects; missing ones are fetched first, in one go."""
        objects = self.present(ids)
        if missing := [oid for oid in ids if oid not in objects.sizes]:
            self.fetch(missing)
            fetched = self.present(missing)
            objects = Objects(self, objects.sizes | fetched.sizes, objects.read | fetched.read)
        if absent := next((oid for oid in ids if oid not in objects.sizes), None):
            raise damage(f"object {absent} is missing")
        return objects

    def present(self, ids: Collection[str]) -> Objects:
        """Those of these objects that are here; nothing is fetched."""
        found = [stored for stored in self.look_up(ids) if stored is not None]
        read = {stored.id: stored.data for stored in found if stored.data is not None}
        return Objects(self, {stored.id: stored.size for stored in found}, read)

    def look_up(self, names: Collection[str]) -> list[StoredObject | None]:
        """What git means by each of these names, if that is here; without bytes if all have 16 MiB or more together."""
        if not names:
            return []
        answer = self._objects.ask(names, SMALL_LIMIT)
        if answer.status > 0:
            raise damage(f"git cat-file failed: {answer.err[-300:]}")
        if answer.status == 0:
            return list(_stored(answer.out, len(names)))
        lines = self.run("cat-file", "--batch-check", "--buffer", stdin=names)
        return list(_stored(lines, len(names), whole=False))

    def trees(self, commits: Sequence[str]) -> list[str]:
        """The ids of the trees of these commits."""
        trees = [tree.id for tree in self.look_up([f"{commit}^{{tree}}" for commit in commits]) if tree is not None]
        if len(trees) < len(commits):
            raise damage("a commit is missing")
        return trees

    def whole(self, ids: Collection[str]) -> dict[str, bytes]:
        """The whole bytes of blobs, however large each is; missing ones are fetched first.

        Raises:
            GitError: together they are more than 128 MiB.
        """
        blobs = self.find(dict.fromkeys(ids))
        if sum(blobs.sizes.values()) > WHOLE_LIMIT:
            raise error(f"these files are larger than {WHOLE_LIMIT >> 20} MiB", "Use `git worktree add` instead.")
        return blobs.contents(blobs.sizes)

    def commit(self, parent: str, files: Mapping[str, bytes], message: str, author: bytes, committer: bytes) -> str:
        """Write blobs, trees and a commit on top of `parent`, in one git process; returns the commit id.

        Raises:
            GitError: a path is no regular file in `parent`, or leads through a file or a link.
        """
        text = message.replace("\0", "").encode("utf-8", "replace")
        tree = self.tree(parent)
        stream = [b"feature done\ncommit %s\nmark :1\nauthor %s\n" % (_MADE.encode(), author)]
        stream.append(b"committer %s\ndata %d\n%s\nfrom %s\n" % (committer, len(text), text, parent.encode()))
        for path, content in files.items():
            name = path.replace("\\", "\\\\").replace('"', '\\"').encode()
            stream.append(b'M %s inline "%s"\ndata %d\n' % (_mode(tree, path).encode(), name, len(content)))
            stream += (content, b"\n")
        stream.append(b"get-mark :1\ndone\n")
        return self.run(*_IMPORT, stdin=b"".join(stream)).decode().strip()

    def tag(self, tags: Sequence[NewTag], tagger: bytes) -> list[str]:
        """Write annotated tags of commits, in one git process; returns their ids. Refs with their names stay here."""
        stream = [b"feature done\n"]
        for mark, tag in enumerate(tags, start=1):
            text = tag.text.encode("utf-8", "replace")
            stream.append(b"tag %s\nmark :%d\nfrom %s\n" % (tag.name.encode(), mark, tag.commit.encode()))
            stream.append(b"tagger %s\ndata %d\n%s\n" % (tagger, len(text), text))
        stream += [b"get-mark :%d\n" % mark for mark in range(1, len(tags) + 1)]
        stream.append(b"done\n")
        return self.run(*_IMPORT, stdin=b"".join(stream)).decode().split()

    def differences(
        self, pairs: Sequence[tuple[str, str]], directories: Collection[str] = (".",), *, recursive: bool = True
    ) -> Iterator[list[TreeChange] | None]:
        """The files in these directories (`.` is all) that differ between each two trees; None where they are too much.

        Git collects what differs between two trees before it prints, and three small trees that refer to one another
        over and over contain a billion paths. So its memory, time and output are limited. Where they are not enough for
        two trees by themselves, they are compared in the directories alone; after a few that are still too much, all
        others are.
        """
        pathspecs = () if "." in directories else tuple(f":(literal){directory}" for directory in directories)
        at = too_much = 0
        while at < len(pairs) and too_much < _TOO_MUCH_LIMIT:
            lists = self._lists(pairs[at:], directories, recursive=recursive)
            if not lists and pathspecs and sum(map(len, pathspecs)) <= _ARGUMENTS_LIMIT:
                lists = self._lists(pairs[at : at + 1], directories, *pathspecs, recursive=recursive)
            too_much += not lists
            at += len(lists) or 1
            yield from lists or [None]
        yield from [None] * (len(pairs) - at)

    def _lists(
        self, pairs: Sequence[tuple[str, str]], directories: Collection[str], *pathspecs: str, recursive: bool
    ) -> list[list[TreeChange] | None]:
        """What differs between the first of these trees, as many as git can compare within its limits."""
        lines, was_used = [f"{old} {new}\nend" for old, new in pairs], self._differing.is_used
        if recursive and not pathspecs:
            answer = self._differing.ask(lines, LIST_LIMIT)
        else:
            arguments = (*_DIFF_TREE, *(["-r"] if recursive else []), "--", *pathspecs)
            answer, was_used = self.git.run(*arguments, stdin=lines, limit=LIST_LIMIT, bounded=True), False
        if answer.status > 0 and "memory" not in answer.err:
            raise damage(f"git diff-tree failed: {answer.err[-300:]}")
        inside, out, at = frozenset(directories), answer.out.decode("utf-8", "surrogateescape"), 0
        lists: list[list[TreeChange] | None] = []
        changes: list[TreeChange] = []
        is_short = True
        while line := _DIFFERENCE.match(out, at):
            at = line.end()
            before, after, old, new, path = line.groups()
            if path is None:
                lists.append(sorted(changes) if is_short else None)
                changes, is_short = [], True
            elif not inside.isdisjoint(above(path)):
                changes.append(TreeChange(path, (before, after), (old, new)))
                is_short = is_short and len(path) <= _PATH_LIMIT and path.count("/") < _DEPTH_LIMIT
        if not lists and was_used:  # what it did before may have taken the most of its bounds
            return self._lists(pairs, directories, recursive=recursive)
        return lists

    def tag_texts(self, objects: Mapping[str, str]) -> dict[str, str | None]:
        """The text of each tag by its object, None for what is no text of a tag; as far as limits allow."""
        found = self.find(dict.fromkeys(objects.values()))
        wanted, _ = fitting(found.sizes, TEXTS_LIMIT, TEXT_LIMIT)
        data = found.contents(wanted)
        texts: dict[str, str | None] = {}
        for name, oid in objects.items():
            if oid in data:
                texts[name] = None
                with suppress(UnicodeDecodeError):
                    texts[name] = data[oid].partition(b"\n\n")[2].decode() if _TAG.match(data[oid]) else None
        return texts

    def run(
        self, *arguments: str, stdin: bytes | Iterable[str] = b"", limit: int = ANSWER_LIMIT, cut: bool = False
    ) -> bytes:
        """The output of a git command on this repository; with `cut`, at most `limit` bytes of it. It reads `stdin`."""
        answer = self.git.run(*arguments, stdin=stdin, limit=limit, cut=cut)
        # git was stopped at the limit, which looks like a failure.
        if answer.status != 0 and not (cut and len(answer.out) == limit):
            raise damage(f"git {arguments[0]} failed: {answer.err[-300:]}")
        return answer.out


def _stored(out: bytes, count: int, *, whole: bool = True) -> Iterator[StoredObject | None]:
    """Read the output of `cat-file --batch`, or of `--batch-check` if it has not the objects as a `whole`."""
    at = 0
    for _ in range(count):
        end = out.find(b"\n", at)
        header = _STORED.match(out, at, end)
        at = end + 1
        if header is None:
            yield None
            continue
        size = int(header[3])
        yield StoredObject(header[1].decode(), header[2].decode(), size, out[at : at + size] if whole else None)
        at += size + 1 if whole else 0


def damage(what: str) -> DamagedError:
    """The error for a scratch repository that cannot be read."""
    return DamagedError(Problem("failed.git", f"the local copy cannot be read: {what}", "Run it again."))


def fitting(sizes: Mapping[str, int], room: int, largest: int = FILE_LIMIT) -> tuple[list[str], int]:
    """The objects that have room together, the first ones first, without too large ones; and the room that is left."""
    ids = []
    for oid, size in sizes.items():
        if size <= min(largest, room):
            room -= size
            ids.append(oid)
    return ids, room


def identity(environ: Mapping[str, str], role: str) -> bytes:
    """The `AUTHOR` or `COMMITTER` of git's variables, else the bot, at the present time, as fast-import reads it.

    Without the characters that git drops too.
    """
    given = (environ.get(f"GIT_{role}_{part}", "").strip() for part in ("NAME", "EMAIL"))
    texts = (text or default for text, default in zip(given, _BOT, strict=True))
    name, email = (text.translate(_NOT_IN_IDENTITY).strip(" .,:;\"'") for text in texts)
    return f"{name or 'unknown'} <{email}> now".encode("utf-8", "replace")


def _mode(tree: Mapping[str, TreeEntry], path: str) -> str:
    """The mode for writing a file: unchanged, and never through a link, over a link, or over a directory."""
    entry = tree.get(path)
    if entry is not None and entry.mode in REGULAR:
        return entry.mode
    obstacle = next((folder for folder in above(path) if folder in tree), None)
    if entry is not None or obstacle is not None:
        message = f"{path!r} is not written: {obstacle or path!r} is a link, a submodule, or a file in the way"
        raise error(message, "Name the file itself.")
    if any(other.startswith(f"{path}/") for other in tree):
        raise error(f"{path!r} is not written: it is a directory", "Name the file itself.")
    return "100644"


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
    signed: bool


def parse_commit(data: bytes) -> CommitHeaders | None:
    """Parse a commit object; None if it does not begin as one."""
    head, _, message = data.partition(b"\n\n")
    if (beginning := _BEGINNING.match(head + b"\n")) is None:
        return None
    author = _AUTHOR.search(head)
    return CommitHeaders(
        beginning[1].decode("ascii"),
        tuple(beginning[2].decode("ascii").split()[1::2]),
        author[1].decode("utf-8", "replace") if author else "",
        message.decode("utf-8", "replace"),
        b"\ngpgsig" in head,
    )
