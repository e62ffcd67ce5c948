"""What files were found to hold, by their bytes: a run meets the same file several times, and composing it is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

ValueT = TypeVar("ValueT")


class Memo(Generic[ValueT]):
    """Values by the bytes of files and how these are read: those used last, of so many bytes at most."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._values: dict[tuple[Hashable, bytes], ValueT] = {}

    def get(self, how: Hashable, data: bytes) -> ValueT | None:
        """The value of a file that is read in this way, where it is known."""
        known = self._values.pop((how, data), None)
        if known is not None:
            self._values[how, data] = known  # the last that goes
        return known

    def put(self, how: Hashable, data: bytes, value: ValueT) -> None:
        """Remember a value, unless another thread has just done so."""
        if (how, data) in self._values:
            return
        self._values[how, data] = value
        self._left -= len(data)
        while self._left < 0:
            oldest = next(iter(self._values))
            del self._values[oldest]
            self._left += len(oldest[1])
