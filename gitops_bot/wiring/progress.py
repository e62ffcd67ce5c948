"""One line on a terminal that tells how far long work is."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr, suppress
from typing import TYPE_CHECKING

from gitops_bot import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

#: A terminal has one last line.
_last_line = threading.Lock()
#: Goes to the start of a line and empties it.
_ERASE = "\r\x1b[2K"
#: The least seconds between two drawings, and the columns of a terminal that does not know how many it has.
_REDRAW = 1 / 8
_COLUMNS = 80


class _StatusLine(io.TextIOBase):
    """Standard error with a last line that comes and goes: whatever is written meanwhile appears above it."""

    def __init__(self, terminal: TextIO, text: Callable[[], str]) -> None:
        self._terminal, self._text, self._drawn, self._lock = terminal, text, 0.0, threading.RLock()

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self._terminal.flush()

    def write(self, text: str) -> int:
        with self._lock:
            self._terminal.write(f"{_ERASE if self._drawn else ''}{text}")
            self._drawn = 0.0
            if text.endswith("\n"):
                self.draw()
        return len(text)

    def draw(self, *, last: bool = False) -> None:
        """Draw the line, but not more often than eight times a second; a `last` time, and take it away."""
        with self._lock, suppress(OSError, ValueError):  # a terminal that has gone away does not stop the work
            now = time.monotonic()
            if self._drawn and now - self._drawn < _REDRAW and not last:
                return
            self._terminal.write(f"{_ERASE}{_shorten(self._text(), self._terminal)}{_ERASE if last else ''}")
            self._terminal.flush()
            self._drawn = now


def _shorten(text: str, terminal: TextIO) -> str:
    """The part of a text that fits on one line: a longer one would leave lines behind."""
    columns = 0
    with suppress(OSError):
        columns = os.get_terminal_size(terminal.fileno()).columns
    most = (columns or _COLUMNS) - 1
    return text if len(text) <= most else f"{text[: most - 1]}…"


@contextmanager
def progress(what: str, of: int | None = None) -> Iterator[Callable[[], None]]:
    """Show `what` as running until the block ends; each call of the function that it yields counts one of `of` as done.

    One line on standard error, only on a terminal, which disappears at the end. Inside another one it is silent.
    """
    done = 0
    line: _StatusLine | None = None

    def advance() -> None:
        nonlocal done
        done += 1
        if line is not None:
            line.draw()

    if of == 0 or not log.is_watched() or os.environ.get("TERM") == "dumb" or not _last_line.acquire(blocking=False):
        yield advance
        return
    try:
        line = _StatusLine(sys.stderr, lambda: what + ("" if of is None else f": {done} of {of}") + " ...")
        with redirect_stderr(line):
            line.draw()
            try:
                yield advance
            finally:
                line.draw(last=True)
    finally:
        _last_line.release()
