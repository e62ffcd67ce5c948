"""What is left to the request that a thread has under way: time until a moment, and bytes before the body."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitops_bot.edges.http.allowance import Limit
from gitops_bot.edges.http.failure import flooded, late

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that may come before the body of an answer: its head, those of informational answers and of a proxy, and what
#: one read takes of the body beside them.
HEAD = 256 * 1024


class Left(threading.local):
    """Begun for each request, and asked before each wait for the network. By the machine's own clock, as sockets are.

    `timeouts` are the exceptions by which a wait says that it took as long as it may.
    """

    def __init__(self, *timeouts: type[Exception]) -> None:
        self._timeouts = timeouts
        self.begin(Limit(0.0, late(0.0)))

    def begin(self, limit: Limit) -> None:
        """A request begins, which may take so long, to the last byte of its body."""
        self._late = limit.late
        self._until = time.monotonic() + limit.seconds
        self._head: int | None = HEAD

    def has_head(self) -> None:
        """What comes from now on is the body, whose bytes somebody else counts."""
        self._head = None

    def take(self, count: int) -> None:
        """So many bytes came.

        Raises:
            Unanswered: they are too many before a body.
        """
        if self._head is not None:
            self._head -= count
            if self._head < 0:
                raise flooded(HEAD)

    @property
    def seconds(self) -> float:
        """What is left, never nothing: for what keeps to a time by itself and cannot bear to be told here."""
        return max(self._until - time.monotonic(), 0.001)

    @contextmanager
    def wait(self, timeout: float | None) -> Iterator[float]:
        """The seconds that a wait may take: its own timeout, or what is left where that is less.

        Raises:
            Unanswered: nothing was left, or it took all that was.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._late
        try:
            yield left if timeout is None else min(left, timeout)
        except self._timeouts as error:
            if timeout is None or left <= timeout:
                raise self._late from error
            raise
