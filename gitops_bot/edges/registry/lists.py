"""Lists of tags in a temporary file: a run reads any number of them, and memory holds only those in use."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from gitops_bot.edges.registry.failure import Untrusted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: A list of at most so many tags, 20 KiB, stays in memory.
FEW = 100
_BLOCK = 64 * 1024
_ADVICE = "Free some space, or set TMPDIR to a writable folder on another disk."


@dataclass(frozen=True, slots=True)
class FiledTags(Sequence[str]):
    """Many tags, a line each of `size` bytes of a file from `start`; who goes through them reads it again."""

    file: IO[bytes]
    start: int
    size: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[str]:
        rest, end = "", self.start + self.size
        for at in range(self.start, end, _BLOCK):
            *tags, rest = (rest + os.pread(self.file.fileno(), min(_BLOCK, end - at), at).decode("ascii")).split("\n")
            yield from tags

    def __getitem__(self, at: Any) -> Any:
        return list(self)[at]


class TagLists:
    """Keeps lists of tags, until it is closed, in a file without a name. Safe to use from many threads."""

    def __init__(self, folder: str | None) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._file: IO[bytes] | None = None

    def keep(self, tags: Collection[str]) -> Sequence[str]:
        """The same tags, which are valid ones; raises Untrusted if there is no room for them."""
        if len(tags) <= FEW:
            return tuple(tags)
        with self._lock:
            try:
                self._file = file = self._file or TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed below
                start = file.seek(0, os.SEEK_END)
                file.writelines(f"{tag}\n".encode("ascii") for tag in tags)
                file.flush()
                return FiledTags(file, start, file.tell() - start, len(tags))
            except OSError as failed:
                what = f"has a list of tags that no temporary file can hold: {failed.strerror}"
                raise Untrusted(what, _ADVICE) from failed

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            with suppress(OSError):  # what did not fit is lost again
                self._file.close()
