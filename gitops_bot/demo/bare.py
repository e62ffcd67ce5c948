"""A bare Git repository of the embedded GitHub server, read and written with git's plumbing commands.

It ignores the user's Git configuration, hooks and identity. Starting git takes milliseconds, so branches are read from
the files in the repository, and results that depend only on commit IDs are cached.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

#: Seconds that a git command may take.
_TIMEOUT = 120
_ID = re.compile(r"[0-9a-f]{40}\Z")
#: Results in the cache; the oldest are dropped first.
_CACHED = 2000
#: The fields of one commit, for `git log -z`; none can contain a NUL.
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"

T = TypeVar("T")


class GitFailed(Exception):  # noqa: N818 - named after what happened
    """A git command failed; the text is its error message."""


class Moved(Exception):  # noqa: N818 - an expected outcome
    """The branch is not at the expected commit."""


@dataclass(frozen=True, slots=True)
class Person:
    """The author or committer of a commit."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit; times are RFC 3339."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    authored_at: str
    committer: Person
    committed_at: str
    message: str


def environment() -> dict[str, str]:
    """Environment variables for git: without the user's configuration, and without prompts."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        # `branches` reads ref files, whatever becomes git's default format.
        "GIT_DEFAULT_REF_FORMAT": "files",
        "GIT_DEFAULT_HASH": "sha1",
    }


class Bare:
    """The repository at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cache: dict[tuple[str, ...], object] = {}

    @classmethod
    def create(cls, path: Path, *, branch: str = "main") -> Bare:
        """Create an empty repository whose HEAD is `branch`."""
        path.mkdir(parents=True)
        bare = cls(path)
        bare.git("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", ".")
        return bare

    def git(
        self, *args: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None, allowed: Collection[int] = (0,)
    ) -> bytes:
        """Run a git command and return its standard output.

        Raises:
            GitFailed: its exit code is not in `allowed`.
        """
        result = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", *args],
            cwd=self.path,
            env={**environment(), "GIT_DIR": str(self.path), **(extra or {})},
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if result.returncode not in allowed:
            raise GitFailed(f"git {args[0]}: {result.stderr.decode(errors='replace').strip()[:2000]}")
        return result.stdout

    def line(self, *args: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> str:
        """Run a git command that prints one line."""
        return self.git(*args, stdin=stdin, extra=extra).decode().strip()

    def default_branch(self) -> str:
        """The branch of HEAD, read from the file: much faster than git."""
        return (self.path / "HEAD").read_text(encoding="utf-8").strip().removeprefix("ref: refs/heads/")

    def branches(self) -> dict[str, str]:
        """All branches and their commits."""
        # Loose refs first: git writes `packed-refs` before it deletes them, so none is missed.
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

    def cached(self, make: Callable[[], T], *key: str) -> T:
        """A cached result; `key` is a name and the commit IDs that it depends on."""
        if not all(_ID.match(part) for part in key[1:]):
            return make()
        if key not in self._cache:
            while len(self._cache) >= _CACHED:
                self._cache.pop(next(iter(self._cache)), None)
            self._cache[key] = make()
        return cast("T", self._cache[key])

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits."""

        def ask() -> str | None:
            return self.git("merge-base", one, other, allowed=(0, 1)).decode().strip() or None

        return one if one == other else self.cached(ask, "merge-base", one, other)

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is `commit` or one of its ancestors."""
        return self.merge_base(commit, ancestor) == ancestor

    def has(self, oid: str, kind: str = "commit") -> bool:
        """Whether an object of this kind with this full ID exists."""
        return bool(_ID.match(oid)) and self.git("cat-file", "-t", oid, allowed=(0, 128)).decode().strip() == kind

    def store(self, kind: str, content: bytes) -> str:
        """Write an object; returns its ID."""
        return self.line("hash-object", "-t", kind, "-w", "--no-filters", "--stdin", stdin=content)

    def commit(self, commit: str) -> CommitInfo:
        """One commit."""
        return self.cached(lambda: self._log("-1", commit)[0], "commit", commit)

    def commits(self, base: str, head: str) -> tuple[CommitInfo, ...]:
        """The commits in `head` but not in `base`, oldest first."""
        return self.cached(lambda: self._log("--topo-order", "--reverse", f"{base}..{head}"), "commits", base, head)

    def _log(self, *which: str) -> tuple[CommitInfo, ...]:
        output = self.git("log", "-z", f"--format=tformat:{_FIELDS}", *which, "--").decode(errors="replace")
        fields = output.split("\0")[:-1]
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

    def diff(self, base: str, head: str) -> str:
        """The unified diff between two commits."""
        options = ("--no-color", "--no-renames", "--no-ext-diff", "--no-textconv")
        return self.git("diff", *options, base, head, "--").decode(errors="replace")

    def counted(self, base: str, head: str) -> tuple[int, int, int]:
        """How many files differ between two commits, and how many lines were added and deleted."""

        def ask() -> tuple[int, int, int]:
            output = self.git("diff-tree", "--no-renames", "-r", "--numstat", base, head, "--").decode(errors="replace")
            numbers = [line.split("\t", 2)[:2] for line in output.splitlines()]
            added, deleted = (sum(int(pair[side]) for pair in numbers if pair[side].isdigit()) for side in (0, 1))
            return len(numbers), added, deleted

        return self.cached(ask, "counted", base, head)

    def files(self, commit: str) -> dict[str, str]:
        """The blobs of a commit by the paths of its files; links and submodules are left out."""

        def ask() -> dict[str, str]:
            output = self.git("ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="replace")
            entries = (line.partition("\t") for line in output.split("\0")[:-1])
            return {path: entry.split(" ")[2] for entry, _, path in entries if entry.startswith("100")}

        return self.cached(ask, "files", commit)

    def move(self, branch: str, commit: str, *, expected: str | None) -> None:
        """Move a branch to a commit if it is still at `expected`; None: create the branch.

        Raises:
            Moved: it is not, or git does not allow the name.
        """
        try:
            self.git("update-ref", f"refs/heads/{branch}", commit, expected or "0" * 40)
        except GitFailed as error:
            raise Moved(branch) from error

    def delete(self, branch: str, *, expected: str) -> None:
        """Delete a branch if it is still at `expected`.

        Raises:
            Moved: it is not.
        """
        try:
            self.git("update-ref", "-d", f"refs/heads/{branch}", expected)
        except GitFailed as error:
            raise Moved(branch) from error

    def keep(self, number: int, commit: str) -> None:
        """Write `refs/pull/NUMBER/head`: the commit can be fetched after its branch is deleted, as on GitHub."""
        file = self.path / "refs" / "pull" / str(number) / "head"
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name("head.lock")
        draft.write_text(f"{commit}\n", encoding="ascii")
        draft.replace(file)


def _read(file: Path) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
