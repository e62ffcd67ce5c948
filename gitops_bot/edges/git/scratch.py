"""The scratch folder of a run, and the one configuration file that git reads in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot.edges.git.process import error

if TYPE_CHECKING:
    from contextlib import ExitStack


def scratch_folder(stack: ExitStack) -> Path:
    """A folder that is gone when `stack` closes.

    Raises:
        GitError: none can be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="gitops-bot-", ignore_cleanup_errors=True)
    except OSError as failed:
        raise error(
            f"cannot create a temporary folder: {failed.strerror}", "Set TMPDIR to a writable folder."
        ) from failed
    return Path(stack.enter_context(folder))


def trusting(scratch: Path, folder: str | None) -> Path:
    """A configuration file under which git reads a folder that belongs to another user.

    The user has named this very repository. The remote side of a path reads it too, which the environment of a single
    command does not reach.

    Raises:
        GitError: it cannot be written.
    """
    file = scratch / "gitconfig"
    trusted = [] if folder is None else [Path(folder), Path(folder).resolve()]
    names = dict.fromkeys(str(each) for path in trusted for each in (path, path / ".git"))
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    text = "[safe]\n" + "".join(f'\tdirectory = "{name}"\n' for name in quoted)
    try:
        file.write_text(text, "utf-8", "surrogateescape")
    except OSError as failed:
        raise error(f"{file} cannot be written: {failed.strerror}", "Is the disk full?") from failed
    return file
