"""A new folder of files: it comes into being whole, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.errors import EditError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_GIT = (".git", "git~1")


class NewFile(NamedTuple):
    """A file to be written: its path inside the folder, whether it is a program, and its bytes."""

    path: str
    executable: bool
    data: bytes


def free(folder: str) -> Path:
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


def write(folder: Path, files: Iterable[NewFile]) -> None:
    """Write these files into a folder beside, and give it the name of `folder`, which is `free`.

    Raises:
        EditError: a path leads out of the folder, two are the same to the file system, or it cannot be written. There
            is no such folder then, or it is empty as before.
    """
    draft = folder.with_name(f".gitops-bot-{os.urandom(8).hex()}.tmp")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(0o700)
        try:
            for file in files:
                _write(draft, file)
            mode = folder.stat().st_mode & 0o7777 if folder.is_dir() else 0o777 & ~_umask()
            draft.chmod(mode)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror or error}"
        raise EditError(Problem("failed.edit", message, "name a folder that does not exist yet")) from error


def _write(draft: Path, file: NewFile) -> None:
    parts = file.path.split("/")
    if any(part in ("", ".", "..") or part.casefold() in _GIT for part in parts):
        message = f"{file.path[:500]!r} is not written: it leads out of the folder, or into a `.git`"
        raise EditError(Problem("failed.edit", message, "rename it in the repository"))
    path = draft.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o777 if file.executable else 0o666), "wb") as opened:
        opened.write(file.data)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
