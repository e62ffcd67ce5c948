"""A file that differs between two trees of git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ABSENT = "000000"
_SUBMODULE = "160000"
#: The modes of files, not of symbolic links or submodules.
REGULAR = frozenset({"100644", "100755"})
#: How a byte that is not UTF-8 stands in a path.
_ESCAPED = re.compile("[\udc80-\udcff]")


class Change(NamedTuple):
    """A file before and after; the id of an absent side is no object. Bytes that are not UTF-8 are lone surrogates."""

    path: str
    modes: tuple[str, str]
    ids: tuple[str, str]

    @property
    def name(self) -> str:
        """The path for people: bytes that are not UTF-8 are written out."""
        if self.is_utf8:
            return self.path
        return self.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    @property
    def is_utf8(self) -> bool:
        """Whether `name` is the path itself."""
        return self.path.isascii() or _ESCAPED.search(self.path) is None

    def objects(self) -> Iterator[str]:
        """The ids of both sides that are objects of this repository."""
        return (oid for mode, oid in zip(self.modes, self.ids, strict=True) if mode not in (ABSENT, _SUBMODULE))
