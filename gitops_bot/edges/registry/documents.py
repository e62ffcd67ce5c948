"""Manifests and configurations by their digests, which never change: each is read once. And lists of tags.

They are kept in memory; with `--cache` also in files, which only save requests: a file counts if it has the digest that
names it, what a tag named before only decides by which request the registry is asked now, and a list counts once the
registry has answered that it is the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gitops_bot import log
from gitops_bot.edges.cache import check_owner, make_folder
from gitops_bot.edges.registry.manifest import digest_of
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from pathlib import Path

#: Documents by digest, and the digests of tags: `run` keeps them from cycle to cycle.
Memory = dict[str, bytes]
#: What is kept in memory and in files, and the bytes of the largest document; most have some thousands.
IN_MEMORY, IN_FILES, LARGEST = 1000, 5000, 32 * 1024
FOLDER: Final = "documents"
#: RFC 9110, 8.8.3.
_ETAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e]{1,200}"')


@dataclass(slots=True)
class Documents:
    """What was read before, here or elsewhere; `folder` is for files. Safe to use from many threads and processes."""

    memory: Memory = field(default_factory=dict)
    folder: Path | None = None
    _checked: bool = False
    _written: bool = False

    def get(self, digest: str) -> bytes | None:
        """The bytes of a digest, if they are known."""
        if (body := self.memory.get(digest)) is None:
            body = self.read_file(digest)
            if body is None or digest_of(body, digest) != digest:
                return None
        self.keep(digest, body, replace=False)
        return body

    def keep(self, key: str, body: bytes, *, replace: bool = True) -> None:
        """Remember the bytes of a digest, which were verified, or of another key, unless there are very many."""
        if len(body) > LARGEST:
            return
        if len(self.memory) >= IN_MEMORY and key not in self.memory:
            self.memory.clear()
        self.memory[key] = body
        if (file := self.file(key)) is not None and (replace or not file.exists()):
            self.write_file(key, body)

    def named(self, tag: str) -> str | None:
        """The digest that a tag, with its repository, named when its manifest was read; None unless that is known."""
        digest = (self.memory.get(tag) or self.read_file(tag) or b"").decode("ascii", "replace")
        return digest if is_digest(digest) and self.get(digest) is not None else None

    def name(self, tag: str, digest: str) -> None:
        """Remember the digest of a tag, with its repository."""
        self.keep(tag, digest.encode("ascii"))

    def answer(self, address: str) -> tuple[str, bytes] | None:
        """The ETag and the body that an address answered; None unless they are known."""
        etag, _, body = (self.memory.get(address) or self.read_file(address) or b"").partition(b"\n")
        return (etag.decode("ascii"), body) if _ETAG.fullmatch(etag) else None

    def keep_answer(self, address: str, etag: str, body: bytes) -> None:
        """Remember what an address answered, unless it is large."""
        self.keep(address, b"%b\n%b" % (etag.encode("utf-8", "replace"), body))

    def write_file(self, key: str, body: bytes) -> None:
        """Write the file of a key, if there is a folder."""
        if (file := self.file(key)) is None:
            return
        part = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            part.write_bytes(body)
            part.replace(file)
            self._written = True
        except OSError as error:
            self._leave(error)

    def read_file(self, key: str, largest: int = LARGEST) -> bytes | None:
        """The file of a key, or more than its `largest` bytes; None if there is none that this user wrote."""
        with suppress(OSError):
            if (file := self.file(key)) is not None:
                descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
                with os.fdopen(descriptor, "rb") as opened:
                    check_owner(file, os.fstat(descriptor))
                    return opened.read(largest + 1)
        return None

    def file(self, key: str) -> Path | None:
        """Where a key has its file: no key is a name of the file system."""
        if self.folder is not None and not self._checked:
            try:
                make_folder(self.folder)
                self._checked = True
            except OSError as unfit:
                self._leave(unfit)
        return self.folder / hashlib.sha256(key.encode()).hexdigest() if self.folder is not None else None

    def _leave(self, error: OSError) -> None:
        log.once("cache.unused", level="warning", folder=str(self.folder), reason=str(error.strerror))
        self.folder = None

    def close(self) -> None:
        """Delete the oldest files, once there are too many."""
        if self.folder is None or not self._written:
            return
        with suppress(OSError):
            files = sorted(self.folder.iterdir(), key=lambda file: file.lstat().st_mtime)
            for file in files[: max(0, len(files) - IN_FILES)]:
                file.unlink(missing_ok=True)
