"""What is recorded of releases once they are on the base branch, where that is configured: tags, and deployments.

It comes after everything else, and what goes wrong with it fails nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import carry_out
from gitops_bot.engine.content import content
from gitops_bot.engine.deployments import deploy
from gitops_bot.engine.race import Race
from gitops_bot.engine.read import read, read_again
from gitops_bot.errors import ConfigError, EditError, ForgeError, GitError, LostRace, Problem
from gitops_bot.images.reason import shortlist
from gitops_bot.proposals import trailers
from gitops_bot.proposals.pull_request import Merge
from gitops_bot.releases.history import tags as release_tags
from gitops_bot.releases.history.record import Announced, Records
from gitops_bot.releases.history.releases import all_releases, tag_numbers
from gitops_bot.releases.history.tags import NewTag, due
from gitops_bot.results.history import ReleaseMerge, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.content import Content
    from gitops_bot.releases.history.line import Line, Step
    from gitops_bot.releases.history.record import Record
    from gitops_bot.releases.history.releases import Release

#: Environments and tags that a message names.
_NAMED = 5


def record(world: World, before: Snapshot, facts: Facts) -> tuple[Problem, ...]:
    """Record the releases of these environments that the base branch has now and that are not recorded yet.

    `facts` get what is read for it, and the tags that are created.
    """
    tagged = [environment for environment in before.environments if environment.release_tags]
    deployed = [environment for environment in before.environments if environment.deployments]
    try:
        snapshot = read_again(world, before)
        tags = world.repository.tags() if tagged else {}
        line = _line(world, snapshot, tags, tagged)
        every = all_releases(line, snapshot.owners, tags)
    except (GitError, ConfigError) as error:
        return _alike("recorded", [("", error.problem)])
    if facts.known_line(snapshot.commit) is None:
        facts.learn_line(snapshot.commit, line, ended=line.complete)
    if tagged:
        facts.learn_release_tags(tags)
    return (
        *_alike("tagged", _tag_all(world, facts, snapshot, line, every, tagged)),
        *_alike("recorded", deploy(world, snapshot, every, deployed) if deployed else ()),
    )


def _line(world: World, snapshot: Snapshot, tags: Mapping[str, str], tagged: Sequence[Environment]) -> Line:
    """The history down to a tag of each environment; what the forge has is looked for in the first part alone."""
    numbers = tag_numbers(tags)
    needed = [set(numbers.get(environment.name, ())) for environment in tagged]

    def enough(line: Line) -> bool:
        commits = {step.commit for step in line.steps}
        return line.complete or not any(commits.isdisjoint(own) for own in needed)

    return world.repository.line(snapshot.commit, snapshot.directories, enough, snapshot.targets)


def _tag_all(
    world: World,
    facts: Facts,
    before: Snapshot,
    line: Line,
    every: Mapping[str, Sequence[Release]],
    wanted: Sequence[Environment],
) -> Iterator[tuple[str, Problem]]:
    """Tag the releases of these environments that have no tag yet; what went wrong, by environment."""
    tags, untagged = facts.known_release_tags() or {}, {}
    for environment in wanted:
        match due(every.get(environment.name, ()), tags, complete=line.complete):
            case Problem() as problem:
                yield environment.name, problem
            case releases if releases:
                untagged[environment.name] = environment
    if not untagged:
        return
    config, everything = before.config, tuple(before.config.environments)
    try:  # all other environments are read too, since pins may come from there
        snapshot = read(
            world, config, before.branch, before.repository, [*untagged], also=everything, commit=before.commit
        )
        line = world.repository.line(
            snapshot.commit, snapshot.directories, lambda line: line.complete, snapshot.targets
        )
    except (GitError, ConfigError) as error:
        yield "", error.problem
        return
    every = all_releases(line, snapshot.owners)
    for name, environment in untagged.items():
        try:
            tags = _tag(world, snapshot, line, every, tags, environment)
            facts.learn_release_tags(tags)
        except GitError as error:
            yield name, error.problem


def _tag(
    world: World,
    snapshot: Snapshot,
    line: Line,
    every: Mapping[str, Sequence[Release]],
    tags: Mapping[str, str],
    environment: Environment,
) -> Mapping[str, str]:
    """Tag the releases of one environment, again until nobody else is faster; gives all tags as they are then.

    Raises:
        GitError: the remote refused, or their numbers are not known.
    """
    known, race = every.get(environment.name, ()), Race(world.clock)
    while True:
        untagged = due(known, tags, complete=line.complete)
        if isinstance(untagged, Problem):
            raise GitError(untagged)
        if not untagged:
            return tags
        new = _new_tags(world, snapshot, line, every, environment, untagged)
        try:
            carry_out.record(world, new)
        except LostRace as lost:
            race.wait(lost)
            tags = world.repository.tags()
        else:
            if taken := release_tags.left_out(known, untagged, tags):
                world.warn(_ignored(environment.name, snapshot.branch, taken))
            return {**tags, **{tag.name: tag.commit for tag in new}}


def _new_tags(
    world: World,
    snapshot: Snapshot,
    line: Line,
    every: Mapping[str, Sequence[Release]],
    environment: Environment,
    untagged: Sequence[Release],
) -> list[NewTag]:
    """The tags of these numbered releases, the oldest first, each with what `history` prints of it."""
    known = every.get(environment.name, ())
    numbered = {release.commit: release for release in untagged}
    every = {**every, environment.name: [numbered.get(release.commit, release) for release in known]}
    records = recorded(environment, every, line)
    chosen = [records[at] for at, release in enumerate(known) if release.commit in numbered]
    merges, _ = merges_of(world, snapshot, chosen)
    merged = (
        ReleaseMerge(record, merges.get(record.id, Merge(None)), _content(world, snapshot, environment, record.id))
        for record in chosen
    )
    new = [NewTag(release_tags.name(release.record.release), release.record.id, text(release)) for release in merged]
    return new[::-1]


def _ignored(name: str, branch: str, tags: Sequence[str]) -> Problem:
    what = f"these tags number no release of {name} on {branch}"
    message = f"{what}, so new releases have the numbers behind theirs: {shortlist(tags, _NAMED)}"
    advice = f"The branch was rewritten, or people pushed them. See `gitops-bot history {name} --verify`."
    return Problem("failed.git", message, advice)


def _content(world: World, snapshot: Snapshot, environment: Environment, commit: str) -> Content | None:
    try:
        return content(world, snapshot, environment, commit)
    except (ConfigError, EditError):
        return None


def _alike(what: str, problems: Iterable[tuple[str, Problem]]) -> tuple[Problem, ...]:
    """One problem for all environments that have it, as the next step tells."""
    alike: dict[tuple[str, str], tuple[Problem, list[str]]] = {}
    for name, problem in problems:
        alike.setdefault((problem.code, problem.next), (problem, []))[1].append(name)
    return tuple(
        replace(problem, message=f"releases are not {what}{_of(names)}: {problem.message}")
        for problem, names in alike.values()
    )


def _of(names: Sequence[str]) -> str:
    return f" ({shortlist(names, _NAMED)})" if any(names) else ""


def recorded(environment: Environment, every: Mapping[str, Sequence[Release]], line: Line) -> Records:
    """What each release of an environment was, given those of every environment."""
    first = environment.promotion.source if environment.promotion is not None else None
    others = sorted(every.keys() - {environment.name}, key=lambda name: (name != first, name))
    known = every.get(environment.name, ())
    return Records(known, line, announced(environment.name), [every[name] for name in others])


def announced(environment: str) -> Callable[[Step], Announced | None]:
    """Reads what the bot's trailers say of a commit about an environment."""

    def read(step: Step) -> Announced | None:
        messages = (*reversed(step.merged), step.message)
        plans = [plan for text in messages for plan in trailers.several(text) if plan.environment == environment]
        return Announced(plans[-1].source, trailers.fold(plans)) if plans else None

    return read


def merges_of(world: World, snapshot: Snapshot, shown: Sequence[Record]) -> tuple[Mapping[str, Merge], list[Problem]]:
    """The pull requests that brought these releases, as far as the forge tells."""
    if world.forge is None or not shown:
        return {}, []
    try:
        return world.forge.merges(snapshot.branch, [record.id for record in shown]), []
    except ForgeError as error:
        message = f"who merged these releases is not known: {error.problem.message}"
        return {}, [replace(error.problem, message=message)]
