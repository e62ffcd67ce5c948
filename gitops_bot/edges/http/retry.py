"""When the same request is worth another try, and how long that waits."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from gitops_bot import log
from gitops_bot.edges.http.failure import Unanswered

if TYPE_CHECKING:
    import tenacity


def retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` (seconds or a date); None where there is none, or nothing sensible in it."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text.strip()):
        return float(text)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def may_pass(status: int) -> bool:
    """Whether a failure may be gone the next time. 501 says that the method is not implemented, which does not pass."""
    return status in (408, 429) or (500 <= status < 600 and status != 501)


def may_heal(error: BaseException) -> bool:
    """Whether a broken connection may hold the next time."""
    return isinstance(error, Unanswered) and error.again


def tell(state: tenacity.RetryCallState, host: str, path: str) -> None:
    """Log what is waited for before the next try."""
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt
    failure = state.outcome.exception()
    why = f"status {state.outcome.result().status}" if failure is None else str(failure)
    log.debug("http.waiting", host=host, path=path, seconds=round(state.upcoming_sleep, 3), why=why)


def outcome(state: tenacity.RetryCallState) -> Any:
    """The last answer as it is; raises the last exception where there was none."""
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt
    return state.outcome.result()
