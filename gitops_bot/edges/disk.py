"""The files of a user: those of `edit` are found, read, and replaced atomically; new ones come whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.errors import EditError, Problem, UsageError
from gitops_bot.targets.document import SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.releases.history.releases import ExportedFile

#: A folder of git, also as Windows shortens its name.
_GIT = (".git", "git~1")
#: Linux lists the open files of a process here.
_OPEN_FILES = Path("/proc/self/fd")


class Disk:
    """Regular files below the size limit of pin files."""

    def pin_files(self, path: str) -> list[str]:
        """The pin files that `path` may mean: itself, or those of a directory that their names tell.

        Raises:
            EditError: there is none, or the directory has two kustomizations.
        """
        try:
            if not Path(path).is_dir():
                return [path]
            names = [name for name in targets.file_names() if Path(path, name).is_file()]
        except OSError as error:
            raise EditError(_failed("found", error, path)) from error
        # A kustomization says what becomes of the files beside it.
        alone = [name for name in names if (target := targets.target_of(name)) is not None and target.ALONE]
        if len(alone) > 1:
            message = f"the directory has {' and '.join(alone)}"
            raise EditError(Problem("failed.edit", message, "Keep one, or name the file.", path))
        if not names:
            message = "the directory has no file that is known to pin images"
            advice = f"Name a file, or a directory with one of {', '.join(targets.file_names())}."
            raise EditError(Problem("failed.edit", message, advice, path))
        return [str(Path(path, name)) for name in alone or names]

    def beside(self, file: str) -> dict[str, bytes]:
        """The other pin files of its directory that their names tell, by their names; those that can be read."""
        folder, contents, names = Path(file).parent, {}, set[str]()
        with contextlib.suppress(OSError):  # what is wrong with the directory is said where its file is read
            names = {path.name for path in folder.iterdir() if targets.tells_of_others(path.name)}
        for name in sorted(names.union(targets.file_names())):
            if name != Path(file).name and (folder / name).is_file():
                with contextlib.suppress(EditError):
                    contents[name] = self.read(str(folder / name))
        return contents

    def read(self, file: str) -> bytes:
        """The bytes of a regular file, also through a symbolic link; at most one more than the limit.

        Raises:
            EditError: it is missing, no regular file (a pipe would never end), or cannot be read.
        """
        try:
            # A named pipe must not block here.
            descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as opened:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise EditError(Problem("failed.edit", "this is not a regular file", "Name the file itself.", file))
                data: bytes | None = opened.read(SIZE_LIMIT + 1)
                if data is None:  # a file that waits for its writer, such as /proc/kmsg
                    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                return data
        except OSError as error:
            raise EditError(_failed("read", error, file)) from error

    def replace(self, file: str, *, before: bytes, after: bytes) -> None:
        """Replace `before` by `after` atomically: readers see one or the other.

        Mode, owner, group and extended attributes stay. If `file` is a symbolic link, its target is replaced and the
        link stays: that is where users and other programs expect the new pin.

        Raises:
            EditError: the file changed, its owner could not be kept, or the directory cannot be written; nothing was
                changed, and no other file is left.
        """
        try:
            target = Path(file).resolve(strict=True)
            draft = target.with_name(f".gitops-bot-{os.urandom(8).hex()}.tmp")
            # Without a name until the last moment, if the system can: then not even a killed process leaves one behind.
            nameless = _nameless(target.parent)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            descriptor = os.open(draft, flags, 0o600) if nameless is None else nameless
            try:
                _write_like(target, descriptor, after)
                if self.read(str(target)) != before:
                    advice = "Somebody else changed it. Run the command again."
                    raise EditError(Problem("failed.edit", "the file changed while it was being edited", advice, file))
                if nameless is not None:
                    # Python follows the link only if a directory is given, which an absolute path ignores.
                    os.link(_OPEN_FILES / str(descriptor), draft, src_dir_fd=descriptor, follow_symlinks=True)
                draft.replace(target)
            finally:
                os.close(descriptor)
                draft.unlink(missing_ok=True)  # after an error or an interrupt; else it has become the target
        except OSError as error:
            raise EditError(_failed("written", error, file)) from error


def create(file: Path, data: bytes) -> None:
    """Write a new file in one step, whole or not at all.

    Raises:
        EditError: there is something of that name, or the directory cannot be written.
    """
    draft = file.with_name(f".gitops-bot-{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(descriptor)
            os.link(draft, file, follow_symlinks=False)  # unlike a renaming, it replaces nothing
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError as error:
        raise EditError(Problem("failed.edit", "the file exists already", "Edit that one.", str(file))) from error
    except OSError as error:
        raise EditError(_failed("written", error, str(file))) from error


def _write_like(target: Path, descriptor: int, data: bytes) -> None:
    """Write the bytes to disk, and give the file the attributes of the target, such as access lists."""
    with os.fdopen(descriptor, "wb", closefd=False) as opened:
        opened.write(data)
    old, new = target.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError as error:
            owners = f"user {old.st_uid} and group {old.st_gid}"
            message = f"the file belongs to {owners}, and writing it would make it yours"
            advice = "Run the command as that user, or change the owner first."
            raise EditError(Problem("failed.edit", message, advice, str(target))) from error
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    with contextlib.suppress(OSError, AttributeError):  # not every system has them
        for name in os.listxattr(target):
            with contextlib.suppress(OSError):  # the system sets some itself
                os.setxattr(descriptor, name, os.getxattr(target, name))
    os.fsync(descriptor)


def _nameless(folder: Path) -> int | None:
    """A new file without a name; None if the system does not support it, or cannot name it later."""
    if hasattr(os, "O_TMPFILE") and _OPEN_FILES.is_dir():
        with contextlib.suppress(OSError):  # not every file system has them
            return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    return None


def _failed(what: str, error: OSError, file: str) -> Problem:
    advice = "Check the path and its permissions."
    return Problem("failed.edit", f"the file cannot be {what}: {error.strerror or error}", advice, file)


def free_folder(folder: str) -> Path:
    """The folder, which is empty or does not exist.

    Raises:
        UsageError: there is something else.
    """
    path = Path(folder)
    try:
        path = path.resolve()
        if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
            return path
        problem = "is not empty" if path.is_dir() else "is not a folder"
    except (OSError, RuntimeError, ValueError) as error:
        problem = f"cannot be used: {getattr(error, 'strerror', None) or error}"
    advice = "name a folder that does not exist, or an empty one"
    raise UsageError(Problem("failed.usage", f"{folder[:500]} {problem}", advice))


def write_folder(folder: Path, files: Iterable[ExportedFile]) -> None:
    """Write these files into a folder beside, and give it the name of `folder`, which is free.

    Raises:
        EditError: a path leads out of the folder, two are the same to the file system, or it cannot be written. There
            is no such folder then, or it is empty as before.
    """
    draft = folder.with_name(f".gitops-bot-{os.urandom(8).hex()}.tmp")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(0o700 if folder.is_dir() else 0o777)
        try:
            for file in files:
                _write_file(draft, file)
            if folder.is_dir():
                draft.chmod(folder.stat().st_mode & 0o7777)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror or error}"
        raise EditError(Problem("failed.edit", message, "name a folder that does not exist yet")) from error


def _write_file(draft: Path, file: ExportedFile) -> None:
    parts = file.path.split("/")
    if any(part in ("", ".", "..") or part.casefold() in _GIT for part in parts):
        message = f"{file.path[:500]!r} is not written: it leads out of the folder, or into a `.git`"
        raise EditError(Problem("failed.edit", message, "rename it in the repository"))
    path = draft.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o777 if file.executable else 0o666), "wb") as opened:
        opened.write(file.data)
