from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item = TypeVar("Item")


def each(work: Callable[[Item], None], items: Iterable[Item], threads: int) -> None:
    """Do this work on every item, side by side; the first failure ends it and is raised.

    The threads are daemons: nobody waits for them after an interrupt.
    """
    waiting = deque(items)
    failures: list[BaseException] = []

    def take() -> None:
        while not failures:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                work(item)
            except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
                failures.append(error)

    started = []
    for number in range(min(threads, len(waiting)) - 1):
        thread = threading.Thread(target=take, name=f"walk-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine starts no more
            break
        started.append(thread)
    try:
        take()
    finally:
        waiting.clear()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]
