"""The process around one command: signals, garbage collection, the progress of long work, and the report of a bug."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr, suppress
from typing import TYPE_CHECKING

from gitops_bot import __version__, log, redact
from gitops_bot.errors import BUG, limit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from gitops_bot.errors import Problem

#: The exit code of Ctrl-C.
INTERRUPTED = 130

#: New objects after which Python looks for reference cycles. By default it does so after 700, which takes a tenth of
#: a run over many files: parsed files live as long as the run.
_NEW_OBJECTS = 50_000
#: A terminal has one last line.
_last_line = threading.Lock()
#: Goes to the start of a line and empties it.
_ERASE = "\r\x1b[2K"
#: The least seconds between two drawings, and the columns of a terminal that does not know how many it has.
_REDRAW = 1 / 8
_COLUMNS = 80


def begin() -> None:
    """Prepare the process: less garbage collection, an orderly end, and outputs that exist."""
    gc.set_threshold(_NEW_OBJECTS)
    if sys.stdout is None:  # closed by our parent: there is nobody to print to
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - it is open as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - likewise
    if threading.current_thread() is threading.main_thread():
        # SIGTERM and SIGHUP end it as Ctrl-C does, so that what was opened is closed and no clone is left behind.
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):  # not on every system
                signal.signal(getattr(signal, name), signal.default_int_handler)


def interrupted() -> int:
    """Report Ctrl-C or SIGTERM; gives the exit code."""
    print("interrupted", file=sys.stderr)  # noqa: T201 - the last word of a process
    return INTERRUPTED


def bug() -> int:
    """Report the exception that is being handled as a bug, or as a limit of the machine; gives the exit code."""
    error = sys.exception()
    if error is not None and (limit := limit_of(error)) is not None:
        print(f"error: {limit.message}\n  next: {limit.next}", file=sys.stderr)  # noqa: T201 - with hardly any memory
        return 1
    import traceback

    complain(traceback.format_exc())
    complain(f"\ngitops-bot {__version__} hit a bug. Please report the lines above.\n")
    return BUG


def log_bugs(problems: Iterable[Problem]) -> None:
    """Log the traceback of each problem that is a bug: the rest of the command was done."""
    for problem in problems:
        if problem.traceback:
            log.event("bug", level="error", message=problem.message, version=__version__, traceback=problem.traceback)


def complain(text: str) -> None:
    """Print text that may quote anything on standard error, without secrets."""
    from gitops_bot.wiring.forge import hide_tokens

    hide_tokens()
    print(redact.printable(text), end="", file=sys.stderr, flush=True)  # noqa: T201 - neither a log nor a report


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

    def draw(self) -> None:
        """Draw the line, but not more often than eight times a second."""
        with self._lock, suppress(OSError, ValueError):  # a terminal that has gone away does not stop the work
            now = time.monotonic()
            if self._drawn and now - self._drawn < _REDRAW:
                return
            self._terminal.write(f"{_ERASE}{_shorten(self._text(), self._terminal)}")
            self._terminal.flush()
            self._drawn = now

    def erase(self) -> None:
        """Draw the line a last time, and take it away."""
        with self._lock, suppress(OSError, ValueError):
            self._terminal.write(f"{_ERASE}{_shorten(self._text(), self._terminal)}{_ERASE}")
            self._terminal.flush()


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

    One line, which disappears when the work is done. Only on standard error, and only on a terminal. Inside
    another one it is silent.
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
                line.erase()
    finally:
        _last_line.release()
