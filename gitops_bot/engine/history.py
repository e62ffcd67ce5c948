"""The releases of one environment, from Git, and from the forge where there is a token. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from gitops_bot.engine.content import content
from gitops_bot.errors import BotError, ConfigError, EditError, ForgeError, Problem
from gitops_bot.proposals import trailers
from gitops_bot.proposals.history import History
from gitops_bot.releases.history.record import Announced, net, records
from gitops_bot.releases.history.releases import find, releases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.proposals.pull_request import Merge
    from gitops_bot.releases.history.content import Content
    from gitops_bot.releases.history.line import Step
    from gitops_bot.releases.history.record import Record
    from gitops_bot.releases.history.releases import Release


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which releases are asked for: the newest `limit`, those `since` a moment, those that changed an `image`.

    `show` is one release alone, with its diff and its content; `between` are two, of which the one behind the other is
    left out. A release is named by its number, its commit or a tag. `verify`: the content of all of them.
    """

    limit: int | None = None
    since: datetime | None = None
    image: str | None = None
    show: str | None = None
    between: tuple[str, str] | None = None
    verify: bool = False


def history(world: World, snapshot: Snapshot, wanted: Wanted) -> History:
    """The releases of the only environment of the snapshot.

    Raises:
        GitError: the history cannot be read, or has no such release.
    """
    (environment,) = snapshot.environments
    line = world.repository.line(snapshot.commit, snapshot.directories, lambda line: line.complete, snapshot.targets)
    tags = world.repository.tags()
    known = releases(environment.name, line, snapshot.owners, tags)
    first = environment.promotion.source if environment.promotion is not None else None
    others = sorted(snapshot.config.environments, key=lambda name: name != first)
    sources = [releases(name, line, snapshot.owners, tags) for name in others if name != environment.name]
    every = records(known, line, announced(environment.name), sources)
    between = None
    if wanted.show is not None:
        at = known.index(_named(known, wanted.show, tags))
        every = islice(every, at, at + 1)
    elif wanted.between is not None:
        newer, older = sorted(known.index(_named(known, name, tags)) for name in wanted.between)
        after = list(islice(every, newer, older))
        every, between = iter(after), net(known[older], known[newer], after)
    shown = tuple(_chosen(every, snapshot, wanted))
    merges, problems = _merges(world, snapshot, shown)
    contents: dict[str, Content] = {}
    for record in shown if wanted.verify or wanted.show is not None else ():
        try:
            contents[record.id] = content(world, snapshot, environment, record.id)
        except (ConfigError, EditError) as error:
            problems += [_unknown(record.release, problem) for problem in error.problems]
    return History(
        repository=snapshot.repository,
        branch=snapshot.branch,
        commit=snapshot.commit,
        environment=environment.name,
        bounded=not line.complete,
        records=shown,
        merges=merges,
        problems=(*snapshot.selection.problems, *problems),
        files=_files(world, shown[0].release) if wanted.show is not None else None,
        between=between,
        contents=contents,
    )


def _unknown(release: Release, problem: Problem) -> Problem:
    return replace(problem, message=f"the content of {release} is not known: {problem.message}")


def _chosen(every: Iterator[Record], snapshot: Snapshot, wanted: Wanted) -> Iterator[Record]:
    recent = takewhile(lambda record: wanted.since is None or record.at >= wanted.since, every)
    meant = (record for record in recent if wanted.image is None or _is_about(record, wanted.image, snapshot))
    return islice(meant, wanted.limit)


def _is_about(record: Record, image: str, snapshot: Snapshot) -> bool:
    """Whether it changed an entry of that name, or one that has that repository now."""
    (environment,) = snapshot.environments
    names = {image, *(entry.name for entry in snapshot.matching(environment.name, image))}
    return any(change.name in names for change in record.changes)


def _named(known: Sequence[Release], name: str, tags: Mapping[str, str]) -> Release:
    release = find(known, name, tags)
    if isinstance(release, Problem):
        raise BotError(release)
    return release


def announced(environment: str) -> Callable[[Step], Announced | None]:
    """Reads what the bot's trailers say of a commit about an environment."""

    def read(step: Step) -> Announced | None:
        for message in (step.message, *step.merged):
            plan = trailers.parse(message)
            if plan is not None and plan.environment == environment:
                return Announced(plan.source, plan.changes)
        return None

    return read


def _files(world: World, release: Release) -> Mapping[str, tuple[bytes, bytes]]:
    """What a release made of each of its files, before and after; one that came or went is empty on the other side."""
    after = world.repository.read(release.commit, release.paths)
    before = world.repository.read(release.step.parents[0], release.paths) if release.step.parents else {}
    return {path: (before.get(path, b""), after.get(path, b"")) for path in release.paths}


def _merges(world: World, snapshot: Snapshot, shown: Sequence[Record]) -> tuple[Mapping[str, Merge], list[Problem]]:
    if world.forge is None or not shown:
        return {}, []
    try:
        return world.forge.merges(snapshot.branch, [record.id for record in shown]), []
    except ForgeError as error:
        message = f"who merged these releases is not known: {error.problem.message}"
        return {}, [replace(error.problem, message=message)]
