from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class StillClock:
    """Time that passes only where somebody waits. `slept` are the waits, in seconds; `ahead` is how it is set."""

    moment: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)
    ahead: timedelta = timedelta(0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        return self.moment + self.ahead

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.moment += timedelta(seconds=seconds)
