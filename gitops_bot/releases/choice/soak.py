"""How long a pin has to run in the source environment before it is promoted by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.images import duration
from gitops_bot.images.reason import Reason

if TYPE_CHECKING:
    from datetime import datetime


def left(since: datetime, now: datetime, soak: timedelta) -> timedelta:
    """What remains of the soak time; zero when it is over. A commit from the future has not run at all yet."""
    return max(timedelta(0), soak - max(timedelta(0), now - since))


def held(environment: str, since: datetime | None, now: datetime, soak: timedelta) -> Reason | None:
    """Why a pin that `environment` runs since then has to wait; None where it need not.

    `since` is None where the commit that brought the pin is older than the history that is known.
    """
    if not soak:
        return None
    wanted = duration.written(soak)
    if since is None:
        text = f"it must run in {environment} for {wanted} first, and the known history does not show when it started"
        return Reason("held.history_bound", f"{text}; fetch the full history (`fetch-depth: 0`)")
    remaining = left(since, now, soak)
    if not remaining:
        return None
    text = (
        f"has run in {environment} for {duration.roughly(now - since)} of {wanted}: {duration.written(remaining)} left"
    )
    data: dict[str, str | int | None] = {"soak": wanted, "left": int(-(-remaining // timedelta(seconds=1)))}
    return Reason("held.soak", text, data, now + remaining)
