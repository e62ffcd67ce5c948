"""How long all requests for one question may take together, however many there are and however often each is tried."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitops_bot.edges.http.failure import Unanswered
    from gitops_bot.edges.http.pace import Clock


@dataclass(frozen=True, slots=True)
class Limit:
    """So many seconds, and what is raised when they are over."""

    seconds: float
    late: Unanswered


class Allowance:
    """The time for everything that one thread asks for the sake of one question, such as the pages of a list.

    Only the time counts in which a request is under way, or waits because the host asked for that. Waiting for a turn
    that the user's own `rate` and `concurrency` bound is free: that is nothing that the host could do better.
    """

    def __init__(self, clock: Clock, limit: Callable[[], Limit]) -> None:
        """`limit` is asked when the first request begins."""
        self._clock, self._ask = clock, limit
        self._limit: Limit | None = None
        self._since: float | None = None
        self._spent = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """What happens in this block takes of the time."""
        self._limit = self._limit or self._ask()
        self._since = self._now()
        try:
            yield
        finally:
            self._spent, self._since = self.spent, None

    @property
    def spent(self) -> float:
        """The seconds that were taken so far."""
        return self._spent + (0.0 if self._since is None else max(self._now() - self._since, 0.0))

    @property
    def left(self) -> Limit:
        """What is left of the limit: nothing, or less, where it is over."""
        limit = self._limit or self._ask()
        return Limit(limit.seconds - self.spent, limit.late)

    def _now(self) -> float:
        return self._clock.now().timestamp()
