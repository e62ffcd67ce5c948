from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock, as it is passed to the edges; tests pass another one."""

    def now(self) -> datetime:
        """The present moment, in UTC. It may be set forward and back: no limit is measured by it."""
        return datetime.now(UTC)

    #: Seconds since some moment; they go on evenly, whatever the present moment is set to.
    monotonic = staticmethod(time.monotonic)
    #: Wait for so many seconds.
    sleep = staticmethod(time.sleep)
