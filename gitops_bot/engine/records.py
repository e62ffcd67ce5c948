"""What is recorded of releases once they are on the base branch, where that is configured: their tags.

It comes after everything else, and what goes wrong with it fails nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine import carry_out
from gitops_bot.engine.content import content
from gitops_bot.engine.history import merges_of, recorded
from gitops_bot.engine.read import read, read_again
from gitops_bot.errors import ConfigError, EditError, GitError, LostRace, Problem
from gitops_bot.proposals.history import ReleaseMerge
from gitops_bot.proposals.pull_request import Merge
from gitops_bot.proposals.text.release import text
from gitops_bot.releases.history import tags as release_tags
from gitops_bot.releases.history.releases import all_releases, tag_numbers
from gitops_bot.releases.history.tags import NewTag, due

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.content import Content
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.releases import Release

#: How often others may be faster.
_TRIES = 10
#: Environments that a message names.
_NAMED = 5


def record(world: World, before: Snapshot) -> tuple[Problem, ...]:
    """Tag the releases of these environments that the base branch has now and that have no tag yet."""
    wanted = [environment for environment in before.environments if environment.release_tags]
    problems: list[tuple[str, Problem]] = []
    try:
        snapshot, tags = read_again(world, before), world.repository.tags()
        line = _line(world, snapshot, tags, wanted)
        every = all_releases(line, snapshot.owners, tags)
        left = []
        for environment in wanted:
            match due(every.get(environment.name, ()), tags, complete=line.complete):
                case Problem() as problem:
                    problems.append((environment.name, problem))
                case found if found:
                    left.append(environment)
        if left:
            problems += _tag(world, snapshot, tags, left)
    except (GitError, ConfigError) as error:
        problems.append(("", error.problem))
    return _alike(problems)


def _line(world: World, snapshot: Snapshot, tags: Mapping[str, str], wanted: Sequence[Environment]) -> Line:
    """The history down to a tag of each environment."""
    numbers = tag_numbers(tags)
    tagged = [set(numbers.get(environment.name, ())) for environment in wanted]

    def enough(line: Line) -> bool:
        commits = {step.commit for step in line.steps}
        return line.complete or not any(commits.isdisjoint(own) for own in tagged)

    return world.repository.line(snapshot.commit, snapshot.directories, enough, snapshot.targets)


def _tag(
    world: World, before: Snapshot, tags: Mapping[str, str], wanted: Sequence[Environment]
) -> list[tuple[str, Problem]]:
    """Tag what is left of these environments; all others are read too, since pins may come from there."""
    config, names = before.config, [environment.name for environment in wanted]
    everything = tuple(config.environments)
    snapshot = read(world, config, before.branch, before.repository, names, also=everything, commit=before.commit)
    line = world.repository.line(snapshot.commit, snapshot.directories, lambda line: line.complete, snapshot.targets)
    every = all_releases(line, snapshot.owners)
    problems = []
    for environment in wanted:
        for tries in range(1, _TRIES + 1):
            try:
                _tag_one(world, snapshot, line, every, tags, environment)
            except LostRace as lost:
                if tries == _TRIES:
                    problems.append((environment.name, lost.problem))
                tags = world.repository.tags()
            except GitError as error:
                problems.append((environment.name, error.problem))
                break
            else:
                break
    return problems


def _tag_one(
    world: World,
    snapshot: Snapshot,
    line: Line,
    every: Mapping[str, Sequence[Release]],
    tags: Mapping[str, str],
    environment: Environment,
) -> None:
    known = every.get(environment.name, ())
    untagged = due(known, tags, complete=line.complete)
    if isinstance(untagged, Problem):
        raise GitError(untagged)
    if not untagged:
        return
    numbered = {release.commit: release for release in untagged}
    every = {**every, environment.name: [numbered.get(release.commit, release) for release in known]}
    records = recorded(environment, every, line)
    chosen = [records[at] for at, release in enumerate(known) if release.commit in numbered]
    merges, _ = merges_of(world, snapshot, chosen)
    told = (
        ReleaseMerge(record, merges.get(record.id, Merge(None)), _content(world, snapshot, environment, record.id))
        for record in chosen
    )
    new = [NewTag(release_tags.name(one.record.release), one.record.id, text(one)) for one in told]
    carry_out.record(world, new[::-1])


def _content(world: World, snapshot: Snapshot, environment: Environment, commit: str) -> Content | None:
    try:
        return content(world, snapshot, environment, commit)
    except (ConfigError, EditError):
        return None


def _alike(problems: Sequence[tuple[str, Problem]]) -> tuple[Problem, ...]:
    """One problem for all environments that have it, as the next step tells."""
    alike: dict[tuple[str, str], tuple[Problem, list[str]]] = {}
    for name, problem in problems:
        alike.setdefault((problem.code, problem.next), (problem, []))[1].append(name)
    return tuple(
        replace(problem, message=f"releases are not tagged{_of(names)}: {problem.message}")
        for problem, names in alike.values()
    )


def _of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})" if any(names) else ""
