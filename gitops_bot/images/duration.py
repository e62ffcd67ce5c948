"""Durations as people write them: `90s`, `15m`, `2h`, `1d12h`, and `0`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from gitops_bot.images.reason import counted

_FORM = re.compile(r"(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?\Z", re.ASCII)
#: The longest duration: anything longer is a mistake.
LONGEST: Final = timedelta(days=366)
_UNITS: Final = ((86_400, "d", "day"), (3_600, "h", "hour"), (60, "m", "minute"), (1, "s", "second"))


def parse(text: str) -> timedelta:
    """Read a duration: numbers with `d`, `h`, `m`, `s`, larger units first; `0` needs none. Raises ValueError, which
    says what to write, for another form and beyond 366 days.
    """
    match = _FORM.match(text)
    if text == "0":
        return timedelta(0)
    if match is None or not text:
        raise ValueError(f"{text[:100]!r} is not a duration: write it as 90s, 15m, 2h or 1d12h")
    days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    # Limited to five to eight digits each, so that no sum overflows a timedelta.
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if span > LONGEST:
        raise ValueError(f"{text[:100]!r} is longer than {LONGEST.days} days")
    return span


def write(span: timedelta) -> str:
    """The duration as `parse` reads it, rounded up to whole seconds."""
    remaining, text = max(0, -(-span // timedelta(seconds=1))), ""
    for seconds, short, _ in _UNITS:
        count, remaining = divmod(remaining, seconds)
        text += f"{count}{short}" if count else ""
    return text or "0"


def roughly(span: timedelta) -> str:
    """The duration in its largest unit, as in `3 hours`: what is often repeated should not change every minute."""
    whole = max(0, span // timedelta(seconds=1))
    for seconds, _, unit in _UNITS[:-1]:
        if whole >= seconds:
            return counted(whole // seconds, unit)
    return "less than a minute"
