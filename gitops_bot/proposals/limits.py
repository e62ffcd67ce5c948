"""What has to wait: the rest of a group that goes together, and what the schedule or a limit does not allow yet.

A window of the schedule, and a span that is `not` in it, has days and hours in a time zone. It begins and ends once for
each of its days: at the first moment at which the clock shows that time or a later one. So it is neither missed where a
clock is put forward over its start, nor comes twice where one is put back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gitops_bot.images.moment import appointment, first
from gitops_bot.images.reason import Reason, counted, rfc3339
from gitops_bot.proposals import reconcile
from gitops_bot.releases.decisions import Change, Decision, Failed, Held

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.config.propose import Span, Window
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.proposals.pull_request import PullRequest

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_WEEK: Final = 7 * _DAY
#: Days that are looked at for a week: from two before, for what passes midnight, to two after, for zones ahead.
_FROM, _TO = -2, 10
#: Weeks that are looked at. Not all zones change their clocks, so what is closed all summer may open in winter.
_WEEKS: Final = 54


def hold_together(decisions: Sequence[Decision], name: str) -> tuple[Decision, ...]:
    """The decisions of a group that changes as a whole or not at all, each in its place.

    A live slot never changes: nothing waits for that.
    """
    for decision in decisions:
        match decision:
            case Held(reason=reason) if reason.code != "held.slot":
                code, why, verb = reason.code, reason.text, "is held"
            case Failed(problem=problem):
                code, why, verb = problem.code, problem.message, "failed"
            case _:
                continue
        whole = f"the group {name} is proposed as a whole, and"
        if (entry := decision.entry) is None:
            waits = Reason(code, f"{whole} part of it cannot be read: {why}", {"group": name})
        else:
            text = f"{whole} {entry.name} in {entry.file} {verb}: {why}"
            waits = Reason(code, text, {"group": name, "file": entry.file, "name": entry.name})
        return tuple(other.hold(waits) if isinstance(other, Change) else other for other in decisions)
    return tuple(decisions)


def admit(
    proposals: Sequence[Proposal], environment: Environment, pulls: Sequence[PullRequest], at: datetime
) -> list[Proposal]:
    """What may be opened now, by the schedules and the limits of the environment, of which `pulls` are all there are.

    The limit of open proposals is for what is open after the run, so one that is closed makes room for another. But a
    proposal is not closed while a pin waits to move away from it.
    """
    open_now = sum(pull.state == "open" for pull in pulls)
    opened = [pull.created_at for pull in pulls if pull.created_at is not None and pull.created_at > at - _HOUR]
    closing = sum(isinstance(proposal.action, reconcile.Close) for proposal in proposals)
    while True:
        stay_open, moments = open_now - closing, list(opened)
        result = list(proposals)
        for place, proposal in enumerate(proposals):
            if not isinstance(proposal.action, reconcile.Open):
                continue  # open ones are always updated
            if (wait := why_to_wait(environment, at, open_now=stay_open, opened=moments)) is not None:
                result[place] = proposal.doing(reconcile.Leave(None, wait))
            else:
                stay_open += 1
                moments.append(at)
        result = with_what_waits(result)
        still_closing = sum(isinstance(proposal.action, reconcile.Close) for proposal in result)
        if still_closing == closing:
            return result
        closing = still_closing  # fewer, each time: what waits keeps its old proposal open


def with_what_waits(proposals: Sequence[Proposal]) -> list[Proposal]:
    """A proposal keeps what is to move to another one as long as that has to wait: else it would be nowhere."""
    waits = {
        change.entry.key: proposal.action.reason
        for proposal in proposals
        if isinstance(proposal.action, reconcile.Leave)
        for change in proposal.changes
    }
    kept = list(proposals)
    for at, proposal in enumerate(proposals):
        reasons = [waits[key] for key in sorted(proposal.moved) if key in waits]
        if reasons and isinstance(proposal.action, reconcile.Refresh | reconcile.Close):
            kept[at] = proposal.doing(reconcile.Leave(proposal.pull_request, reasons[0]))
    # What was to move to one of those waits with it.
    more = any(new is not old for new, old in zip(kept, proposals, strict=True))
    return with_what_waits(kept) if more else kept


def why_to_wait(environment: Environment, at: datetime, *, open_now: int, opened: Sequence[datetime]) -> Reason | None:
    """Why no proposal may be opened now; None where one may be.

    `opened` are the times when proposals of this environment were opened within the hour; `open_now` are open.
    """
    limit = environment.propose.limit
    most_open, most_new_per_hour = limit.open, limit.new_per_hour
    if (outside := why_closed(environment.schedules, at)) is not None:
        return outside
    if most_open is not None and open_now >= most_open:
        more = f" ({open_now} are open)" if open_now > most_open else ""
        text = f"limit of {counted(most_open, 'open proposal')} reached{more}: merge or close one first"
        return Reason("held.limit", text, {"most_open": most_open})
    if most_new_per_hour is not None and len(opened) >= most_new_per_hour:
        frees = sorted(opened)[-most_new_per_hour].astimezone(UTC) + _HOUR
        most = counted(most_new_per_hour, "new proposal")
        text = f"limit of {most} an hour reached: the next one can be opened on {appointment(frees)}"
        return Reason("held.limit", text, {"most_new_per_hour": most_new_per_hour, "opens_at": rfc3339(frees)})
    return None


def why_closed(schedules: Sequence[Sequence[Window]], at: datetime) -> Reason | None:
    """Why one of the schedules does not allow anything new now; None where each has a window now, or none at all."""
    opens = _all_open(schedules, at)
    if opens == at:
        return None
    if opens is None:
        text = "the schedule leaves no time at which anything new may be opened"
        return Reason("held.window", text, {"opens_at": None})
    return Reason("held.window", f"outside the schedule: open on {appointment(opens)}", {"opens_at": rfc3339(opens)})


def _all_open(schedules: Sequence[Sequence[Window]], at: datetime) -> datetime | None:
    """The first time from `at` on when all of them are open, in UTC; None if there is none within a year."""
    moment = at
    while moment < at + _WEEKS * _WEEK:
        opens = [next_opening(windows, moment) for windows in schedules]
        latest = max((one for one in opens if one is not None), default=moment)
        if None in opens:
            return None
        if latest == moment:
            return moment
        moment = latest
    return None


def next_opening(windows: Sequence[Window], at: datetime) -> datetime | None:
    """The first time from `at` on when something new may be opened, in UTC; None if there is none within a year."""
    opening = [window for window in windows if window.not_ is None]
    closing = [window.not_ for window in windows if window.not_ is not None]
    for start in (at.astimezone(UTC) + week * _WEEK for week in range(_WEEKS)):
        moment, end = start, start + _WEEK
        opened = [span for window in opening for span in _around(window, start)] if opening else [(start, end)]
        closed = [span for window in closing for span in _around(window, start)]
        while moment < end:
            if (over := max((until for since, until in closed if since <= moment < until), default=None)) is not None:
                moment = over
            elif any(since <= moment < until for since, until in opened):
                return moment
            else:
                moment = min((since for since, _ in opened if since > moment), default=end)
    return None


def _around(window: Span, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when it is, in UTC, in the week from a moment on."""
    zone, weekdays, (opens, closes) = window.zone, window.weekdays, window.span
    today = at.astimezone(zone).date()
    for day in (today + count * _DAY for count in range(_FROM, _TO)):
        if day.weekday() in weekdays:
            last = day if opens < closes else day + _DAY
            yield first(datetime.combine(day, opens), zone), first(datetime.combine(last, closes), zone)
