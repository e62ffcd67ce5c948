from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time, as passed to the edges."""

    def now(self) -> datetime:
        """The present moment, in UTC. It may be set forward and back: no limit is measured by it."""

    def monotonic(self) -> float:
        """Seconds since some moment; they go on evenly, whatever the present moment is set to."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
