"""Creates the commits of a GitHub server: the first one of a repository, and merges.

The three-way merge uses a private index and commands that git has had since 2.30; `git merge-tree --write-tree` needs
2.38. Renames are not detected.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot.demo.bare import Bare, GitFailed, Person

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.demo.rules import Method

_FILE_MODES = {"100644", "100755"}


class Conflict(Exception):  # noqa: N818 - an expected outcome
    """The two sides changed the same lines."""


def write(bare: Bare, files: Mapping[str, bytes], *, message: str, author: Person, at: datetime) -> str:
    """Create a commit without parents that has exactly these files; returns its ID and moves no branch."""
    tree = changed_tree(bare, None, (("100644", bare.store("blob", content), path) for path, content in files.items()))
    when = f"{int(at.timestamp())} +0000"
    return _commit(bare, tree, (), message, author=(author, when), committer=(author, when))


def changed_tree(bare: Bare, base: str | None, entries: Iterable[tuple[str, str, str]]) -> str:
    """Write the tree `base` with these entries: mode, object and path of each. Without `base`, only with these."""
    with _index() as index:
        bare.git("read-tree", base or "--empty", extra=index)
        lines = "".join(f"{mode} {oid}\t{path}\0" for mode, oid, path in entries)
        bare.git("update-index", "-z", "--index-info", stdin=lines.encode(), extra=index)
        return bare.line("write-tree", extra=index)


def merge(
    bare: Bare, base: str, head: str, method: Method, message: str, *, author: Person, by: Person, at: datetime
) -> str:
    """Create the commit that merges `head` into `base`; returns its ID and moves no branch.

    `by` is the committer, `author` the author of a squashed commit. `rebase` keeps the messages and authors of the
    commits, and drops merge commits.

    Raises:
        Conflict: the two sides changed the same lines, or have no common history.
    """
    when = f"{int(at.timestamp())} +0000"
    if method != "rebase":
        parents, author = ((base, head), by) if method == "merge" else ((base,), author)
        tree = merged_tree(bare, _fork(bare, base, head), base, head)
        return _commit(bare, tree, parents, message, author=(author, when), committer=(by, when))
    _fork(bare, base, head)
    top = base
    for commit in bare.commits(base, head):
        if len(commit.parents) == 1:
            tree = merged_tree(bare, commit.parents[0], top, commit.id)
            wrote = (commit.author, commit.authored_at)
            top = _commit(bare, tree, (top,), commit.message, author=wrote, committer=(by, when))
    return top


def mergeable(bare: Bare, base: str, head: str) -> bool:
    """Whether they merge without a conflict."""

    def ask() -> bool:
        try:
            merged_tree(bare, _fork(bare, base, head), base, head)
        except Conflict:
            return False
        return True

    return bare.merge_base(base, head) in (base, head) or bare.cached(ask, "mergeable", base, head)


def merged_tree(bare: Bare, fork: str, ours: str, theirs: str) -> str:
    """Write the tree with the changes of both sides since `fork`.

    Raises:
        Conflict: both sides changed the same lines.
    """
    if fork in (ours, theirs):
        return bare.commit(theirs if fork == ours else ours).tree
    with _index() as index:
        bare.git("read-tree", "-i", "-m", "--aggressive", fork, ours, theirs, extra=index)
        sides: dict[str, dict[str, tuple[str, str]]] = {}
        for line in bare.git("ls-files", "--unmerged", "-z", extra=index).split(b"\0")[:-1]:
            entry, path = line.decode("utf-8", "surrogateescape").split("\t", 1)
            mode, blob, stage = entry.split(" ")
            sides.setdefault(path, {})[stage] = (mode, blob)
        lines = b"".join(_merged_file(bare, path, side) for path, side in sides.items())
        bare.git("update-index", "-z", "--index-info", stdin=lines, extra=index)
        return bare.line("write-tree", extra=index)


def _merged_file(bare: Bare, path: str, side: Mapping[str, tuple[str, str]]) -> bytes:
    """The index line of a file that both sides changed. Stages: 1 the fork, 2 ours, 3 theirs."""
    if set(side) != {"1", "2", "3"} or not {mode for mode, _ in side.values()} <= _FILE_MODES:
        raise Conflict(path)
    before = side["1"][0]
    mode = next((mode for mode, _ in (side["2"], side["3"]) if mode != before), before)
    with tempfile.TemporaryDirectory() as folder:
        names = {stage: str(Path(folder, stage)) for stage in side}
        for stage, (_, blob) in side.items():
            Path(names[stage]).write_bytes(bare.git("cat-file", "blob", blob))
        try:
            content = bare.git("merge-file", "-p", "-q", names["2"], names["1"], names["3"])
        except GitFailed as error:
            raise Conflict(path) from error
    return f"{mode} {bare.store('blob', content)}\t{path}\0".encode("utf-8", "surrogateescape")


def _fork(bare: Bare, base: str, head: str) -> str:
    fork = bare.merge_base(base, head)
    if fork is None:
        raise Conflict
    return fork


@contextmanager
def _index() -> Iterator[dict[str, str]]:
    """The environment variable for a private index."""
    with tempfile.TemporaryDirectory() as folder:
        yield {"GIT_INDEX_FILE": str(Path(folder, "index"))}


def _commit(bare: Bare, tree: str, parents: Sequence[str], message: str, **people: tuple[Person, str]) -> str:
    """Write a commit: its `author` and its `committer`, each with the time."""
    identity: dict[str, str] = {}
    for role, (person, when) in people.items():
        start = f"GIT_{role.upper()}"
        identity |= {f"{start}_NAME": person.name, f"{start}_EMAIL": person.email, f"{start}_DATE": when}
    onto = [part for parent in parents for part in ("-p", parent)]
    return bare.line("commit-tree", tree, *onto, "-F", "-", stdin=message.encode(), extra=identity)
