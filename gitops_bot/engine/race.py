"""How often, and after which waits, a write is tried again that somebody else was faster than."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops_bot.engine.world import Clock
    from gitops_bot.errors import LostRace

#: A race is abandoned after so many losses, each of which let somebody else through, or after so many seconds.
MOST_LOST, MOST_SECONDS = 100, 600.0
#: The longest wait before the next try, as a multiple of what the last one took. The more of them compete for a
#: machine, the longer a try takes, and the longer each of them stays out of the others' way.
_LONGEST_WAIT = 16


class Race:
    """The tries of one environment: how long to wait after a lost race before the next one, and when to give up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = self._tried = clock.monotonic()
        self._lost = 0

    def wait(self, lost: LostRace) -> None:
        """Stay out of the others' way for a while.

        Raises:
            LostRace: `lost` itself, once it makes no sense to try again.
        """
        now = self._clock.monotonic()
        self._lost += 1
        if self._lost > MOST_LOST or now - self._started > MOST_SECONDS:
            raise lost
        longest = (now - self._tried) * min(2**self._lost, _LONGEST_WAIT)
        self._clock.sleep(random.uniform(0, longest))  # noqa: S311 - spreads the racers, guards no secret
        self._tried = self._clock.monotonic()
