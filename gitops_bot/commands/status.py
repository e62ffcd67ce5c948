"""What runs where, by Git: pins, their age, how far they are behind their source, proposals and holds; and releases."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import takewhile
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, assert_never

from gitops_bot.engine.describe import MOST, ImageStep, builds, step_of
from gitops_bot.engine.drive import answer
from gitops_bot.engine.facts import RELEASE_TAGS, Facts, ask_all
from gitops_bot.engine.read import read
from gitops_bot.engine.records import announcement_reader, merges_of
from gitops_bot.engine.request import Request
from gitops_bot.engine.update import update
from gitops_bot.errors import BotError, ForgeError, bugs_as
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import naming, people
from gitops_bot.proposals.branch import owner_of
from gitops_bot.proposals.branches import BotBranch
from gitops_bot.proposals.reconcile import Leave
from gitops_bot.releases.choice import hold, promotion, stepped_back
from gitops_bot.releases.decisions import Change, Failed, Held, Kept, has_failed
from gitops_bot.releases.history import trail
from gitops_bot.releases.history.delivery import delivery, first_arrivals, journeys
from gitops_bot.releases.history.record import Records
from gitops_bot.releases.history.releases import all_releases
from gitops_bot.results.result import Head, Result
from gitops_bot.results.status import LONG_AGO, EntryStatus, EnvironmentStatus, Overview, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Asked
    from gitops_bot.engine.read import Scope, Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.images.reason import Code
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.decisions import Decision, EntryKey, Managed, PinChange
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.history.record import Record
    from gitops_bot.releases.history.releases import Release
    from gitops_bot.results.outcome import Outcome
    from gitops_bot.results.status import State

    Proposed = Mapping[EntryKey, tuple[PullRequest, PinChange]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the repository, with what is known beside it; no `line` where its history was not read.

    `outcome` is what the last cycle decided, or Git and pull requests tell. `releases` are those of every environment
    that has some. `decisions` has one for each entry: held, rather than changed. `left_alone` says by number why pull
    requests are left alone; `proposed` are the open ones, with their pins, by the entries that they change.
    """

    snapshot: Snapshot
    outcome: Outcome
    line: Line | None
    releases: Mapping[str, Sequence[Release]]
    decisions: Mapping[EntryKey, Decision]
    left_alone: Mapping[int, Reason]
    proposed: Proposed


def _reading(
    snapshot: Snapshot, outcome: Outcome, line: Line | None, tags: Mapping[str, str] | None, proposed: Proposed
) -> Reading:
    """The reading by the tags of the repository; where they were not read, what they number has no number."""
    releases = all_releases(line, snapshot.layout.owners, tags) if line is not None else {}
    if tags is None:
        tagged = {name for name, each in snapshot.config.environments.items() if each.release_tags}
        releases = {
            name: tuple(replace(release, number=None) for release in own) if name in tagged else own
            for name, own in releases.items()
        }
    changes = [change for _, proposal in outcome.proposals for change in proposal.changes]
    decided = [*changes, *(item for environment in outcome.environments for item in environment.decisions)]
    decisions = {item.entry.key: item for item in decided if item.entry is not None}
    left = [proposal for _, proposal in outcome.proposals if proposal.action.name == "leave"]
    reasons = {item.pull_request.number: item.action.reason for item in left if item.pull_request is not None}
    return Reading(snapshot, outcome, line, releases, decisions, reasons, proposed)


def status(world: World, scope: Scope, *, only_waiting: bool = False) -> Result[Status]:
    """What these environments pin, and what each entry waits for, or only what does wait. Raises what `read` raises."""
    snapshot = read(world, scope, also=scope.config.environments)
    facts = Facts(snapshot)
    result = status_of(read_history(world, facts), only_waiting=only_waiting)
    return replace(result, body=with_commits(world, facts, result.body))


def read_history(world: World, facts: Facts) -> Reading:
    """Read the history that tells when pins came and what is decided, and open pull requests; raises a GitError."""
    snapshot = facts.snapshot
    entries = [entry for environment in snapshot.environments for entry in snapshot.states[environment.name].entries]

    def enough(line: Line) -> bool:
        return all(entry.pin == Pin() or trail.arrival(line, entry, entry.pin) is not None for entry in entries)

    questions: Mapping[str, Asked[Any]] = {"line": facts.line(enough), "tags": RELEASE_TAGS}
    known = answer(world, facts, ask_all(questions))
    outcome = update(world, snapshot, Request(dry_run=True, offline=True), facts).body
    return _reading(snapshot, outcome, facts.known_line, known["tags"], _read_proposals(world, facts))


def status_of(reading: Reading, *, only_waiting: bool = False) -> Result[Status]:
    """The environments that were asked for; nothing is read for this any more."""
    snapshot = reading.snapshot
    outcomes = reading.outcome.environments
    failed = dict.fromkeys(item.problem for own in outcomes for item in own.failed if item.entry is None)
    problems = [*snapshot.layout.selection.problems, *failed]
    environments = []
    for environment in snapshot.environments:
        name, source = environment.name, environment.promotion.source if environment.promotion is not None else None
        newest = next(iter(reading.releases.get(name, ())), None)
        entries = []
        for entry in snapshot.states[name].entries:
            try:
                with bugs_as(BotError, f"{name}: {entry.name}"):
                    entries.append(_entry(reading, environment, entry))
            except BotError as error:
                problems.append(replace(error.problem, file=entry.file, line=entry.line, column=entry.column))
                why = Reason(error.problem.code, error.problem.message)
                entries.append(EntryStatus(entry, entry.image, state="failed", reason=why, next=error.problem.next))
        opened = {(item.state != "review", item.proposal.number): item.proposal for item in entries if item.proposal}
        after = opened[min(opened)] if opened else None  # the oldest, but rather one that may be merged
        entries = [replace(entry, after=after) if entry.state == "limit" else entry for entry in entries]
        frozen = hold.freezes(snapshot.config.holds, name, snapshot.at)
        unstopped = _unstopped(reading, environment)
        environments.append(EnvironmentStatus(name, source, newest, tuple(entries), only_waiting, frozen, unstopped))
    head = Head(snapshot.repository, snapshot.branch, snapshot.commit, tuple(problems))
    return Result(head, Status(snapshot.at, tuple(environments), snapshot.sees_pull_requests))


def _unstopped(reading: Reading, environment: Environment) -> tuple[Reason, ...]:
    """Of each open pull request that people can merge although it is frozen, what stops it; not where the bot does."""
    snapshot, found = reading.snapshot, dict[int, Reason]()
    actions = [proposal.action for _, proposal in reading.outcome.proposals]
    pausing = [action.pull_request for action in actions if isinstance(action, Leave) and action.pauses]
    for entry in snapshot.states[environment.name].entries:
        pull, pin = reading.proposed.get(entry.key, (None, None))
        if pull is None or pin is None or naming.kind_of_branch(pull.branch) != "update" or pull in pausing:
            continue
        freeze = hold.freeze(snapshot.config.holds, entry, snapshot.at)
        if freeze is not None and entry.pin != pin.after and not (pull.draft or pull.retargeted):
            found[pull.number] = people.why_mergeable(pull, hold.end_text(freeze.until))
    return tuple(found.values())


def _read_proposals(world: World, facts: Facts) -> Proposed:
    """What open pull requests propose, whoever has a commit on their branches; they were read for the decisions."""
    proposed: dict[EntryKey, tuple[PullRequest, PinChange]] = {}
    names = [name for own in facts.snapshot.environments for name in facts.snapshot.own_branches_of(own.name)]
    with suppress(ForgeError):  # that is among the failures of the environments
        pulls, branches = answer(world, facts, facts.pull_requests(names)), answer(world, facts, facts.branches(names))
        for name in names:
            opened, branch = BotBranch(name, pulls=pulls[name]).opened, branches[name]
            if opened is not None and branch is not None:
                proposed |= {pin.key: (opened, pin) for pin in owner_of(branch).carried}
    return proposed


def _entry(reading: Reading, environment: Environment, entry: Managed) -> EntryStatus:
    arrived = _arrival(reading, entry)
    states = reading.snapshot.states
    sources = states[environment.name].partners.get(entry.key, ())
    first, wave = entry, 1
    while own := states[first.environment or ""].partners.get(first.key):
        first, wave = own[0], wave + 1
    since = arrived.at if arrived is not None else None
    status = _waiting(reading, EntryStatus(entry, first.image, since, wave=wave), arrived)
    if entry.refusal is not None or entry.rules.ignore or not sources:
        return status
    source = promotion.common_run(
        entry, [trail.Run(partner, partner.pin, _arrival(reading, partner)) for partner in sources]
    )
    if isinstance(source, Held):
        return status
    decision = reading.decisions.get(entry.key)
    ahead = isinstance(decision, Held) and _steps_back(decision)
    status = replace(status, source_pin=source.pin, source_image=source.entry.image, ahead=ahead)
    if environment.match_by == "revision" and not promotion.is_same(entry.pin, source.pin):
        return status  # another build of the same revision has other bytes, and only the registry tells
    if promotion.is_current(entry, source.pin, release_tag=environment.release_tag):
        return replace(status, behind_releases=0, behind_commits=0)
    behind, left_at = _behind(reading, source.entry, entry.pin)
    began = [step.at for step in (left_at or source.arrived, arrived) if step is not None]
    return replace(status, drifts_since=max(began, default=LONG_AGO), behind_releases=behind)


#: What an entry waits for that is held, by the code of the reason that lasts longest; the others are `held`.
_WAITS: Final[Mapping[Code, State]] = {
    "held.soak": "soak",
    "held.age": "soak",
    "held.check": "checks",
    "held.source_check": "checks",
    "held.deployment": "checks",
    "held.window": "window",
    "held.limit": "limit",
}
#: Reasons for which a pull request is left alone as it is.
_LEFT_ALONE: Final[tuple[Code, ...]] = ("person", "held.label", "held.frozen")


def _waiting(reading: Reading, status: EntryStatus, arrived: Step | None) -> EntryStatus:
    """What an entry waits for, with what it would move to, by what was decided and what is proposed."""
    entry, decision = status.entry, reading.decisions.get(status.entry.key)
    proposal, pin = reading.proposed.get(entry.key, (None, None))
    proposed = pin.after if pin is not None else None
    seen = decision.seen if isinstance(decision, Change | Held) else ()
    seen = tuple(sorted(seen, key=lambda its: its.state != "failure"))
    back = _is_rollback(entry, pin) if pin is not None else _steps_back(decision)
    status = replace(status, proposal=proposal, candidate=proposed, seen=seen, goes_back=back)
    match decision:
        case Failed(problem=problem):
            return replace(status, state="failed", reason=Reason(problem.code, problem.message), next=problem.next)
        case Kept(reason=reason) if reason.code == "unmanaged" and proposal is None:
            return replace(status, state="untracked", reason=reason)
        case Held():
            return _held(status, decision)
        case Change(after=after, reason=reason) if has_failed(seen):  # of what is pinned now
            return replace(status, state="check_failed", candidate=proposed or after, reason=reason)
        case _ if proposal is not None:
            left = reading.left_alone.get(proposal.number)
            by_label = left is not None and left.code == "held.label"
            return replace(status, state="held" if by_label else "review", reason=left)
        case Change(after=after, reason=reason):
            return replace(status, state="next", candidate=after, reason=reason)
        case Kept(reason=reason):
            return replace(status, reason=reason)
        case None:
            left = _reason_it_left(reading, entry, arrived)
            return replace(status, state="held", reason=left) if left is not None else status
        case _:
            assert_never(decision)


def _held(status: EntryStatus, decision: Held) -> EntryStatus:
    """What an entry waits for that is held; `status` has its open pull request, and what that proposes."""
    proposed, candidate, reason = status.candidate, decision.candidate, decision.reason
    if decision.only_frozen and status.proposal is None:
        return replace(status, reason=reason)
    # An open pull request goes on with its pin while something newer waits, unless it is on hold itself.
    goes_on = status.proposal is not None and all(each.code != "held.hold" for each in decision.reasons)
    if goes_on and (reason.code in _LEFT_ALONE or candidate not in (None, proposed)):
        return replace(status, state="review", reason=reason)
    waits = "check_failed" if has_failed(status.seen) else _WAITS.get(reason.code, "held")
    if waits == "checks" and {its.state for its in status.seen} not in ({"pending"}, {"pending", "success"}):
        waits = "held"  # nobody can say
    return replace(status, state=waits, candidate=candidate or proposed, reason=reason)


def _steps_back(decision: Decision | None) -> bool:
    """Whether what is pinned is newer than what would be pinned."""
    match decision:
        case Change():
            return decision.goes_back
        case Held(reasons=reasons):
            return any(reason.code in ("held.downgrade", "held.older_build") for reason in reasons)
    return False


def _is_rollback(entry: Managed, pin: PinChange) -> bool:
    """Whether an open pull request goes back; a rollback of a rollback goes forward."""
    return pin.source == "rollback" and (stepped_back.order(entry.rules, pin.after, pin.before) or 0) <= 0


def _arrival(reading: Reading, entry: Managed) -> Step | None:
    return trail.arrival(reading.line, entry, entry.pin) if reading.line is not None and entry.pin != Pin() else None


def _behind(reading: Reading, source: Managed, pin: Pin) -> tuple[int | None, Step | None]:
    """How many pins the source has had since it had this one, and the commit that took it away there."""
    for run in trail.runs(reading.line, source) if reading.line is not None else ():
        if promotion.is_same(run.pin, pin):
            return run.ahead, run.left
    return None, None


def _reason_it_left(reading: Reading, entry: Managed, arrived: Step | None) -> Reason | None:
    """Why the pin before the present one is not proposed again: the environment left it by going back."""
    if reading.line is None or arrived is None or entry.policy is None:
        return None
    seen = (arrived.before(entry.file) or {}).get(entry.name)
    if seen is None or seen.pin is None or seen.pin == Pin():
        return None
    if (stepped_back.order(entry.rules, entry.pin, seen.pin) or 0) > 0:
        return None
    reason = stepped_back.stepped_back(reading.line, entry, seen.pin)
    return reason if reason is not None and reason.code == "held.reverted" else None


def with_commits(world: World, facts: Facts, status: Status) -> Status:
    """With the commits between what entries and their sources pin, as far as images and forge know them.

    Only entries that differ are asked about, each pair of images once, and only the first few of them.
    """
    if world.forge is None:
        return status
    entries = [entry for environment in status.environments for entry in environment.entries]
    differing = dict.fromkeys(image for entry in entries if (image := _from_pin_to_source(entry)) is not None)
    asked = list(differing)[:MOST]
    steps: dict[ImageStep, tuple[str, str, str]] = {}
    known: dict[ImageStep, int] = {}
    for image, (before, after) in zip(asked, builds(world, facts, asked), strict=True):
        if (step := step_of(before, after)) is not None:
            steps[image] = step
        elif before is not None and after is not None and before.revision is not None:
            known |= {image: 0} if before.revision == after.revision else {}
    counts = answer(world, facts, ask_all({step: facts.commits_ahead(*step) for step in dict.fromkeys(steps.values())}))
    known |= {image: count for image, step in steps.items() if (count := counts[step]) is not None}

    def with_count(entry: EntryStatus) -> EntryStatus:
        image = _from_pin_to_source(entry)
        return replace(entry, behind_commits=known.get(image)) if image is not None else entry

    environments = (
        replace(environment, entries=tuple(map(with_count, environment.entries))) for environment in status.environments
    )
    return replace(status, environments=tuple(environments))


def _from_pin_to_source(entry: EntryStatus) -> ImageStep | None:
    """From what an entry pins to what its source pins; None where that is the same, or not known."""
    if entry.behind_commits is not None or entry.source_pin is None or entry.source_image is None:
        return None
    older, newer = entry.pin.digest, entry.source_pin.digest
    if older is None or newer is None:
        return None
    return ImageStep(entry.entry.image, older, entry.source_image, newer)


#: Days that the figures are about, and days that tell where an image of these came from.
DAYS: Final = 30
_READ: Final = timedelta(days=3 * DAYS)
#: Releases of one environment that are read, and releases that are listed.
_MOST: Final = 100
_LISTED: Final = 20


def overview(world: World, scope: Scope) -> Result[Overview]:
    """What `status` says, with the last releases and how they were delivered. Raises what `read` raises."""
    snapshot = read(world, scope, also=scope.config.environments)
    facts = Facts(snapshot)
    result = _overview_of(read_history(world, facts), scope.home, partial(_ask_builds, world, facts, snapshot))
    now = with_commits(world, facts, result.body.status)
    # Of the releases that are listed, in one request; without them where that fails.
    merges, problems = merges_of(world, snapshot, result.body.releases)
    head = replace(result.head, problems=(*result.head.problems, *problems))
    return Result(head, replace(result.body, status=now, merges=merges))


def _overview_of(
    reading: Reading, home: str | None, built: Callable[[Sequence[Record]], Mapping[str, datetime]]
) -> Result[Overview]:
    """What a reading comes to; `built` tells when the images of releases were built, by their digests."""
    now = status_of(reading)
    line, snapshot = reading.line, reading.snapshot
    if line is None:
        return Result(now.head, Overview(now.body, home=home))
    recent = {}
    for environment in snapshot.environments:
        known = reading.releases.get(environment.name, ())
        # Told by their times alone: what a release changed may take its whole history to say.
        newest = sum(1 for _ in takewhile(lambda release: release.at >= snapshot.at - _READ, known[:_MOST]))
        records = Records(known, line, announcement_reader(environment.name))
        recent[environment.name] = tuple(records[at] for at in range(newest))
    every = sorted((record for own in recent.values() for record in own), key=attrgetter("at"), reverse=True)
    ways = journeys(recent)
    first, since = first_arrivals(ways), snapshot.at - timedelta(days=DAYS)
    recently = [record for record in every if record.at >= since]
    times = built(recently)
    shown = Overview(
        status=now.body,
        history=True,
        releases=tuple(every[:_LISTED]),
        per_day=Counter(record.at.date() for record in recently),
        deliveries=tuple(delivery(name, own, first, since, DAYS, times) for name, own in recent.items()),
        journeys=ways,
        home=home,
    )
    return Result(now.head, shown)


def overview_of_cycle(
    snapshot: Snapshot, facts: Facts, outcome: Outcome, home: str | None, tags: Mapping[str, str] | None = None
) -> Result[Overview]:
    """What one run of `update` saw, without a request more; `tags` are those of an earlier run, where it read none."""
    proposed = {
        change.entry.key: (proposal.pull_request, change.pin_change)
        for _, proposal in outcome.proposals
        if proposal.pull_request is not None and proposal.pull_request.state == "open"
        for change in proposal.changes
    }
    known = facts.known_release_tags
    reading = _reading(snapshot, outcome, facts.known_line, known if known is not None else tags, proposed)
    return _overview_of(reading, home, lambda _: facts.built)


def _ask_builds(world: World, facts: Facts, snapshot: Snapshot, records: Sequence[Record]) -> Mapping[str, datetime]:
    """When the images that these releases brought were built: of the newest few, by digest. It is never an error."""
    if world.forge is None:
        return {}
    asked: dict[str, ImageStep] = {}
    for change in (change for record in records for change in record.changes):
        if change.after is not None and change.after.digest is not None:
            image = snapshot.image(change.key)
            asked.setdefault(change.after.digest, ImageStep(image, change.after.digest, image, None))
    builds(world, facts, list(asked.values())[:MOST])
    return facts.built
