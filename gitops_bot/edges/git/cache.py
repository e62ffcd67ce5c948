"""Where the copy of a remote repository lives: below the cache, if one is given and free, else in a scratch folder."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

#: A copy with more packs than this is thrown away: fetching it anew costs less than tidying it up.
_PACK_LIMIT = 200


def claim(cache: Path | None, url: str, stack: ExitStack) -> Path | None:
    """The folder of the copy of `url` below the cache, locked until `stack` closes.

    None without a cache, while another process uses the folder, or where the cache cannot be written: a cache only
    saves time, so nothing of this is an error.
    """
    if cache is None:
        return None
    folder = cache / "git" / hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    try:
        # A copy may hold what only its owner's token can see.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("wb"))
        _lock(lock)
    except OSError:
        return None
    return folder


def _lock(file: IO[bytes]) -> None:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def discard(copy: Path) -> None:
    """Throw a copy away, or whatever stands in its place."""
    if copy.is_dir() and not copy.is_symlink():
        shutil.rmtree(copy, ignore_errors=True)
    else:
        copy.unlink(missing_ok=True)


def is_worn(copy: Path) -> bool:
    """Whether a copy holds so many packs that a new one is better."""
    return sum(1 for _ in (copy / "objects" / "pack").glob("*.idx")) > _PACK_LIMIT
