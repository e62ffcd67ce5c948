"""The cache of build times: one SQLite file for all repositories and processes.

It only saves requests. A file that cannot be read or written is not used; a damaged one is deleted.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from gitops_bot import log
from gitops_bot.edges.cache import check_owner, make_folder
from gitops_bot.images.reference import is_digest, is_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")

#: Rows of each table, about a hundred bytes each; the oldest go first.
MOST_ROWS: Final = 200_000
NAME: Final = "builds.sqlite"
#: Seconds to wait for another process.
_BUSY_SECONDS = 2.0
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TABLES = """
    CREATE TABLE IF NOT EXISTS image (digest TEXT PRIMARY KEY, created INTEGER);
    CREATE TABLE IF NOT EXISTS tag (repository TEXT, tag TEXT, digest TEXT, PRIMARY KEY (repository, tag));
"""

_TAGS = (
    "SELECT tag.tag, tag.digest, image.digest IS NOT NULL, image.created FROM tag "
    "LEFT JOIN image ON image.digest = tag.digest WHERE tag.repository = ?"
)
_IMAGE = "SELECT NULL, digest, 1, created FROM image WHERE digest = ?"
#: Errors that do not mean a damaged file: it cannot be used now, or on this machine.
_HEALTHY = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Created:
    """When an image was built, None if it does not say; `lasting` if that cannot change."""

    time: datetime | None
    lasting: bool = True


@dataclass(slots=True)
class Memory:
    """The digests of tags, and the build times of digests."""

    tags: dict[str, str] = field(default_factory=dict)
    images: dict[str, Created] = field(default_factory=dict)


class Cache:
    """The file in a folder; without a folder nothing is stored. Safe to use from many threads and processes."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / NAME if folder is not None else None

    def read(self, repository: str, pinned: str | None) -> Memory:
        """What is stored about the tags of a repository and their images, and about the digest `pinned`."""

        def rows(file: sqlite3.Connection) -> list[tuple[object, ...]]:
            result = file.execute(_IMAGE, (pinned,)).fetchall() if pinned is not None else []
            return result + file.execute(_TAGS, (repository,)).fetchall()

        memory = Memory()
        for tag, digest, known, created in self._run(rows) or ():
            # The file may contain anything.
            if not isinstance(digest, str) or not is_digest(digest):
                continue
            if isinstance(tag, str) and is_tag(tag):
                memory.tags[tag] = digest
            if known and (created is None or isinstance(created, int)):
                with suppress(OverflowError):
                    memory.images[digest] = Created(None if created is None else _START + created * _MICROSECOND)
        return memory

    def write(self, repository: str, tags: Mapping[str, str], images: Mapping[str, Created]) -> None:
        """Store the digests of tags, and the build times of digests."""
        if not tags and not images:
            return
        times = [
            (digest, None if image.time is None else (image.time - _START) // _MICROSECOND)
            for digest, image in images.items()
        ]

        def write(file: sqlite3.Connection) -> None:
            with file:
                file.executemany("INSERT OR REPLACE INTO image VALUES (?, ?)", times)
                file.executemany(
                    "INSERT OR REPLACE INTO tag VALUES (?, ?, ?)", [(repository, *tag) for tag in tags.items()]
                )
                for table in ("image", "tag"):
                    last = f"SELECT rowid FROM {table} ORDER BY rowid DESC LIMIT 1 OFFSET {MOST_ROWS}"  # noqa: S608
                    file.execute(f"DELETE FROM {table} WHERE rowid <= ({last})")  # noqa: S608

        self._run(write)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        if self._file is None:
            return None
        try:
            _prepare(self._file)
            with closing(sqlite3.connect(self._file, timeout=_BUSY_SECONDS)) as connection:
                connection.executescript(_TABLES)
                return work(connection)
        except sqlite3.Error as error:
            # The lower byte is the kind; the rest says more.
            if (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT) & 0xFF in _HEALTHY:
                log.once("cache.unused", level="warning", folder=str(self._file), reason=str(error))
            else:
                log.event("cache.discarded", level="warning", file=str(self._file), reason=str(error))
                _discard(self._file)
        except OSError as unfit:
            log.once("cache.unused", level="warning", folder=str(self._file), reason=str(unfit.strerror))
        return None


def _prepare(file: Path) -> None:
    """Make the file, unless it exists, for its owner alone. Raises OSError."""
    make_folder(file.parent)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        check_owner(file, os.fstat(descriptor))
    finally:
        os.close(descriptor)
    for journal in file.parent.glob(f"{file.name}-*"):
        with suppress(FileNotFoundError):  # another process has just ended
            check_owner(journal, journal.lstat())


def _discard(file: Path) -> None:
    for path in (file, file.with_name(f"{file.name}-journal")):
        with suppress(OSError):
            path.unlink()
