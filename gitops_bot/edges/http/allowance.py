"""Time limits: for one request by the machine's own clock, and for all requests of one question together."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.edges.http.failure import NoResponse, late

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitops_bot.edges.http.pace import Clock


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit in seconds, and the error to raise when it has passed."""

    seconds: float
    late: NoResponse


class Allowance:
    """The time for everything that is asked for one question, such as the pages of a list, by one thread or several.

    Only time counts in which a request is under way, or waits because the host asked for that. Waiting for the user's
    own `rate` and `concurrency` is free. Several requests at once count once.
    """

    def __init__(self, clock: Clock, limit: Callable[[], Limit]) -> None:
        """`limit` is called when the first request begins."""
        self._clock, self._ask = clock, limit
        self._lock = threading.Lock()
        self._limit: Limit | None = None
        self._active = 0
        self._since = 0.0
        self._spent = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time spent in this block."""
        with self._lock:
            self._limit = self._limit or self._ask()
            if self._active == 0:
                self._since = self._clock.now().timestamp()
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                if self._active == 1:
                    self._spent = self.spent
                self._active -= 1

    @property
    def spent(self) -> float:
        """The seconds used so far."""
        since = self._clock.now().timestamp() - self._since if self._active else 0.0
        return self._spent + max(since, 0.0)

    @property
    def left(self) -> Limit:
        """The rest of the limit; zero or less when it is used up."""
        limit = self._limit or self._ask()
        return Limit(limit.seconds - self.spent, limit.late)


#: Bytes before the body of an answer: heads, also of informational answers and a proxy, and the end of the last read.
HEAD = 256 * 1024


class Deadline(threading.local):
    """The time left to the thread's current request, and the bytes it may read before the body.

    Start it with `begin` for each request, and check it before each wait for the network. `timeouts` are the exceptions
    by which a wait reports that its time is over.
    """

    def __init__(self, *timeouts: type[Exception]) -> None:
        self._timeouts = timeouts
        self._limit = Limit(0.0, late(0.0))
        self.begin()

    def begin(self, limit: Limit | None = None) -> None:
        """Start a request, which may take this long up to the last byte of its body; without a limit as the last."""
        self._limit = limit or self._limit
        self._until = time.monotonic() + self._limit.seconds
        self._head: int | None = HEAD

    def has_head(self) -> None:
        """Stop counting bytes: the rest of the answer is its body, which the caller limits."""
        self._head = None

    def take(self, count: int) -> None:
        """Count bytes that arrived. Raises NoResponse if there are too many before the body."""
        if self._head is not None:
            self._head -= count
            if self._head < 0:
                what = f"closed the connection: more than {HEAD} bytes before the answer"
                raise NoResponse(what, "Run again later.", again=True)

    @property
    def seconds(self) -> float:
        """The seconds left, never zero: for code that takes a timeout and must not get an exception here."""
        return max(self._until - time.monotonic(), 0.001)

    @contextmanager
    def wait(self, timeout: float | None) -> Iterator[float]:
        """The seconds that a wait may take: its own timeout, or what is left if that is less.

        Raises:
            NoResponse: nothing was left, or the wait took all of it.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._limit.late
        try:
            yield left if timeout is None else min(left, timeout)
        except self._timeouts as error:
            if timeout is None or left <= timeout:
                raise self._limit.late from error
            raise
