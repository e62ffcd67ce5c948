"""What the page shows, from a reading of the repository and its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import takewhile
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from gitops_bot.commands.status import Reading, read_history, status_of, with_commits
from gitops_bot.engine.ask import Facts
from gitops_bot.engine.describe import MOST, ImageStep, builds
from gitops_bot.engine.read import read
from gitops_bot.engine.records import announcement_reader, merges_of
from gitops_bot.releases.history.delivery import delivery, first_arrivals, journeys, per_day
from gitops_bot.releases.history.record import Records
from gitops_bot.results.result import Result
from gitops_bot.results.status import Overview

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Scope, Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.outcome import Outcome

#: Days that the figures are about, and days that tell where an image of these came from.
DAYS: Final = 30
_READ: Final = timedelta(days=3 * DAYS)
#: Releases of one environment that are read, and releases that are listed.
_MOST: Final = 100
_LISTED: Final = 20


def overview(world: World, scope: Scope) -> Result[Overview]:
    """What `status` says, with the last releases and how they were delivered.

    Raises what `read` raises.
    """
    snapshot = read(world, scope, also=scope.config.environments)
    facts = Facts(world, snapshot)
    result = _overview_of(read_history(world, snapshot), scope.home, partial(_ask_builds, world, facts, snapshot))
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
        newest = list(takewhile(lambda release: release.at >= snapshot.at - _READ, known[:_MOST]))
        records = Records(known, line, announcement_reader(environment.name))
        recent[environment.name] = tuple(records[: len(newest)])
    every = sorted((record for own in recent.values() for record in own), key=attrgetter("at"), reverse=True)
    ways = journeys(recent)
    first, since = first_arrivals(ways), snapshot.at - timedelta(days=DAYS)
    times = built([record for record in every if record.at >= since])
    shown = Overview(
        status=now.body,
        history=True,
        releases=tuple(every[:_LISTED]),
        per_day=per_day(every, since),
        deliveries=tuple(delivery(name, own, first, since, DAYS, times) for name, own in recent.items()),
        journeys=ways,
        home=home,
    )
    return Result(now.head, shown)


def of_cycle(
    snapshot: Snapshot, facts: Facts, outcome: Outcome, home: str | None, tags: Mapping[str, str] | None = None
) -> Result[Overview]:
    """What one run of `update` saw, without a request more: its history is what the run needed.

    `tags` are those that an earlier run has read, where this one has not.
    """
    proposed = {
        change.entry.key: proposal.pull_request
        for _, proposal in outcome.proposals
        if proposal.pull_request is not None and proposal.pull_request.state == "open"
        for change in proposal.changes
    }
    known = facts.known_release_tags
    reading = Reading(snapshot, facts.known_line, known if known is not None else tags, proposed)
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
    builds(facts, list(asked.values())[:MOST])
    return facts.built
