"""The folder of `--cache` must belong to this user: what others write there could choose tags, or run as code."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_OTHERS_WRITE = 0o022
#: Folders of the system, with all that is in them; and folders in which each program has one of its own.
_SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr")
_SHARED = ("/", "/dev", "/home", "/opt", "/root", "/run", "/srv", "/var", "/var/cache", "/var/lib", "/var/log")


def is_shared(folder: Path, home: str | None) -> bool:
    """Whether a folder belongs to the system, or is the home of the user: old files of a cache are deleted."""
    place = folder.resolve()
    is_system = any(place.is_relative_to(Path(path).resolve()) for path in _SYSTEM)
    return is_system or place in [Path(path).resolve() for path in (*_SHARED, *([home] if home else []))]


def make_folder(folder: Path) -> None:
    """Make a folder that only this user may open, unless it exists. Raises OSError; see `check_owner`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_owner(folder, folder.stat())


def check_owner(path: Path, status: os.stat_result, *, forbidden: int = _OTHERS_WRITE) -> None:
    """Check that `path` is a file or a folder of this user, without the `forbidden` permission bits.

    Raises:
        PermissionError: it is not, such as a pipe, from which nobody would ever read.
    """
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise PermissionError(errno.EPERM, "it is neither a file nor a folder", str(path))
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if status.st_mode & forbidden:
        raise PermissionError(errno.EPERM, "other users may write to it", str(path))
