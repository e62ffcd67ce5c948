"""The folder of `--cache` must belong to this user: what others write there could choose tags, or run as code."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS_WRITE = 0o022


def make_folder(folder: Path) -> None:
    """Make a folder that only this user may open, unless it exists. Raises OSError; see `check_owner`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_owner(folder, folder.stat())


def check_owner(path: Path, status: os.stat_result, *, forbidden: int = _OTHERS_WRITE) -> None:
    """Raise PermissionError if `path` belongs to another user, or has one of the `forbidden` permission bits."""
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if status.st_mode & forbidden:
        raise PermissionError(errno.EPERM, "other users may write to it", str(path))
