"""Threads that ask registries, for whom nobody waits after an interrupt."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def workers(most: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """At most so many threads. At the end of the block answers that are still on their way are not waited for."""
    pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
