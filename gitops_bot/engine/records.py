"""Tags and deployments of the releases on the base branch, if configured. What goes wrong here fails nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.read import Scope, Snapshot, read, read_again, read_line, select
from gitops_bot.engine.world import Race, World
from gitops_bot.errors import ConfigError, EditError, ForgeError, GitError, LostRace, Problem, bugs_as
from gitops_bot.images.reason import shortlist
from gitops_bot.proposals import trailers
from gitops_bot.proposals.pull_request import Deployment, Merge, ReleasedImage
from gitops_bot.releases.history import releases as history
from gitops_bot.releases.history.changes import change_at
from gitops_bot.releases.history.record import Announced, Record, Records
from gitops_bot.releases.history.releases import Content, NewTag, Release
from gitops_bot.results.history import ReleaseMerge, text
from gitops_bot.targets import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.releases.history.line import Line, Step

    #: The releases of environments by their names, the newest first.
    Releases = Mapping[str, Sequence[Release]]

#: Environments and tags that a message names.
_NAMED = 5
#: Releases of an environment that are recorded where none is: those before are past. And how many at once.
_FIRST, _MOST = 1, 10
#: Artifacts of one release.
_ARTIFACTS = 100


def record(world: World, facts: Facts) -> tuple[Problem, ...]:
    """Record the releases that are not recorded yet; `facts` get what is read for it, and the tags that are created."""
    before = facts.snapshot
    tagged = [environment for environment in before.environments if environment.release_tags]
    deployed = [environment for environment in before.environments if environment.deployments]
    try:
        with bugs_as(GitError):
            snapshot = read_again(world, before)
            tags = world.repository.tags() if tagged else {}
            line = _line(world, snapshot, tags, tagged)
            every = history.all_releases(line, snapshot.layout.owners, tags)
    except (GitError, ConfigError) as error:
        return tuple(_alike("recorded", [("", error.problem)]))
    facts.learn_recorded(snapshot.commit, line, tags if tagged else None)
    return (
        *_alike("tagged", _tag_all(world, facts, snapshot, line, every, tagged)),
        *_alike("recorded", _deploy_all(world, snapshot, every, deployed) if deployed else ()),
    )


def _line(world: World, snapshot: Snapshot, tags: Mapping[str, str], tagged: Sequence[Environment]) -> Line:
    """The history down to a tag of each environment; what the forge has is looked for in the first part alone."""
    numbers = history.tag_numbers(tags)
    needed = [set(numbers.get(environment.name, ())) for environment in tagged]

    def enough(line: Line) -> bool:
        commits = {step.commit for step in line.steps}
        return line.complete or not any(commits.isdisjoint(own) for own in needed)

    return read_line(world, snapshot, enough)


def _tag_all(
    world: World, facts: Facts, before: Snapshot, line: Line, every: Releases, wanted: Sequence[Environment]
) -> Iterator[tuple[str, Problem]]:
    """Tag the releases of these environments that have no tag yet; what went wrong, by environment."""
    tags, untagged = facts.known_release_tags or {}, {}
    for environment in wanted:
        match history.due_tags(every.get(environment.name, ()), tags, complete=line.complete):
            case Problem() as problem:
                yield environment.name, problem
            case releases if releases:
                untagged[environment.name] = environment
    if not untagged:
        return
    scope = Scope(before.config, before.repository, before.branch, before.commit, [*untagged])
    try:  # all other environments are read too, since pins may come from there
        with bugs_as(GitError):
            snapshot = read(world, scope, also=before.config.environments)
            line = read_line(world, snapshot)
    except (GitError, ConfigError) as error:
        yield "", error.problem
        return
    every = history.all_releases(line, snapshot.layout.owners)
    for name, environment in untagged.items():
        try:
            with bugs_as(GitError):
                tags = _tag(world, snapshot, line, every, tags, environment)
            facts.learn_recorded(snapshot.commit, line, tags)
        except GitError as error:
            yield name, error.problem


def _tag(
    world: World, snapshot: Snapshot, line: Line, every: Releases, tags: Mapping[str, str], environment: Environment
) -> Mapping[str, str]:
    """Tag the releases of one environment until nobody else is faster; gives all tags then, or raises a GitError."""
    known, race = every.get(environment.name, ()), Race(world.clock)
    while True:
        untagged = history.due_tags(known, tags, complete=line.complete)
        if isinstance(untagged, Problem):
            raise GitError(untagged)
        if not untagged:
            return tags
        numbered = {release.commit: release for release in untagged}
        own = [numbered.get(release.commit, release) for release in known]
        records = records_of(environment, {**every, environment.name: own}, line)
        chosen = [records[at] for at, release in enumerate(known) if release.commit in numbered]
        merges, _ = merges_of(world, snapshot, chosen)
        new = []
        for record in reversed(chosen):  # the oldest first, each with what `history` prints of it
            try:
                its_content = content(world, snapshot, environment, record.id)
            except (ConfigError, EditError):
                its_content = None
            release = ReleaseMerge(record, merges.get(record.id, Merge(None)), its_content)
            new.append(NewTag(history.tag_name(record.release), record.id, text(release)))
        try:
            with world.whole():
                world.repository.create_tags(new)
        except LostRace as lost:
            race.wait(lost)
            tags = world.repository.tags()
        else:
            if taken := history.skipped_tags(known, untagged, tags):
                what = f"these tags number no release of {environment.name} on {snapshot.branch}"
                message = f"{what}, so new releases have the numbers behind theirs: {shortlist(taken, _NAMED)}"
                see = f"See `gitops-bot history {environment.name} --verify`."
                world.warn(Problem("failed.git", message, f"The branch was rewritten, or people pushed them. {see}"))
            return {**tags, **{tag.name: tag.commit for tag in new}}


def _alike(what: str, problems: Iterable[tuple[str, Problem]]) -> Iterator[Problem]:
    """One problem for all environments that have it, as the next step tells."""
    alike: dict[tuple[str, str], tuple[Problem, list[str]]] = {}
    for name, problem in problems:
        alike.setdefault((problem.code, problem.next), (problem, []))[1].append(name)
    for problem, names in alike.values():
        of = f" ({shortlist(names, _NAMED)})" if any(names) else ""
        yield replace(problem, message=f"releases are not {what}{of}: {problem.message}")


def records_of(environment: Environment, every: Releases, line: Line) -> Records:
    """What each release of an environment was, given those of every environment."""
    first = environment.promotion.source if environment.promotion is not None else None
    others = sorted(every.keys() - {environment.name}, key=lambda name: (name != first, name))
    known = every.get(environment.name, ())
    return Records(known, line, announcement_reader(environment.name), [every[name] for name in others])


def announcement_reader(environment: str) -> Callable[[Step], Announced | None]:
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
        with bugs_as(ForgeError):
            return world.forge.merges(snapshot.branch, [record.id for record in shown]), []
    except ForgeError as error:
        return {}, [replace(error.problem, message=f"who merged these releases is not known: {error.problem.message}")]


def _deploy_all(
    world: World, snapshot: Snapshot, every: Releases, wanted: Sequence[Environment]
) -> Iterator[tuple[str, Problem]]:
    """Record the newest releases of these environments that are not recorded yet; what went wrong, by environment."""
    if world.forge is None:
        no_token = Problem("failed.auth", "there is no token for this server", "Set one, or remove `records`.")
        yield from ((environment.name, no_token) for environment in wanted)
        return
    try:
        with bugs_as(ForgeError):
            deployed = world.forge.deployments([environment.name for environment in wanted])
    except ForgeError as error:
        yield from ((environment.name, error.problem) for environment in wanted)
        return
    for environment in wanted:
        name = environment.name
        recorded = {deployment.commit for deployment in deployed[name] if deployment.finished}
        known = every.get(name, ())
        for release in history.unrecorded(known, recorded, first=_FIRST, most=_MOST):
            try:
                with bugs_as(ForgeError), world.whole():
                    artifacts = _artifacts(snapshot, known, release) if environment.artifact_metadata else ()
                    problem = world.forge.deploy(Deployment(name, release.commit, artifacts))
            except ForgeError as error:
                yield name, error.problem
                break  # the next one would come before it
            if problem is not None:
                yield name, problem


def _artifacts(snapshot: Snapshot, known: Sequence[Release], release: Release) -> tuple[ReleasedImage, ...]:
    artifacts = [
        ReleasedImage(snapshot.image(pin.key), pin.after.digest, pin.after.tag, f"{pin.file}:{pin.name}")
        for pin in change_at(known, known.index(release)).pins
        if pin.after is not None and pin.after.digest is not None
    ]
    return tuple(artifacts[:_ARTIFACTS])


def content(world: World, snapshot: Snapshot, environment: Environment, commit: str) -> Content:
    """The content of an environment at a commit, by the overlays that the configuration means there.

    Raises:
        GitError, ConfigError: as `select`.
        EditError: these are too many files.
    """
    tree, contents = world.repository.tree(commit), partial(world.repository.read, commit)
    then = select(snapshot.config, tree, {environment.name}, contents)
    overlays, owners = then.selection.overlays[environment.name], then.owners

    def is_foreign(path: str) -> bool:
        names = owners.environments(path)
        return bool(names) and environment.name not in names

    references = reach({overlay_file.directory for overlay_file in overlays}, tree, contents, is_foreign)
    blobs = world.repository.blobs(commit)
    paths = references.files | {overlay.file for overlay in overlays}
    return Content.of(commit, environment.name, overlays, {path: blobs[path] for path in paths}, references.unfollowed)
