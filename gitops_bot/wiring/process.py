"""The process around one command: signals, garbage collection, and the report of a bug."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from gitops_bot import __version__
from gitops_bot.errors import BUG, limit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.errors import Problem

#: The exit code of Ctrl-C.
INTERRUPTED = 130

#: New objects after which Python looks for reference cycles. By default it does so after 700, which takes a tenth of
#: a run over many files: parsed files live as long as the run.
_NEW_OBJECTS = 50_000


def begin() -> None:
    """Prepare the process: less garbage collection, an orderly end, and outputs that exist."""
    gc.set_threshold(_NEW_OBJECTS)
    threading.excepthook, sys.unraisablehook = in_thread, ignored
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by our parent: there is nobody to print to
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - it is open as long as the process
    if threading.current_thread() is threading.main_thread():
        # SIGTERM and SIGHUP end it as Ctrl-C does, so that what was opened is closed and no clone is left behind.
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):  # not on every system
                signal.signal(getattr(signal, name), signal.default_int_handler)


def in_thread(ended: threading.ExceptHookArgs) -> None:
    """Report what ended a thread; a limit of the machine in one sentence, as memory may not do for a traceback."""
    if ended.exc_value is None or not _tell_limit(ended.exc_value):
        threading.__excepthook__(ended)


def ignored(dropped: sys.UnraisableHookArgs) -> None:
    """Report what Python cannot raise, such as in a finalizer, unless it is a limit: what runs into that tells it."""
    if dropped.exc_value is None or limit_of(dropped.exc_value) is None:
        sys.__unraisablehook__(dropped)


def interrupted() -> int:
    """Report Ctrl-C or SIGTERM; gives the exit code."""
    print("interrupted", file=sys.stderr)  # noqa: T201 - the last word of a process
    return INTERRUPTED


def bug() -> int:
    """Report the exception that is being handled as a bug, or as a limit of the machine; gives the exit code."""
    error = sys.exception()
    if error is not None and _tell_limit(error):
        return 1
    import traceback

    complain(traceback.format_exc())
    complain(f"\ngitops-bot {__version__} hit a bug. Please report the lines above.\n")
    return BUG


def _tell_limit(error: BaseException) -> bool:
    """Report a limit of the machine; whether it is one."""
    if (limit := limit_of(error)) is not None:
        print(f"error: {limit.message}\n  next: {limit.next}", file=sys.stderr)  # noqa: T201 - with hardly any memory
    return limit is not None


def log_bugs(problems: Iterable[Problem]) -> None:
    """Log the traceback of each problem that is a bug: the rest of the command was done."""
    from gitops_bot import log

    for problem in problems:
        if problem.traceback:
            log.event("bug", level="error", message=problem.message, version=__version__, traceback=problem.traceback)


def complain(text: str) -> None:
    """Print text that may quote anything on standard error, without secrets."""
    from gitops_bot import redact
    from gitops_bot.wiring.forge import hide_tokens

    hide_tokens()
    print(redact.printable(text), end="", file=sys.stderr, flush=True)  # noqa: T201 - neither a log nor a report
