"""Where the copy of a remote repository lives: in the cache if that is available, else in a scratch folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot import log
from gitops_bot.edges.cache import check_owner, make_folder
from gitops_bot.edges.git.process import error
from gitops_bot.edges.git.refusals import MAKE_SPACE, NO_SPACE

if TYPE_CHECKING:
    from gitops_bot.errors import GitError

#: A copy with more packs is deleted: fetching it again is cheaper than repacking.
_PACK_LIMIT = 200
#: The data of a copy. Everything else says what git runs or where else it reads, and is recreated for every use.
_DATA = frozenset({"HEAD", "objects", "packed-refs", "refs", "shallow"})
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
_CONFIG_SHA256 = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
#: Scratch folders by their names, the file in each that its process keeps locked, and the name of that until it is.
_SCRATCH, _MARK, _NEW_MARK = "gitops-bot-", ".gitops-bot-scratch", ".gitops-bot-scratch.new"
_IS_SCRATCH = re.compile(rf"{_SCRATCH}[a-z0-9_]{{8}}\Z")
#: Seconds from the making of a scratch folder to its mark, on a machine that hardly moves.
_GRACE = 60.0


def claim(cache: Path | None, url: str, stack: ExitStack) -> Path | None:
    """The folder for the copy of `url` in the cache, locked until `stack` closes; None if the cache is unavailable.

    That is: no cache given, the folder in use by another process, the cache not writable, or owned or writable by
    another user (git runs what a repository's configuration says). A cache only saves time, so this is no error, but is
    logged as `cache.unused`.
    """
    if cache is None:
        return None
    folder = cache / "git" / hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    try:
        for path in (cache, cache / "git", folder):
            make_folder(path)
        # A copy may contain what only its owner's token can read.
        folder.chmod(0o700)
        _lock(folder / "lock", stack)
        _disarm(folder / "copy.git")
    except OSError as unfit:
        log.once("cache.unused", level="warning", folder=str(unfit.filename or folder), reason=str(unfit.strerror))
        return None
    return folder


def _lock(file: Path, stack: ExitStack) -> None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as busy:
        raise BlockingIOError(busy.errno, "another process uses it", str(file.parent)) from busy


def _disarm(copy: Path) -> None:
    """Reduce a copy to its data: no configuration, no hooks, no alternates."""
    if copy.is_dir():
        # The umask decides who may write here, but nobody else gets through the folder above.
        check_owner(copy, copy.stat(), forbidden=0)
    if copy.is_symlink() or not (copy / "objects").is_dir() or not _is_own(copy):
        discard(copy)
        return
    config = copy / "config"
    is_sha256 = config.is_file() and b"sha256" in config.read_bytes()  # a wrong guess costs a new copy
    for entry in (*copy.iterdir(), copy / "objects" / "info"):
        if entry.name not in _DATA:
            discard(entry)
    for leftover in copy.glob("objects/pack/tmp_*"):  # of a fetch that was killed
        discard(leftover)
    config.write_text(_CONFIG_SHA256 if is_sha256 else _CONFIG, "ascii")


def _is_own(copy: Path) -> bool:
    """Whether all that is in a copy is a file or a folder of this user, and nothing is a link or a pipe."""
    with suppress(PermissionError):
        for folder, folders, files in os.walk(copy):
            for path in (Path(folder, name) for name in (*folders, *files)):
                check_owner(path, path.lstat(), forbidden=0)
        return True
    return False


def make(copy: Path, object_format: str) -> None:
    """Replace a copy by a new, empty one. Raises GitError if it cannot be written."""
    discard(copy)
    try:
        for folder in ("objects", "refs"):
            (copy / folder).mkdir(parents=True, exist_ok=True)
        (copy / "config").write_text(_CONFIG_SHA256 if object_format == "sha256" else _CONFIG, "ascii")
        (copy / "HEAD").write_text("ref: refs/heads/main\n", "ascii")
    except OSError as failed:
        raise _no_space(copy, failed) or error(f"{copy} cannot be written: {failed.strerror}") from failed


def discard(copy: Path) -> None:
    """Delete a copy, or whatever is in its place."""
    if copy.is_dir() and not copy.is_symlink():
        shutil.rmtree(copy, ignore_errors=True)
    else:
        copy.unlink(missing_ok=True)


def is_worn(copy: Path) -> bool:
    """Whether a copy has so many packs that a new one is better."""
    return sum(1 for _ in (copy / "objects" / "pack").glob("*.idx")) > _PACK_LIMIT


def read_refs(copy: Path, prefix: str) -> dict[str, str]:
    """The objects of the refs below `prefix`, by the rest of their names. Bytes that are not UTF-8 are lone surrogates.

    Raises:
        OSError, ValueError: they cannot be read.
    """
    found = {}
    with suppress(FileNotFoundError):
        for line in (copy / "packed-refs").read_text("utf-8", "surrogateescape").splitlines():
            oid, _, name = line.partition(" ")
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = oid
    for folder, _, names in os.walk(copy / prefix):
        for file in (Path(folder, name) for name in names if not name.endswith(".lock")):
            found[file.relative_to(copy / prefix).as_posix()] = file.read_text("ascii").strip()
    return found


def scratch_folder(
    stack: ExitStack, temporary: str | None, trusted: str | None, settings: str = ""
) -> tuple[Path, Path]:
    """A folder that is deleted when `stack` closes, and a git configuration file in it that begins with `settings`.

    It is made in `temporary`, or where the system has its temporary files. Those of processes that were killed are
    deleted first. The file allows reading `trusted`, a folder that may belong to another user: the user named this
    repository. The remote side of a path reads the file too, unlike environment settings of one command.

    Raises:
        GitError: they cannot be created.
    """
    place = Path(temporary or tempfile.gettempdir()).absolute()
    try:
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=place))
        stack.callback(_remove, folder)
        with suppress(OSError):  # without locks, as on some network drives, it is never swept
            _lock(folder / _NEW_MARK, stack)
            # Whoever finds it under its final name can lock it only when this process is gone.
            (folder / _NEW_MARK).rename(folder / _MARK)
        data = folder / "data"
        data.mkdir()
    except OSError as failed:
        message = f"cannot create a temporary folder in {place}: {failed.strerror}"
        raise _no_space(place, failed) or error(message, "Set TMPDIR to a writable folder.") from failed
    file = data / "gitconfig"
    paths = [] if trusted is None else [Path(trusted), Path(trusted).resolve()]
    names = dict.fromkeys(str(name) for path in paths for name in (path, path / ".git"))
    text = f"{settings}[safe]\n" + "".join(f"\tdirectory = {quoted(name)}\n" for name in names)
    try:
        file.write_text(text, "utf-8", "surrogateescape")
    except OSError as failed:
        raise _no_space(file, failed) or error(f"{file} cannot be written: {failed.strerror}") from failed
    return data, file


def quoted(value: str) -> str:
    """A value as git's configuration files have it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _no_space(place: Path, failed: OSError) -> GitError | None:
    return error(f"{NO_SPACE}: {place}", MAKE_SPACE) if failed.errno in (errno.ENOSPC, errno.EDQUOT) else None


def _remove(folder: Path) -> None:
    """Delete a scratch folder; its mark goes last, so that another process goes on where this one is killed."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Delete what killed processes of this user left in a folder that other users may write to.

    A folder with a mark that nobody locks is of a dead process. One without a mark was killed before its first file: it
    is empty, and given a while because it may just be made.
    """
    for folder in [path for path in place.iterdir() if _IS_SCRATCH.match(path.name)]:
        with suppress(OSError), ExitStack() as held:
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            if os.path.lexists(folder / _MARK):
                _lock(folder / _MARK, held)
                _remove(folder)  # which follows no link
            elif time.time() - status.st_mtime > _GRACE:
                (folder / _NEW_MARK).unlink(missing_ok=True)
                folder.rmdir()
