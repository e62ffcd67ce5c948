"""The checkout around the current directory: its files and its origin. Reads only, runs no hook.

The top is found without git, so `check` needs none and works in a workspace that belongs to another user.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from gitops_bot.edges.environment import for_git
from gitops_bot.errors import EditError, GitError, Problem, limit_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

#: Bytes of one file that are read. A longer one is cut to one byte more, so that its reader refuses it.
FILE_LIMIT = 1024 * 1024
#: Files and folders below the top.
ENTRY_LIMIT = 500_000
#: Seconds after which git is killed: it only reads configuration, but that may be a pipe.
GIT_TIMEOUT = 10.0
#: The user's GIT_* variables that git gets here: configuration. GIT_DIR and the like lead elsewhere.
_PASSED_ON = re.compile(r"GIT_CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)")
#: Python's stand-ins for bytes of a file name that are not UTF-8.
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder of manifests. `tree` and `read` do for the disk what `engine.world.Repository` does for a commit."""

    top: Path

    def tree(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Every path below the top with the mode that git would give it, without `.git` and what git ignores.

        Symbolic links (120000) and nested checkouts (160000) are listed but not entered.

        Raises:
            GitError: there are more than 500,000 files and folders.
        """
        modes: dict[str, str] = {}
        for number, (path, mode) in enumerate(_walk(self.top, self._ignored(environ))):
            if number >= ENTRY_LIMIT:
                raise _error(f"{self.top} holds more than {ENTRY_LIMIT:,} files", "Is this the right folder?")
            if mode:
                modes[path] = mode
        return modes

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of these files, without missing ones and what is no file below the top.

        A file over 1 MiB is cut to 1 MiB and one byte.

        Raises:
            EditError: a file cannot be read.
        """
        top = str(self.top.resolve()).rstrip("/")

        @cache
        def is_direct(folder: str) -> bool:
            # A path that resolves to another one leads through a link, or out of the top.
            return os.path.realpath(f"{top}{folder}") == (f"{top}{folder}" or "/")

        def data_of(path: str) -> bytes | None:
            folder, _, _ = f"/{path}".rpartition("/")
            file = f"{top}/{path}"
            try:
                if not is_direct(folder) or not stat.S_ISREG(os.lstat(file).st_mode):
                    return None
                with os.fdopen(os.open(file, os.O_RDONLY | os.O_CLOEXEC), "rb") as opened:
                    return opened.read(FILE_LIMIT + 1)
            except (FileNotFoundError, NotADirectoryError, ValueError):
                return None
            except OSError as error:
                raise _unreadable(path, error) from error

        return {path: data for path in paths if (data := data_of(path)) is not None}

    def origin(self, environ: Mapping[str, str]) -> str | None:
        """The URL of the remote `origin`, with the user's `url.<base>.insteadOf` applied; None without one.

        Raises:
            GitError: git is missing or did not answer within 10 seconds; or the checkout belongs to somebody else and
                points to a folder, where pushing would run that person's hooks.
        """
        try:
            # The user's own configuration says how an address is to be read.
            result = self._run(environ, "remote", "get-url", "origin")
        except FileNotFoundError:
            raise _error("git is not installed, or not on PATH", "Install git 2.32 or newer.") from None
        except OSError as failure:
            if limit_of(failure) is not None:
                raise
            raise _error(f"git cannot be executed: {failure.strerror}", "Install git 2.32 or newer.") from failure
        except subprocess.TimeoutExpired as late:
            message = f"git did not report the origin of {self.top} within {GIT_TIMEOUT:g} s and was stopped"
            raise _error(message, "Check its .git, or pass --repository.") from late
        if result.returncode != 0:
            return None
        url = result.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")
        head, colon, _ = url.partition(":")
        leads_to_a_host = bool(colon) and "/" not in head and head != "file"
        if not leads_to_a_host and self.is_foreign:
            message = f"{self.top} belongs to another user, and its origin is a folder"
            raise _error(message, "Pass --repository to confirm that you trust it.")
        return url

    def _ignored(self, environ: Mapping[str, str]) -> frozenset[str]:
        """What git ignores, without what is below it; nothing where git cannot tell."""
        listing = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
        with suppress(OSError, subprocess.TimeoutExpired):
            # Of this folder alone: it may be none of git's, inside another repository.
            listed = self._run(environ, "--git-dir=.git", "--work-tree=.", *listing).stdout.split(b"\0")
            return frozenset(os.fsdecode(path).rstrip("/") for path in listed if path)
        return frozenset()

    def _run(self, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
        # `-c` is where git believes in safe.directory. No configuration of the checkout runs a program.
        trusted = (f"safe.directory={path}" for path in dict.fromkeys((self.top.absolute(), self.top.resolve())))
        settings = [word for setting in (*trusted, "core.fsmonitor=false") for word in ("-c", setting)]
        return subprocess.run(
            ["git", "-C", str(self.top), *settings, *arguments],
            env=for_git(environ, _PASSED_ON),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=GIT_TIMEOUT,
        )

    @property
    def is_foreign(self) -> bool:
        """Whether the folder, its `.git`, or the target of a link there belongs to another user: git trusts none of it.

        A folder without `.git` counts alone; what cannot be read is not trusted either.
        """
        git = self.top / ".git"
        with suppress(OSError):
            paths = (self.top, git) if os.path.lexists(git) else (self.top,)
            return any(status.st_uid != os.geteuid() for path in paths for status in (path.lstat(), path.stat()))
        return True


def find(start: Path) -> Checkout | None:
    """The checkout that contains `start`, or None."""
    start = start.absolute()
    for folder in (start, *start.parents):
        git = folder / ".git"
        # A worktree and a submodule have a file that points to their folder.
        with suppress(OSError):  # what cannot be read is none
            if (git / "HEAD").is_file() or git.is_file():
                return Checkout(folder)
    return None


def _walk(top: Path, ignored: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Every entry below the top, folders with mode None. Names that are not UTF-8, and ignored paths, are left out."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(top / folder), key=lambda entry: entry.name)
        except OSError as error:
            raise _unreadable(folder or ".", error) from error
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name == ".git" or path in ignored or _NOT_UTF8.search(entry.name):
                continue
            mode = _mode(entry)
            if mode is None and entry.is_dir(follow_symlinks=False):
                folders.append(path)
            yield path, mode


def _mode(entry: os.DirEntry[str]) -> str | None:
    """The mode that git would give an entry; None for a folder and for what git does not store."""
    if entry.is_symlink():
        return "120000"
    if entry.is_file(follow_symlinks=False):
        return "100755" if entry.stat(follow_symlinks=False).st_mode & stat.S_IXUSR else "100644"
    is_checkout = entry.is_dir(follow_symlinks=False) and os.path.lexists(f"{entry.path}/.git")
    return "160000" if is_checkout else None


def _error(message: str, advice: str) -> GitError:
    return GitError(Problem("failed.git", message, advice))


def _unreadable(path: str, error: OSError) -> EditError:
    return EditError(Problem("failed.edit", f"cannot be read: {error.strerror}", "Check its permissions.", path))
