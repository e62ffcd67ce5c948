"""The folder of `--cache` must belong to this user: what others write there could choose tags, or run as code."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS_WRITE = 0o022


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
