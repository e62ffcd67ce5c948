"""How people who watch are told that long work is under way."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Progress(Protocol):
    """Tells who watches that long work is under way."""

    def __call__(self, what: str, of: int | None = None) -> AbstractContextManager[Callable[[], None]]:
        """From the beginning of the block to its end; each call of what it gives is one of `of` done."""
        ...


def silent(what: str, of: int | None = None) -> AbstractContextManager[Callable[[], None]]:  # noqa: ARG001 - nobody is told
    """The progress that nobody watches."""
    return nullcontext(lambda: None)
