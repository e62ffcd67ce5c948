"""The progress of long work: one line on a terminal that disappears when the work is done."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gitops_bot import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.text import Text

#: A terminal has one last line.
_last_line = threading.Lock()


@contextmanager
def progress(what: str, of: int | None = None) -> Iterator[Callable[[], None]]:
    """Show `what` as running until the block ends; each call of the function that it yields counts one of `of` as done.

    Only on standard error, and only on a terminal. Inside another one it is silent.
    """
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1

    if of == 0 or not log.is_watched() or os.environ.get("TERM") == "dumb" or not _last_line.acquire(blocking=False):
        yield advance
        return
    try:
        # rich takes 50 ms to load, and is needed only here.
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        def line() -> Text:
            count = "" if of is None else f": {done} of {of}"
            return Text(f"{what}{count} ...", no_wrap=True, overflow="ellipsis")

        # What is logged meanwhile appears above the line. Standard output is left alone.
        console = Console(stderr=True, highlight=False)
        live = Live(get_renderable=line, console=console, transient=True, refresh_per_second=8, redirect_stdout=False)
        with suppress(RuntimeError):  # without another thread the line stands still
            live.start()
        try:
            yield advance
        finally:
            live.stop()
    finally:
        _last_line.release()
