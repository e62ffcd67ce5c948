"""Candidates of rollbacks: what ran at an earlier release, by Git alone, or before a release that failed its checks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import dropwhile
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.engine import followers
from gitops_bot.engine.context import Candidate, Candidates, Context, Entrant, as_it_is
from gitops_bot.engine.facts import RELEASE_TAGS, ChecksQuestion, ask_all
from gitops_bot.engine.records import announcement_reader
from gitops_bot.errors import BotError, Problem, place_of
from gitops_bot.images.reason import Reason, counted, enumerated, shortlist
from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice import culprit, promotion, required, rollback
from gitops_bot.releases.choice.culprit import Red, Span
from gitops_bot.releases.decisions import IGNORED, Change, Decision, EntryKey, Failed, Kept, Managed
from gitops_bot.releases.history.changes import previous
from gitops_bot.releases.history.record import Record, Records
from gitops_bot.releases.history.releases import Release, all_releases, find

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config.require import CheckForm
    from gitops_bot.engine.request import RollBack
    from gitops_bot.releases.checks import CommitChecks
    from gitops_bot.releases.choice.rollback import Goal
    from gitops_bot.releases.decisions import Seen
    from gitops_bot.releases.history.line import Line

#: How long a release is watched, over a weekend and a few holidays. What fails later may have any cause, and costs no
#: request.
WATCHED: Final = timedelta(days=7)
#: Images that a message names.
_NAMED: Final = 5


async def candidates(context: Context, asked: RollBack) -> Candidates:
    """What the environment ran at the release to go back to; raises a UsageError where no image is of an entry."""
    state = context.state
    entries: dict[EntryKey, Managed] = {}
    unknown = []
    for image in asked.images:
        matching = state.matching(image)
        entries |= {entry.key: entry for entry in matching}
        if not matching:
            unknown.append(context.unknown(image))
    decisions: list[Decision] = [*context.causes(unknown)]
    if unknown and not entries:
        context.refuse(unknown)
        return Candidates(context, [as_it_is(decision) for decision in decisions])
    meant = list(entries.values()) if asked.images else state.entries
    goal = await find_goal(context, asked.to, {entry.place for entry in meant} if asked.images else None)
    named = set()
    if isinstance(goal, Problem):
        # What cannot be read has no release before it either.
        decisions += [Failed(None, goal)] if asked.to is not None or not state.failed else []
    else:
        for entry in meant:
            decision = restore(entry, goal, context, asked.because)
            if not isinstance(decision, Kept) or (asked.images and entry.rules.ignore):
                named.add(entry.key)
            decisions.append(decision)
        decisions += [] if asked.images else await _shared(context, goal)
    return Candidates(context, [as_it_is(decision) for decision in decisions], frozenset(named))


async def find_goal(
    context: Context, to: str | None, wanted: Collection[EntryKey] | None, newest: str | None = None
) -> Goal | Problem:
    """The release to go back to: `to`, else the one before the last that moved a pin of entries in these places.

    What came after the `newest` does not count as the last.
    """
    name, owners = context.environment.name, context.snapshot.layout.owners
    tags = await RELEASE_TAGS

    def release(line: Line) -> Release | Problem:
        known = all_releases(line, owners, tags).get(name, ())
        if newest is not None:
            known = tuple(dropwhile(lambda release: release.commit != newest, known))
        return find(known, to, tags, line.more) if to is not None else previous(known, line.more, wanted)

    line = await context.facts.line(lambda line: not isinstance(release(line), Problem))
    chosen = release(line)
    if isinstance(chosen, Problem):
        return chosen
    present = {entry.place: entry.pin for entry in (*context.state.entries, *_shared_entries(context))}
    return rollback.goal(all_releases(line, owners, tags).get(name, ()), chosen, present)


def _shared_entries(context: Context) -> Iterator[Managed]:
    """The entries of other environments that take effect here too."""
    states = context.snapshot.states
    for name in context.snapshot.config.shared_with(context.environment.name):
        yield from states[name].entries if name in states else ()


async def _shared(context: Context, goal: Goal) -> list[Failed]:
    """What the release had of other environments that reach this one: only a rollback of those gives it back."""
    changed = defaultdict[str, list[Managed]](list)
    for entry in _shared_entries(context):
        then = goal.pins.get(entry.place)
        if then not in (None, Pin(), entry.pin) and not entry.rules.ignore:
            changed[entry.environment or ""].append(entry)
    if not changed:
        return []
    line = await context.facts.line(lambda _: True)
    every = all_releases(line, context.snapshot.layout.owners)
    older = line.commits[line.commits.index(goal.release.commit) :]
    failed = []
    for name, entries in changed.items():
        commits = {release.commit for release in every.get(name, ())}
        to = next((commit[:10] for commit in older if commit in commits), None)
        images = shortlist(sorted({entry.image for entry in entries}), _NAMED)
        message = f"{images} of {goal.release} is pinned in {name}, which reaches {context.environment.name}: it stays"
        advice = f"`gitops-bot rollback {name} --to {to}`" if to else f"`gitops-bot set {name} IMAGE=PIN`"
        its = context.snapshot.config.environments[name]
        failed.append(
            Failed(None, Problem("failed.usage", message, f"{advice} does so in {enumerated(its.names_reached)}"))
        )
    return failed


def restore(entry: Managed, goal: Goal, context: Context, because: str | None) -> Decision:
    """An entry as the release had it, with why that is asked for."""
    if entry.rules.ignore:
        return Kept(entry, IGNORED, "rollback")
    if entry.refusal is not None:
        return Failed(entry, entry.refusal)
    change = rollback.roll_back(entry, goal)
    if not isinstance(change, Change):
        return change
    if malformed := change.after.malformed:
        return Failed(entry, _malformed_then(entry, goal, context, malformed[0]))
    reason = change.reason
    if because:
        reason = replace(reason, data={**reason.data, "because": because})
    if context.request.offline:
        reason = reason.with_more("not looked up in the registry (--offline)")
    return followers.restore(replace(change, reason=reason, because=because or None), context, goal)


def _malformed_then(entry: Managed, goal: Goal, context: Context, what: str) -> Problem:
    """What is wrong with the pin of a release, and its place there: `FILE:LINE:COLUMN` of that commit."""
    layout, file, where = context.snapshot.layout, entry.file, entry.file
    data, target = goal.content(file, layout.files[file]), layout.targets[file]
    if data is not None and target is not None:
        then = next((item for item in target.read(data, file).entries if item.name == entry.name), None)
        where = place_of(file, then.line, then.column) if then is not None else where
    message, advice = f"{goal.release} has a malformed pin at {where}: {what}", "Choose another release with `--to`."
    return Problem("failed.edit", message, advice, file, entry.line, entry.column)


async def after_failure(context: Context) -> Candidates:
    """The entries that releases of the last week gave another pin, unless by a rollback; and what is proposed."""
    name, owners, since = context.environment.name, context.snapshot.layout.owners, context.snapshot.at - WATCHED
    overlays = defaultdict[object, list[Managed]](list)
    for entry in context.state.entries:  # files of one directory may be overlays of their own
        overlays[entry.overlay, *sorted(context.state.captures.get(entry.file, {}).items())].append(entry)

    def enough(line: Line) -> bool:
        is_past = bool(line.steps) and line.steps[-1].at < since
        touching = (line.touching(entries[0].overlay) for entries in overlays.values())
        shows_before = all(steps[-1].at < since for steps in touching if steps and steps[0].at >= since)
        return line.complete or (is_past and (shows_before or len(line.commits) >= required.MOST_COMMITS))

    line = await context.facts.line(enough)
    known, touched = all_releases(line, owners).get(name, ()), defaultdict[str, list[int]](list)
    results: dict[tuple[str, ...], required.Results] = {}
    goals: dict[str, Goal | Problem] = {}
    record_at = cache(Records(known, line, announcement_reader(name)).__getitem__)
    for at, release in enumerate(known):
        owned = {owner for path in release.paths if (owner := owners.owner(path)) is not None}
        # What takes effect in several environments may have turned any overlay red.
        is_shared = any(whose != name for whose, _ in owned)
        for overlay in {own[0].overlay for own in overlays.values()} if is_shared else {place for _, place in owned}:
            touched[overlay].append(at)
    proposed, entrants = {pin.key for pin in context.branches.pins}, list[Entrant]()
    for entries in overlays.values():
        pins = {entry.place: entry.pin for entry in entries}
        spans = _spans(line, map(record_at, touched[entries[0].overlay]), pins, since)
        moved = {key for span in spans if not span.goes_back for key in span.moves}
        watched = _Overlay(spans, pins, [], line, results, goals)
        for entry in entries:
            is_new = entry.place in moved and context.state.slots_of(entry) is None  # in slots, people switch back
            if entry.key in proposed or (is_new and not context.request.offline):
                entrants.append(Entrant(entry, _candidate(context, entry, watched)))
    return Candidates(context, entrants)


def _spans(line: Line, records: Iterable[Record], places: Collection[EntryKey], since: datetime) -> list[Span]:
    """The time of an overlay, cut at each of its releases (the newest first), from the last one before `since` on."""
    looked_at, spans, end = {*line.commits[: required.MOST_COMMITS]}, list[Span](), None

    def commits(first: str) -> tuple[str, ...]:
        return tuple(commit for commit in reversed(line.between(first, end)) if commit in looked_at)

    for record in records:
        moves = {
            change.key: (change.before, change.after)
            for change in (record.changes if record.at >= since else ())
            if change.key in places and change.before is not None and change.after is not None
            if not change.before.malformed and not promotion.is_same(change.before, change.after)
        }
        goes_back = record.kind == "rollback" or record.rollback_of is not None
        spans.append(Span(record.id, commits(record.id), moves, goes_back))
        end = record.id
        if record.at < since and record.changes:
            break
    else:
        oldest = line.commits[-1] if line.commits else ""
        spans.append(Span(oldest, commits(oldest), {}))
    return spans[::-1]


class _Overlay(NamedTuple):
    """What entries of an overlay have in common: its time, their pins, and once known, what each check says of it.

    All overlays share what was reported of commits, and what a release goes back to.
    """

    spans: Sequence[Span]
    pins: Mapping[EntryKey, Pin]
    seen: list[tuple[Seen, Red | None]]
    line: Line
    results: dict[tuple[str, ...], required.Results]
    goals: dict[str, Goal | Problem]

    def see(self, wanted: CheckForm, captures: Mapping[str, str], reported: Mapping[str, CommitChecks]) -> None:
        """What a check says of it now, and where that turned red; while it is pending, nothing is to blame."""
        for commits in {span.commits for span in self.spans} - self.results.keys():
            self.results[commits] = required.by_name(reported[commit] for commit in commits)
        results = [self.results[span.commits] for span in self.spans]
        seen = [required.see("checks", wanted, captures, result) for result in results]
        total, most, unseen = len(self.line.commits), required.MOST_COMMITS, ""
        if not self.spans[0].commits and (total > most or not self.line.complete):
            unseen = f"{most} of {counted(total, 'commit')} looked at" if total > most else self.line.more
        red = culprit.find(self.spans, [its.state for its in seen], self.pins, unseen)
        told = [its for its in seen if (its.check is not None if red is None else its.state == "failure")]
        waits = seen[-1].state == "pending" and (seen[-1].check is not None or bool(results[-1].unseen))
        self.seen.append((seen[-1], None) if waits else ((told or seen)[-1], red))


async def _candidate(context: Context, entry: Managed, overlay: _Overlay) -> Candidate:
    """The entry as it was before its overlay turned red, if that may be by its pin."""
    wanted = context.environment.require_after
    commits = [commit for span in overlay.spans for commit in span.commits] if wanted else []
    try:
        reported = await ask_all({commit: ChecksQuestion(None, commit) for commit in commits})
    except BotError as failure:
        return Candidate(Failed(entry, failure.problem))
    for check in wanted[len(overlay.seen) :]:
        overlay.see(check, context.state.captures.get(entry.file, {}), reported)
    seen, reds = tuple(its for its, _ in overlay.seen), [red for _, red in overlay.seen if red is not None]

    def keep(text: str, *, is_over: bool) -> Candidate:
        # While one has not succeeded, what is proposed stays: a policy takes no rollback back.
        return Candidate(Kept(entry, Reason("nothing_new", text), "rollback" if is_over else "policy"), seen=seen)

    if not reds:
        return keep("none of its checks fails any more", is_over=all(its.state == "success" for its in seen))
    red = next((red for red in reds if entry.place in red.entries), reds[0])
    because = required.sentences([its for its, red in overlay.seen if red is not None])
    text, goals = f"{because}; seen red at {red.commit[:10]}", overlay.goals
    if (first := red.entries.get(entry.place)) is None:
        return keep(f"{text}, {'and not by this pin' if red.entries else red.told}", is_over=bool(red.entries))
    if first not in goals:
        goals[first] = await find_goal(context, None, {entry.place}, first)
    if isinstance(goal := goals[first], Problem):
        return keep(f"{text}, and there is {goal.message}", is_over=False)
    decision = restore(entry, goal, context, because)
    if isinstance(decision, Change):
        decision = replace(followers.add_to_reason(decision, red.told), seen=seen)
    return Candidate(decision, seen=seen)
