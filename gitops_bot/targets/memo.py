"""What files were found to hold, by their bytes: a run meets the same file several times, and composing it is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

ValueT = TypeVar("ValueT")


class Memo(Generic[ValueT]):
    """Values by keys that hold bytes of files: those used last, of so many bytes at most."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._values: dict[Hashable, tuple[ValueT, int]] = {}

    def get(self, key: Hashable) -> ValueT | None:
        """The value of a key, where it is known."""
        known = self._values.pop(key, None)
        if known is None:
            return None
        self._values[key] = known  # the last that goes
        return known[0]

    def put(self, key: Hashable, value: ValueT, size: int) -> None:
        """Remember a value that was not known; `size` counts the bytes that the key holds."""
        self._values[key] = value, size
        self._left -= size
        while self._left < 0:
            self._left += self._values.pop(next(iter(self._values)))[1]
