"""The process around one command: signals, garbage collection, and the report of a bug."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

from gitops_bot import __version__, redact

#: Exit codes of a bug, and of Ctrl-C.
BUG, INTERRUPTED = 3, 130

#: New objects after which Python looks for reference cycles. By default it does so after 700, which takes a tenth of
#: a run over many files: parsed files live as long as the run.
_NEW_OBJECTS = 50_000


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
    """Report the exception that is being handled as a bug; gives the exit code."""
    import traceback

    complain(traceback.format_exc())
    complain(f"\ngitops-bot {__version__} hit a bug. Please report the lines above.\n")
    return BUG


def complain(text: str) -> None:
    """Print text that may quote anything on standard error, without secrets."""
    from gitops_bot.wiring.forge import hide_tokens

    hide_tokens()
    print(redact.printable(text), end="", file=sys.stderr, flush=True)  # noqa: T201 - neither a log nor a report
