"""Signals, and what of the work under way is finished before they are obeyed.

A pull request without its text or a branch without its pull request heals with the next run, but people see them until
then. So what is written as one is finished, and everything else is broken off where it stands.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

#: Seconds that a write may go on after a signal: ten to thirty is what supervisors wait before they kill.
GRACE = 15.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Terminated(BaseException):
    """The process was told to end; no `except Exception` is meant to stop that."""

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(self.signal.name)


class Overran(BaseException):
    """The time for the work is over."""


class Ending:
    """Turns signals into exceptions of the main thread, between two writes; a second one, or `GRACE`, at once.

    A context manager, for the main thread; it puts back what was there before.
    """

    def __init__(self) -> None:
        self._whole = False
        self._pending: Terminated | Overran | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("signals come to the main thread")
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._come)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is written here is finished before a signal is obeyed."""
        self._whole = True
        try:
            yield
        finally:
            self._whole = False
            if self._pending is not None:
                raise self._pending

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Break the block off when so many seconds have passed. Raises Overran if they have."""
        self._pending = None
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _come(self, number: int, _frame: FrameType | None) -> None:
        come = Overran() if number == signal.SIGALRM else Terminated(number)
        # The end of the time gives way to a word to end; that word comes again where somebody cannot wait.
        first = self._pending is None or (isinstance(self._pending, Overran) and isinstance(come, Terminated))
        if self._whole and first:
            self._pending = come
            signal.setitimer(signal.ITIMER_REAL, GRACE)
            return
        raise self._pending if isinstance(self._pending, Terminated) else come
