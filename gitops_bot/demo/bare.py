"""A bare Git repository, read and written by git's own plumbing: what the embedded forge serves and merges in.

No work tree and no configuration of the user's: hooks, filters and identities of this machine have no say. A process
costs some milliseconds, so where branches are is read from git's files, and what git said of two commits (which never
change) is remembered.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

#: Seconds after which a git command is given up.
_PATIENCE = 120
_ID = re.compile(r"[0-9a-f]{40}\Z")
#: How many answers are remembered; the oldest go first.
_REMEMBERED = 2000
#: The fields of one commit, for `git log -z`: none of them can hold a NUL.
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"

T = TypeVar("T")


class GitFailed(Exception):  # noqa: N818 - reads as what happened
    """A git command ended with an error; the text is what git said."""


class Moved(Exception):  # noqa: N818 - a lost race is an outcome, not a fault
    """The branch is not where it was expected."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote a commit."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit as `git log` tells it; times are RFC 3339."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    authored_at: str
    committer: Person
    committed_at: str
    message: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One path that differs between two commits; `patch` has the hunks, and is empty for binary content."""

    path: str
    status: Literal["added", "removed", "modified"]
    blob: str
    additions: int
    deletions: int
    patch: str


def environment() -> dict[str, str]:
    """The environment in which git runs here: nothing of the user's configuration, no question to the terminal."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        # Branches are read from their files here, whatever git's own default comes to be.
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_DEFAULT_HASH": "sha1",
    }


class Bare:
    """The repository at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[tuple[str, ...], object] = {}

    @classmethod
    def create(cls, path: Path, *, branch: str = "main") -> Bare:
        """Make an empty repository whose HEAD names `branch`."""
        path.mkdir(parents=True)
        made = cls(path)
        made.git("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", ".")
        return made

    def git(
        self, *args: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None, allowed: Collection[int] = (0,)
    ) -> bytes:
        """Run one git command in the repository and give back its standard output.

        Raises:
            GitFailed: it ended otherwise than with an `allowed` code.
        """
        ended = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", *args],
            cwd=self.path,
            env={**environment(), "GIT_DIR": str(self.path), **(extra or {})},
            input=stdin,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        if ended.returncode not in allowed:
            raise GitFailed(f"git {args[0]}: {ended.stderr.decode(errors='replace').strip()[:2000]}")
        return ended.stdout

    def line(self, *args: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> str:
        """Run one git command that prints one line."""
        return self.git(*args, stdin=stdin, extra=extra).decode().strip()

    def default_branch(self) -> str:
        """The branch that HEAD names."""
        # Every answer about the repository names it, and reading costs a hundredth of asking git.
        return (self.path / "HEAD").read_text(encoding="utf-8").strip().removeprefix("ref: refs/heads/")

    def branches(self) -> dict[str, str]:
        """Every branch and the commit it is at."""
        # Loose files first: packing writes `packed-refs` before it removes them, so none can slip through.
        loose = {}
        for file in sorted((self.path / "refs" / "heads").rglob("*")):
            name = file.relative_to(self.path / "refs" / "heads").as_posix()
            commit = _read(file).strip() if not name.endswith(".lock") else ""
            if _ID.match(commit):
                loose[name] = commit
        packed = (line.partition(" ") for line in _read(self.path / "packed-refs").splitlines())
        heads = {
            name.removeprefix("refs/heads/"): commit
            for commit, _, name in packed
            if name.startswith("refs/heads/") and _ID.match(commit)
        }
        return dict(sorted({**heads, **loose}.items()))

    def once(self, make: Callable[[], T], *key: str) -> T:
        """Remember what git says, where `key` is a word and ids of commits: nothing can change that answer."""
        if not all(_ID.match(part) for part in key[1:]):
            return make()
        if key not in self._known:
            while len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)), None)
            self._known[key] = make()
        return cast("T", self._known[key])

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits."""

        def ask() -> str | None:
            return self.git("merge-base", one, other, allowed=(0, 1)).decode().strip() or None

        return one if one == other else self.once(ask, "merge-base", one, other)

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is `commit` or in its history."""
        return self.merge_base(commit, ancestor) == ancestor

    def has(self, commit: str) -> bool:
        """Whether there is a commit with this full id."""
        return bool(_ID.match(commit)) and self.git("cat-file", "-t", commit, allowed=(0, 128)).strip() == b"commit"

    def commit(self, commit: str) -> CommitInfo:
        """One commit."""
        return self.once(lambda: self._log("-1", commit)[0], "commit", commit)

    def commits(self, base: str, head: str) -> tuple[CommitInfo, ...]:
        """The commits that `head` has and `base` has not, oldest first."""
        return self.once(lambda: self._log("--topo-order", "--reverse", f"{base}..{head}"), "commits", base, head)

    def _log(self, *which: str) -> tuple[CommitInfo, ...]:
        told = self.git("log", "-z", f"--format=tformat:{_FIELDS}", *which, "--").decode(errors="replace")
        fields = told.split("\0")[:-1]
        return tuple(
            CommitInfo(
                id=commit,
                tree=tree,
                parents=tuple(parents.split()),
                author=Person(name, email),
                authored_at=authored_at,
                committer=Person(committer, committer_email),
                committed_at=committed_at,
                message=message.rstrip("\n"),
            )
            for commit, tree, parents, name, email, authored_at, committer, committer_email, committed_at, message in (
                fields[start : start + 10] for start in range(0, len(fields), 10)
            )
        )

    def diff(self, base: str, head: str, *paths: str) -> str:
        """The unified diff between two commits, of all paths or of these."""
        options = ("--no-color", "--no-renames", "--no-ext-diff", "--no-textconv")
        return self.git("diff", *options, base, head, "--", *paths).decode(errors="replace")

    def counted(self, base: str, head: str) -> tuple[int, int, int]:
        """How many files differ between two commits, and how many lines were added and deleted."""

        def ask() -> tuple[int, int, int]:
            told = self.git("diff-tree", "--no-renames", "-r", "--numstat", base, head, "--").decode(errors="replace")
            numbers = [line.split("\t", 2)[:2] for line in told.splitlines()]
            added, gone = (sum(int(pair[side]) for pair in numbers if pair[side].isdigit()) for side in (0, 1))
            return len(numbers), added, gone

        return self.once(ask, "counted", base, head)

    def files(self, base: str, head: str) -> tuple[FileDiff, ...]:
        """Every path that differs between two commits."""
        return self.once(lambda: self._files(base, head), "files", base, head)

    def _files(self, base: str, head: str) -> tuple[FileDiff, ...]:
        options = ("--no-renames", "-r", "-z")
        raw = self.git("diff-tree", *options, base, head, "--").decode(errors="surrogateescape").split("\0")
        counted = self.git("diff-tree", *options, "--numstat", base, head, "--").decode(errors="surrogateescape")
        numbers = {
            path: (added, gone) for added, gone, path in (each.split("\t", 2) for each in counted.split("\0")[:-1])
        }
        found = []
        for told, path in zip(raw[0:-1:2], raw[1::2], strict=True):
            _, _, before, after, letter = told.split(" ")
            added, gone = (int(number) if number.isdigit() else 0 for number in numbers[path])
            status: Literal["added", "removed", "modified"] = "modified"
            if letter in ("A", "D"):
                status = "added" if letter == "A" else "removed"
            _, at, hunks = self.diff(base, head, path).partition("\n@@")
            found.append(
                FileDiff(path, status, before if letter == "D" else after, added, gone, (at + hunks).strip("\n"))
            )
        return tuple(found)

    def move(self, branch: str, commit: str, *, expected: str | None) -> None:
        """Put a branch at a commit if it still is where it was; `expected=None`: if there is no such branch.

        Raises:
            Moved: somebody was faster, or the name is none that git allows.
        """
        try:
            self.git("update-ref", f"refs/heads/{branch}", commit, expected or "0" * 40)
        except GitFailed as error:
            raise Moved(branch) from error

    def delete(self, branch: str, *, expected: str) -> None:
        """Delete a branch if it still is where it was.

        Raises:
            Moved: somebody was faster.
        """
        try:
            self.git("update-ref", "-d", f"refs/heads/{branch}", expected)
        except GitFailed as error:
            raise Moved(branch) from error

    def keep(self, number: int, commit: str) -> None:
        """Put `refs/pull/NUMBER/head` at a commit: it stays fetchable when its branch is gone, as on GitHub."""
        file = self.path / "refs" / "pull" / str(number) / "head"
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name("head.lock")
        draft.write_text(f"{commit}\n", encoding="ascii")
        draft.replace(file)


def _read(file: Path) -> str:
    """The text of one of git's files; empty where there is none, or a folder."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
