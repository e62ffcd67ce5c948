"""Turns signals into exceptions, but finishes related writes first.

A pull request without its text or a branch without its pull request is fixed by the next run, but people see it until
then. So related writes are finished together, and everything else is interrupted at once.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: Seconds that a write may continue after a signal: supervisors kill after ten to thirty.
GRACE = 15.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Terminated(BaseException):
    """A signal told the process to end; not an Exception, so that `except Exception` does not stop it."""

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(self.signal.name)


class Overran(BaseException):
    """The time for the work is over."""


class Ending:
    """Turns signals into exceptions of the main thread, between writes; a second signal, or `GRACE`, at once.

    A context manager for the main thread; restores the earlier handlers.
    """

    def __init__(self) -> None:
        self._whole = False
        self._pending: Terminated | Overran | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("signals come to the main thread")
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The writes in this block are finished before a signal is obeyed."""
        self._whole = True
        try:
            yield
        finally:
            self._whole = False
            if self._pending is not None:
                raise self._pending

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Interrupt the block after this many seconds, and again every `GRACE` until it is left. Raises Overran.

        Python drops an exception that meets the callback of a weak reference, such as that of a lock of an import.
        """
        self._pending = None
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, GRACE)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        interruption = Overran() if number == signal.SIGALRM else Terminated(number)
        # A signal to end replaces a timeout. Whoever cannot wait sends it again.
        first = self._pending is None or (isinstance(self._pending, Overran) and isinstance(interruption, Terminated))
        if self._whole and first:
            self._pending = interruption
            signal.setitimer(signal.ITIMER_REAL, GRACE)
            return
        raise self._pending if isinstance(self._pending, Terminated) else interruption
