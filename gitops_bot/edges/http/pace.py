"""How fast one host is queried: concurrent requests, requests per second, and pauses that it asked for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from gitops_bot.edges.http.failure import busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: Concurrent requests to one host unless configured otherwise.
CONCURRENCY = 16
#: Seconds between two requests after the first 429, and at most.
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.2, 3.0


class Clock(Protocol):
    """Time, as passed to the edges."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Pace:
    """Lets the threads that query one host take turns.

    Without a `rate` (requests per second) requests are not spaced out until the host answers 429. Then all wait as long
    as it asked for, and afterwards keep an interval that doubles with each further 429.
    """

    def __init__(self, clock: Clock, concurrency: int = CONCURRENCY, rate: float | None = None) -> None:
        self._clock = clock
        self._semaphore = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._opens = 0.0
        self._slowed = 0

    @contextmanager
    def turn(self, longest_pause: float) -> Iterator[int]:
        """Wait for the turn of one request, which lasts as long as the block.

        Yields the number of slow-downs so far, for `slow_down`.

        Raises:
            NoResponse: the host asked for a pause longer than `longest_pause` seconds.
        """
        with self._semaphore:
            slowed = -1
            while slowed != self._slowed:  # again if there was a 429 meanwhile
                with self._lock:
                    now = self._clock.now().timestamp()
                    if self._opens - now > longest_pause:
                        raise busy(self._opens - now)
                    slot, slowed = max(now, self._next, self._opens), self._slowed
                    self._next = slot + self._interval
                if slot > now:
                    self._clock.sleep(slot - now)
            yield slowed

    def slow_down(self, seen: int, seconds: float) -> None:
        """Pause all requests for `seconds` after a 429; `seen` is what `turn` gave to the request.

        Many 429 come back at once from requests sent at the same pace: only the first doubles the interval.
        """
        with self._lock:
            if seen == self._slowed:
                self._slowed += 1
                self._interval = max(self._interval, min(max(2 * self._interval, _FIRST_INTERVAL), _LONGEST_INTERVAL))
            self._opens = max(self._opens, self._clock.now().timestamp() + seconds)
