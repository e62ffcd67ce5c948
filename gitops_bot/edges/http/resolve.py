"""Where a host is to be tried: the addresses of its name, and how long each may take to let one in.

The resolver cannot be interrupted, and `socket.create_connection` gives each address the whole time: a name that
resolves slowly, or to fifty addresses where nobody answers, would take as long as it likes.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Addresses of one name that are tried.
MOST = 8


def attempts(host: str, port: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Each address of a host, in the resolver's order, with its share of what is left of the `seconds`.

    Raises:
        OSError: the name has no address; a `TimeoutError` where the resolver did not answer in time.
    """
    until = time.monotonic() + seconds
    found = _addresses(host, port, seconds)[:MOST]
    for number, address in enumerate(found):
        yield address, max((until - time.monotonic()) / (len(found) - number), 0.01)


def _addresses(host: str, port: int, seconds: float) -> tuple[str, ...]:
    """The distinct addresses; asked for in a thread of its own, which is not waited for longer than it may take."""
    with suppress(ValueError):
        return (str(ipaddress.ip_address(host)),)
    answers: queue.SimpleQueue[tuple[str, ...] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(each[4][0]) for each in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    try:
        threading.Thread(target=ask, name="resolve", daemon=True).start()
    except RuntimeError:  # the machine starts no more threads
        ask()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
