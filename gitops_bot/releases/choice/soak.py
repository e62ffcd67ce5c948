"""How long a pin must run in the source environment before it is promoted, and the newest one that did.

Earlier pins count, too: a source that changes more often than that would otherwise never promote anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from itertools import tee
from typing import TYPE_CHECKING, Literal

from gitops_bot.images import duration
from gitops_bot.images.moment import appointment
from gitops_bot.images.reason import Reason
from gitops_bot.releases.choice.stepped_back import order
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.line import agree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from gitops_bot.images.kinds import Rules
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.history.trail import Run


def left(since: datetime, now: datetime, soak: timedelta) -> timedelta:
    """What remains of the soak time, or zero. A commit from the future has not soaked at all."""
    return max(timedelta(0), soak - max(timedelta(0), now - since))


def reason_to_wait(
    environment: str, since: datetime | None, now: datetime, soak: timedelta, more: str
) -> Reason | None:
    """Why a pin that `environment` has run since then must wait, if it must; `since` is None if that needs `more`."""
    if not soak:
        return None
    wanted = duration.write(soak)
    if since is None:
        text = f"it must run in {environment} for {wanted} first, and the known history does not show when it started"
        return Reason("held.history_bound", f"{text}; {more}")
    remaining = left(since, now, soak)
    if not remaining:
        return None
    text = (
        f"soaks in {environment} for {wanted}, since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC: "
        f"open on {appointment(now + remaining)}"
    )
    data: dict[str, str | int | None] = {"soak": wanted, "left": int(-(-remaining // timedelta(seconds=1)))}
    return Reason("held.soak", text, data, now + remaining)


def served(
    line: Line,
    entry: Managed,
    *,
    now: datetime,
    wait: timedelta,
    is_current: Callable[[Pin], bool],
    is_proposed: Callable[[Pin], bool],
    one_of_several: bool = False,
) -> Iterator[Run]:
    """The earlier pins that an entry had for `wait`, the newest first.

    Without those that it was rolled back from, then or later: whoever did that did not trust them. Without the one that
    the target has (`is_current`), and any older than that one or than the proposed one. If the entry is
    `one_of_several` with different pins, its present pin and the target's count, too: all of them may have had that.
    """
    complete = trail.enough(line, entry.overlay)
    newer: list[Run] = []
    runs = trail.runs(line, entry)
    while (run := next(runs, None)) is not None:
        if is_current(run.pin):
            if one_of_several:
                yield run
            return
        if (run.left is not None or one_of_several) and run.arrived is not None:
            ended = min(run.left.at, now) if run.left is not None else now
            if not left(run.arrived.at, ended, wait):
                runs, older = tee(runs)  # history is read as far as somebody asks
                if _went_back(entry.rules, run.pin, newer, older, complete=complete) is False:
                    yield run
        if is_proposed(run.pin):
            return
        newer.append(run)


def newest_of_all(overlays: Sequence[Iterable[Run]]) -> Run | None:
    """The newest pin that every overlay of the source had long enough, as the last of them got it."""
    return next(had_by_all(overlays), None)


def had_by_all(overlays: Sequence[Iterable[Run]]) -> Iterator[Run]:
    """The pins that every overlay of the source had long enough, the newest first."""
    first, *others = overlays
    known = [tuple(other) for other in others]
    for candidate in first:
        same = [candidate]
        for other in known:
            same += [run for run in other if run.pin == candidate.pin][:1]
        if len(same) == len(overlays):
            yield replace(trail.last(same), ahead=max(run.ahead for run in same))


def left_behind(line: Line, entry: Managed, is_it: Callable[[Pin], bool]) -> Step | None:
    """The commit that rolled the entry back from a pin; None if none did."""
    newer: list[Run] = []
    runs = trail.runs(line, entry)
    for run in runs:
        if is_it(run.pin):
            older = _went_back(entry.rules, run.pin, newer, runs, complete=trail.enough(line, entry.overlay))
            return older.arrived if older else None
        newer.append(run)
    return None


def _went_back(
    rules: Rules, pin: Pin, newer: Sequence[Run], older: Iterable[Run], *, complete: bool
) -> Run | Literal[False] | None:
    """Which of the later pins is older than this one, False if none is; None if only missing history could tell.

    By the order of the tags, or if they have none, by whether the entry had it before.
    """
    undecided = []
    for later in newer:
        if agree(later.pin, pin):
            continue
        way = order(rules, later.pin, pin)
        if way is not None and way < 0:
            return later
        if not way:
            undecided.append(later)
    if not undecided:
        return False
    back = next((later for run in older for later in undecided if agree(later.pin, run.pin)), None)
    return back or (False if complete else None)
