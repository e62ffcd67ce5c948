"""When a request is sent again, and after which wait: one rule for registries, the API of a forge, and git."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import tenacity

from gitops_bot import log

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Tries of a request, and seconds in all, waits included.
ATTEMPTS, TOTAL_SECONDS = 5, 100.0
#: Statuses of failures that may be gone the next time. 501 (not implemented) will not.
PASSING_STATUSES = frozenset({408, 429, 500, *range(502, 600)})

_BACKOFF, _JITTER = tenacity.wait_random_exponential(multiplier=0.5, max=15), tenacity.wait_random(0, 1)


@dataclass(frozen=True, slots=True)
class Passing:
    """A failure that may be gone the next time: why, and how many seconds the server asked to wait, if it did."""

    why: str
    seconds: float | None = None


def patiently(
    send: Callable[[], T],
    passing: Callable[[T | BaseException], Passing | None],
    *,
    sleep: Callable[[float], None],
    remaining: Callable[[], float],
    attempts: int = ATTEMPTS,
    **facts: Any,
) -> T:
    """What `send` returns or raises at last: it is called again while `passing` says that this may succeed.

    The waits are as long as the server asked for, else longer each time, and random in part. None is begun that is
    longer than what is `remaining`, in seconds. Each is logged with these facts.
    """
    failure: Passing | None = None

    def again(state: tenacity.RetryCallState) -> bool:
        nonlocal failure
        outcome = cast("tenacity.Future", state.outcome)
        failure = passing(outcome.exception() or outcome.result())
        return failure is not None

    def wait(state: tenacity.RetryCallState) -> float:
        asked = failure.seconds if failure is not None else None
        return _BACKOFF(state) if asked is None else asked + _JITTER(state)

    def stop(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= attempts or state.upcoming_sleep > remaining()

    def note(state: tenacity.RetryCallState) -> None:
        log.debug("http.waiting", **facts, seconds=round(state.upcoming_sleep, 3), why=failure.why if failure else "")

    retrying = tenacity.Retrying(
        sleep=sleep,
        before_sleep=note,
        wait=wait,
        stop=stop,
        retry=again,
        retry_error_callback=lambda state: cast("tenacity.Future", state.outcome).result(),
    )
    return retrying(send)


def retry_after(text: str | None, now: float) -> float | None:
    """The seconds in a `Retry-After` (a number or a date); None without a sensible one."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text.strip()):
        return float(text)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
