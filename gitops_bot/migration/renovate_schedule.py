"""Renovate's schedules, as sentences (`before 6am on monday`) and as crontabs (`* 0-3 * * 1`) -> windows of a week."""

from __future__ import annotations

import re
from typing import Any, Final

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES: Final = "sunday|monday|tuesday|wednesday|thursday|friday|saturday"
_SENTENCE: Final = re.compile(
    r"(?:after (?P<after>[0-9]{1,2}(?::[0-9]{2})? ?(?:am|pm)?))?(?: ?and )?"
    r"(?: ?before (?P<before>[0-9]{1,2}(?::[0-9]{2})? ?(?:am|pm)?))?"
    rf"(?: ?(?:on|every|and on)? ?(?P<days>weekday|weekend|day|(?:{_NAMES})(?:(?:,| and|, and) (?:{_NAMES}))*))?"
)
_TIME: Final = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? ?(am|pm)?")
_NAME: Final = re.compile(_NAMES)
_HOURS: Final = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")
_LAST_HOUR: Final = 23
_NOON: Final = 12
_ANY_TIME: Final = ("at any time", "")


def windows(texts: tuple[str, ...], timezone: str) -> tuple[list[dict[str, Any]] | None, str | None]:
    """The windows; the first sentence that has no counterpart. No windows at all: any time."""
    known: list[dict[str, Any]] = []
    for text in texts:
        if text.strip().lower() in _ANY_TIME:
            return None, None
        window = _crontab(text.split()) if text.startswith(("*", "0")) else _sentence(text.strip().lower())
        if window is None:
            return None, text
        known += [{**part, **({"timezone": timezone} if timezone else {})} for part in window]
    return known or None, None


def _sentence(text: str) -> list[dict[str, Any]] | None:
    match = _SENTENCE.fullmatch(text)
    if match is None or not text:
        return None
    after, before = _clock(match["after"]), _clock(match["before"])
    window: dict[str, Any] = {}
    match match["days"]:
        case None | "day":
            pass
        case "weekday":
            window["days"] = ["mon-fri"]
        case "weekend":
            window["days"] = ["sat-sun"]
        case named:
            window["days"] = [name[:3] for name in _NAME.findall(named)]
    if after or before:
        if "" in (after, before):
            return None
        window["hours"] = f"{after or '00:00'}-{before or '24:00'}"
    return [window] if window else None


def _clock(text: str | None) -> str | None:
    """A time of day; an empty text for what is none."""
    match = _TIME.fullmatch(text) if text else None
    if match is None:
        return None
    hour = int(match[1])
    if match[3]:
        hour = hour % _NOON + (_NOON if match[3] == "pm" else 0)
    return f"{hour:02}:{match[2] or '00'}" if hour <= _LAST_HOUR else ""


def _crontab(fields: list[str]) -> list[dict[str, Any]] | None:
    match fields:
        case ["*", hours, "*", "*", days]:
            pass
        case _:
            return None
    window: dict[str, Any] = {}
    if days != "*":
        named = [_span(part) for part in days.split(",")]
        if None in named:
            return None
        window["days"] = named
    if hours == "*":
        return [window] if window else None
    spans = [_HOURS.fullmatch(part) for part in hours.split(",")]
    found = [{**window, "hours": f"{int(span[1]):02}:00-{int(span[2] or span[1]) + 1:02}:00"} for span in spans if span]
    return found if all(span and int(span[2] or span[1]) <= _LAST_HOUR for span in spans) else None


def _span(part: str) -> str | None:
    first, dash, last = part.partition("-")
    if not all(day.isdecimal() and len(day) == 1 and int(day) < len(_DAYS) for day in (first, last or "0")):
        return None
    return f"{_DAYS[int(first)]}-{_DAYS[int(last)]}" if dash else _DAYS[int(first)]
